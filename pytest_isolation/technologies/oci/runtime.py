"""An OCI runtime as a technology: it makes the bundle's container, detaches, and the agent answers on its pipes.

The runtime's state is in the run's own directory (--root), so a clean-up knows where to look.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes import cgroups, making_groups
from pytest_isolation.boxes.handle import BoxHandle, Life, Pausing
from pytest_isolation.boxes.host import LOCAL_HOST
from pytest_isolation.boxes.life import as_shells_do
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import (
    IMAGE_LOSSES,
    LIMITS,
    Weakenings,
    drop,
    hand_in,
    join_sibling,
    lossy,
    share,
    unlimited,
)
from pytest_isolation.boxes.words import in_utf8
from pytest_isolation.errors import ONE_ID, BoxError, Unavailable, Unsupported, UsageError, unless_root
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies import launcher, program
from pytest_isolation.technologies.base import flag, refuse_unknown_holes, start_box
from pytest_isolation.technologies.building import Building
from pytest_isolation.technologies.capabilities import granted
from pytest_isolation.technologies.container import OF_CONTAINERS, joins, shares
from pytest_isolation.technologies.handed import Handed
from pytest_isolation.technologies.identity import check_shared_kernel
from pytest_isolation.technologies.lacking import taken_name
from pytest_isolation.technologies.limiting import ALL, limits_asked
from pytest_isolation.technologies.namespaces.user import check_user_namespaces
from pytest_isolation.technologies.oci import bundle, lacking
from pytest_isolation.technologies.oci.wording import WORDING
from pytest_isolation.technologies.opens import Opens, adds, as_root, by, each, folded, openable, sets
from pytest_isolation.technologies.pausing import pausing
from pytest_isolation.technologies.wording import lossy_words, worded

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Agent, Proc
    from pytest_isolation.boxes.lifetime import Lifetime

COMMANDS = ("run", "exec", "delete", "pause", "resume")
GRANTED = ("SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "DAC_READ_SEARCH", "SYS_TIME", "SYS_NICE")


OPENS: Opens = {
    **OF_CONTAINERS,
    **each(("uts", "cgroup"), share, shares),
    join_sibling("uts"): joins("uts"),
    **granted(lambda name: adds("granted", name).where(as_root), GRANTED),
    **each(LIMITS, unlimited, by(launcher.limits_of).where(as_root)),
    drop("masks"): sets("masks", False),
    drop("close-fds"): sets("closes", False),
    drop("pause"): sets("pauses_whole", False),
    drop("process-limits"): by(limits_asked),
    drop("no-new-privs"): sets("no_new_privs", False),
    drop("keyring"): sets("own_keyring", False),
    drop("exec-user"): sets("enters_as_user", False).where(as_root),
    drop("exec-capabilities"): sets("enters_unprivileged", False).where(as_root),
    drop("exec-no-new-privs"): sets("enters_with_no_new_privs", False),
    drop("exec-limits"): sets("enters_with_limits", False),
    drop("clean-up"): sets("leaves_group", True).where(as_root),
    **each(IMAGE_LOSSES, lossy, by(launcher.new_root)),
    **lossy_words(WORDING, by(worded)),
    hand_in("group"): sets("groups", [launcher.HANDED_GROUP]).where(as_root),
    hand_in("variable"): by(launcher.environment),
}


class OciRuntime:
    """A runtime with runc's command line.  What differs is overridden by the technologies."""

    name = ""
    program = ""
    package = ""
    """Debian's, that has the program."""
    start_ms = 80
    doors = ("start", "exec")
    shares_kernel = True
    lacking = lacking.WORDS
    limits_known = ALL
    wording = WORDING
    opens: Opens = OPENS
    networks: tuple[str, ...] = ("none", "host")
    keywords: Mapping[str, str] = {
        "rootless": "true: a user namespace with root mapped to this user, as `spec --rootless` has it",
        "cgroupns": "private or host: the cgroup namespace, whatever `spec` says by default",
        "cap_add": "capabilities (capabilities(7), without CAP_) beside those `spec` gives, a list",
    }

    # -- what a technology may override ----------------------------------------------------

    def arguments(self, spec: BoxSpec) -> list[str]:
        """Of every command, before its name."""
        return ["--rootless=true"] if self.rootless(spec) else []

    def base(self, spec: BoxSpec) -> bundle.Config:
        """The config to begin with."""
        return bundle.defaults(self.path(), rootless=self.rootless(spec))

    def prepare(self, spec: BoxSpec, child: Proc) -> Sequence[int]:
        """Called with the process that becomes the runtime; the descriptors it keeps."""
        return ()

    def state_pid(self, place: Path, identity: str) -> int:
        """The first process of the container by the runtime's own state; raises OSError, ValueError, KeyError."""
        return int(json.loads(text_of(place / identity / "state.json"))["init_process_pid"])

    def check_identity(self, agent: Agent) -> None:
        """Raises BoxError when what answers does not live in a box of this runtime."""
        check_shared_kernel(agent, self.name)

    # -- Technology ------------------------------------------------------------------------

    def weakenings(self) -> Weakenings:
        return openable(self.opens)

    def plan(self, spec: BoxSpec) -> bundle.Plan:
        """The defences that stand, of a container with these holes."""
        return folded(self.opens, bundle.Plan(), spec)

    def check_available(self, spec: BoxSpec) -> None:
        launcher.check_image(spec)
        refuse_unknown_holes(self, spec)
        said = program.version(self.program, self.package)
        if not said.startswith(self.program):
            raise Unavailable(f"the {self.program} in PATH says it is {said!r}", f"apt install {self.package}")
        if spec.network not in (None, *self.networks):
            expected = " or ".join(self.networks)
            raise UsageError(f"network={spec.network}: {self.name} has {expected}; give one of those")
        if spec.option("cgroupns") not in (None, "private", "host"):
            raise UsageError(f"cgroupns={spec.option('cgroupns')}: expected private or host")
        if os.geteuid() != 0:
            check_user_namespaces()
        if self.rootless(spec) and (spec.uid or spec.gid):
            raise Unsupported(
                f"a rootless {self.name} box has one user, root",
                "leave uid and gid out",
                cause=unless_root(ONE_ID),
            )

    def facts(self, spec: BoxSpec) -> Mapping[str, Any]:
        said = program.version(self.program, self.package)
        return {"version": said.partition("version ")[2], "rootless": self.rootless(spec)}

    def launch(self, spec: BoxSpec, lifetime: Lifetime) -> Box:
        self.check_available(spec)
        return start_box(spec, lambda undo: self._parts(spec, lifetime, undo))

    def _parts(self, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> BoxHandle:
        container = Container(self, spec, lifetime, undo)
        return self._handle(container, container.start())

    def _handle(self, container: Container, agent: Agent) -> BoxHandle:
        return BoxHandle(
            agent=agent,
            life=container.life(lambda made: self._handle(container, made)),
            init_pid=container.pid if self.shares_kernel else None,
            kernel_pid=None if self.shares_kernel else container.pid,
            group=container.group,
            root=container.root,
            volumes=container.volumes,
            enter=container.enter,
            pausing=container.pausing(),
            shares_kernel=self.shares_kernel,
            agent_path=container.agent_path,
            id=container.id,
            said=container.said,
            mounted={one.target: (one.host, False) for one in container.handed},
        )

    def clean(self, kind: str, handle: str) -> bool:
        """`container`: its id and the directory of the runtime's state."""
        identity, _, place = handle.partition(" ")
        if kind != "container" or not Path(place).is_dir() or not any(identity in name for name in os.listdir(place)):
            return False
        argv = [self.path(), "--root", place, "delete", "--force", identity]
        done = program.ended(argv, timeout=60)
        if done.returncode:
            raise BoxError(f"{' '.join(argv)}: {' '.join(done.stderr.split())}")
        return True

    # -- the rest ----------------------------------------------------------------------------

    def path(self) -> str:
        """Of the runtime's program.  Raises Unavailable."""
        return program.find(self.program, self.package)

    def rootless(self, spec: BoxSpec) -> bool:
        """Whether the container has a user namespace, by wish or because we are not root."""
        return os.geteuid() != 0 or flag(spec, "rootless")


class Container(Building):
    """One container, from its bundle to its removal."""

    def __init__(self, runtime: OciRuntime, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> None:
        super().__init__(spec, lifetime, undo)
        self.runtime = runtime
        self.plan = runtime.plan(spec)
        self.id = f"pytest-isolation-{lifetime.run_id}-{secrets.token_hex(4)}"
        self.state = lifetime.directory / runtime.name
        self.state.mkdir(mode=0o700, exist_ok=True)
        self.command = [runtime.path(), *runtime.arguments(spec), "--root", os.fspath(self.state)]
        self.handed: list[Handed] = []
        self.said: Callable[[], str] = lambda: ""
        self.group: cgroups.Group | None = None
        self.pid: int | None = None
        self.root: Path | None = None
        self._guard: cgroups.Group | None = None
        self._config: bundle.Config = {}
        self._bundle = Path()
        self._begun: program.Programs | None = None

    def start(self) -> Agent:
        """Raises BoxError with the runtime's own words."""
        spec, undo = self.spec, self.undo
        programs = self._programs(self._runtime_group())
        root = self.root_tree(programs.proc, own=self.plan.own_root)
        place = self.lifetime.new_directory("bundle")
        undo.callback(self.lifetime.remove_directory, place)
        box_group = f"{self._guard.path}/box" if self._guard is not None else None
        self.handed = self.handed_in()
        self._config = bundle.configure(
            self._base(), spec, self.plan, root=root, agent=self.agent_path, group=box_group, handed=self.handed
        )
        self._volumes()
        (place / "config.json").write_text(json.dumps(in_utf8(self._config)), encoding="utf-8")
        self.lifetime.register(f"{self.runtime.name}:container", f"{self.id} {self.state}")
        undo.callback(self._remove, programs)
        self.root, self._bundle = root, place
        return self._first(programs)

    def _first(self, programs: program.Programs) -> Agent:
        """Run the bundle, and find what runs."""
        undo, place = self.undo, self._bundle
        argv = [*self.command, "run", "--bundle", os.fspath(place), "--detach", "--pid-file", os.fspath(place / "pid")]
        argv += [
            *self._kept(),
            *([] if self.plan.own_keyring else ["--no-new-keyring"]),
            taken_name(self.spec) or self.id,
        ]
        self._run(programs, argv, channel=True)
        agent = programs.hello(self.runtime.program)
        undo.callback(agent.close)
        self.pid = int(text_of(place / "pid"))
        self._check(agent)
        self.said, self._begun = programs.said, programs
        self.group = _found(f"{self._guard.path}/box" if self._guard is not None else None)
        return agent

    def life(self, parts: Callable[[Agent], BoxHandle]) -> Life:
        """Its runtime has no stop of its own, and leaves the first process to whoever called it, as to a shim.

        `parts`: what is known of the box when its bundle was run again.
        """

        def status() -> int:
            assert self._begun is not None and self.pid is not None
            return as_shells_do(self._begun.status(self.pid))

        def again() -> BoxHandle:
            assert self._begun is not None and self.pid is not None
            self._begun.end(self.pid)
            self._run(self._begun, [*self.command, "delete", "--force", self.id])
            return parts(self._first(self._programs(self._runtime_group())))

        # What gVisor leaves is its sandbox, not the first process.
        return Life(None, status if self.runtime.shares_kernel else None, again)

    def enter(self) -> Agent:
        """As the runtime's `exec` does."""
        programs = self._programs(self._runtime_group())
        place = self.lifetime.new_directory("exec")
        self.undo.callback(self.lifetime.remove_directory, place)
        entering = bundle.entering(self._config["process"], self.plan)
        (place / "process.json").write_text(json.dumps(in_utf8(entering)), encoding="utf-8")
        # runsc writes a pid file in any case, and takes its own for an argument of the container.
        argv = [*self.command, "exec", "--detach", "--pid-file", os.fspath(place / "pid")]
        argv += ["--process", os.fspath(place / "process.json"), self.id]
        self._run(programs, argv, channel=True)
        agent = programs.hello(f"{self.runtime.program} exec")
        if self.runtime.shares_kernel:
            # The runtime left it to us: unless it is waited for, it counts in the group when it has ended.
            agent.undo.callback(programs.end, int(text_of(place / "pid")))
        self.undo.callback(agent.close)
        return agent

    def pausing(self) -> Pausing | None:
        """By the runtime's own commands; None where it may make no control groups, which it needs for it."""
        if self._guard is None and self.runtime.shares_kernel:
            return None

        def command(name: str) -> None:
            programs = self._programs(self._runtime_group())
            self._run(programs, [*self.command, name, self.id])

        return pausing(
            lambda: command("pause"), lambda: command("resume"),
            whole=self.plan.pauses_whole, pid=self.pid, host=LOCAL_HOST,
        )  # fmt: skip

    def _run(self, programs: program.Programs, argv: list[str], *, channel: bool = False) -> None:
        code = programs.run(argv, env=environ(), channel=channel, prepare=self._prepare)
        if code:
            what = f"{self.runtime.program} {next(word for word in argv if word in COMMANDS)}"
            raise BoxError(f"{self.spec.id}: {what} ended with {code}{programs.because()}")

    def _prepare(self, child: Proc) -> Sequence[int]:
        kept = list(self.runtime.prepare(self.spec, child))
        if not self.plan.closes:
            kept += program.leak(child, self.spec.caller)
        return kept

    def _check(self, agent: Agent) -> None:
        """Is the runtime named the runtime used?"""
        self.runtime.check_identity(agent)
        try:
            known = self.runtime.state_pid(self.state, self.id)
        except (OSError, ValueError, KeyError) as error:
            raise BoxError(
                f"{self.runtime.name} keeps no state of {self.id}: another runtime made it ({error})"
            ) from None
        if known != self.pid:
            raise BoxError(
                f"{self.runtime.name} says that process {known} is {self.id}, and {self.pid} is what it started"
            )

    def _runtime_group(self) -> cgroups.Group | None:
        """A group for the runtime's own processes, in the guard: on v2 a group with groups below has no process."""
        if self._guard is None:
            self._guard = self.lifetime.new_group(self.spec.name, launcher.GUARD)
            if self._guard is None:
                return None
            self.undo.callback(self._guard.kill if self.plan.leaves_group else self._guard.remove)
        return making_groups.create(f"{self._guard.path}/runtime", cgroups.Limits())

    def _programs(self, group: cgroups.Group | None) -> program.Programs:
        return program.Programs(group, self.undo, self.spec.caller)

    def _base(self) -> bundle.Config:
        key = f"{self.runtime.name} spec{' --rootless' if self.runtime.rootless(self.spec) else ''}"
        if key not in self.lifetime.kept:
            self.lifetime.kept[key] = self.runtime.base(self.spec)
        found: bundle.Config = self.lifetime.kept[key]
        return found

    def _volumes(self) -> None:
        for given in self.given_volumes(keeps_read_only=self.plan.read_only):
            bundle.bind(self._config, given.directory, given.target, given.mode, "rprivate")
        if self.plan.propagates:
            bundle.bind(self._config, self.propagating(), "/mnt", "rw", "rshared")
            self._config["linux"]["rootfsPropagation"] = "shared"

    def _kept(self) -> list[str]:
        return [] if self.plan.closes else ["--preserve-fds", "1"]

    def _remove(self, programs: program.Programs) -> None:
        """End the container, wait for it, and have the runtime forget it."""
        if self.plan.leaves_group:
            return  # the guard ends it, and what it leaves is the hole
        if self.pid is not None:
            programs.end(self.pid)
        if self.state.exists() and any(self.id in name for name in os.listdir(self.state)):
            self._run(programs, [*self.command, "delete", "--force", self.id])


def environ() -> list[str]:
    """Our own environment, for programs of the host."""
    return [f"{name}={value}" for name, value in os.environ.items()]


def _found(path: str | None) -> cgroups.Group | None:
    """The group the runtime made, where it made it."""
    if path is None:
        return None
    places = {name: root / path for name, root in cgroups.hierarchies().items() if (root / path).is_dir()}
    return cgroups.Group(path, places) if places else None
