"""One container, from its guard to its agent's hello."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.image import Image, base_image
from pytest_isolation.errors import NO_CONTROL_GROUPS, BoxError, Cause, Unsupported, unless_root
from pytest_isolation.technologies import launcher, mounts, program
from pytest_isolation.technologies.handed import handed
from pytest_isolation.technologies.identity import check_runtime
from pytest_isolation.technologies.opens import folded
from pytest_isolation.technologies.podman import door
from pytest_isolation.technologies.podman.arguments import arguments, own
from pytest_isolation.technologies.podman.engine import LABEL
from pytest_isolation.technologies.podman.holes import OPENS, Plan
from pytest_isolation.technologies.ports import published

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack

    from pytest_isolation.agent.client import Agent, Proc
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.technologies.podman.engine import Engine

REPOSITORY = "localhost/pytest-isolation"
OURS = "/agent"
"""Where the agent is in an image made by us."""
THEIRS = "/.pytest-isolation-agent"
"""Where it is mounted in an image that is not."""

FEW_IDS = Cause(
    "the box needs more ids than this user has in /etc/subuid and /etc/subgid",
    "as root: usermod --add-subuids and --add-subgids with a further range, then podman system migrate",
)


class Start:
    """`pid`, `group`, `root`, `volumes`, `asked`, `address` and `facts` are for the box's BoxHandle, after run()."""

    def __init__(self, engine: Engine, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> None:
        self.engine, self.spec, self.lifetime, self.undo = engine, spec, lifetime, undo
        self.plan = folded(OPENS, Plan(), spec)
        self.name = f"pytest-isolation-{lifetime.run_id}-{secrets.token_hex(4)}"
        self.pid: int | None = None
        self.group: cgroups.Group | None = None
        self.root: Path | None = None
        self.address: str | None = None
        self.volumes: dict[str, Path] = {}
        self.asked: cgroups.Limits | None = None
        """The spec says so."""
        self.facts: dict[str, Any] = {}
        self._theirs = isinstance(spec.image, str)
        self._agent = THEIRS if self._theirs else OURS
        self._guard: cgroups.Group | None = None

    def run(self) -> Agent:
        """Raises Unavailable, Unsupported, BoxError with Podman's own words."""
        spec, engine, undo = self.spec, self.engine, self.undo
        self._check_limits()
        self._check_identity()
        engine.keep_quiet(self.lifetime)
        tag = spec.image if isinstance(spec.image, str) else self._image()
        runtime, note = engine.runtime(spec)
        elsewhere = self._elsewhere()
        programs = program.Programs(door.group_for_a_command(self._guards()), undo, spec.caller)
        self.lifetime.register("podman:container", engine.handle(self.name))
        undo.callback(engine.remove, "container", self.name)
        options = [*engine.ulimits()]
        options += arguments(spec, name=self.name, agent=self._agent, run_id=self.lifetime.run_id)
        if self._guard is not None and not engine.rootless:
            options += ["--cgroup-parent", f"/{self._guard.path}"]
        options += [*self._mounts(), tag]
        self._start(programs, [engine.path, *engine.global_arguments(), "--runtime", runtime], options, elsewhere)
        agent = programs.hello("podman run")
        undo.callback(agent.close)
        self._look(agent)
        if note:
            self.facts["notes"] = [note]
        return agent

    def _elsewhere(self) -> Callable[[Proc], Sequence[int]]:
        """A child that leaves the user's directory: conmon writes a file `oom` into the one it is started in."""
        place = self.lifetime.new_directory("podman")
        self.undo.callback(self.lifetime.remove_directory, place)

        def prepare(child: Proc) -> Sequence[int]:
            must(child.chdir(os.fspath(place)), "a directory for conmon")
            return self.engine.become_account(child)

        return prepare

    def _start(
        self,
        programs: program.Programs,
        podman: Sequence[str],
        options: Sequence[str],
        elsewhere: Callable[[Proc], Sequence[int]],
    ) -> None:
        """`podman run`; in two steps where the user has options: a path in them counts from his directory."""
        environ = self.engine.environ_words()
        if not own(self.spec):
            programs.start([*podman, "run", *options], env=environ, prepare=elsewhere)
            return
        if programs.run([*podman, "create", *options], env=environ, prepare=self.engine.become_account):
            raise BoxError(f"podman create did not make the container{programs.because()}")
        attached = [*podman, "start", "--attach", "--interactive", self.name]
        programs.start(attached, env=environ, prepare=elsewhere)

    def enter(self) -> Agent:
        """As `podman exec` does."""
        words = self.plan.entering
        return door.enter(self.engine, self.name, self._agent, self._guards(), self.undo, self.spec.caller, words)

    # -- what it needs before --------------------------------------------------------------

    def _check_identity(self) -> None:
        """Rootless, the ids of a box are those of the user's ranges: podman itself would only say EINVAL."""
        spec, ids = self.spec.delivered, self.engine.ids()
        for word, asked, known in (("uid", spec.uid, ids[0]), ("gid", spec.gid, ids[1])):
            if known is not None and asked >= known:
                raise Unsupported(
                    f"{word}={asked}: a rootless box of this user has the ids up to {known - 1}", cause=FEW_IDS
                )

    def _check_limits(self) -> None:
        if self.engine.rootless and cgroups.mode() != "v2" and launcher.limits_of(self.spec) != cgroups.Limits():
            raise Unsupported(
                "rootless Podman sets limits on cgroup v2 only, and this host has v1 controllers",
                cause=unless_root(NO_CONTROL_GROUPS),
            )

    def _guards(self) -> cgroups.Group | None:
        if self._guard is None:
            self._guard = self.lifetime.new_group(self.spec.name, launcher.GUARD)
            if self._guard is not None:
                self.undo.callback(self._guard.remove)
        return self._guard

    def _image(self) -> str:
        """The tag of the image with the tree `spec` asks for, imported unless this run has done so.

        The plain image lives as long as the run; one with a tree of the spec's own, as long as its box.
        """
        tree = (base_image() + (self.spec.image if isinstance(self.spec.image, Image) else Image())).carried(
            self.spec.weakenings
        )
        self._check_owners(tree)
        data = tree.to_tar()
        digest = hashlib.sha256(data).hexdigest()[:16]
        tag = f"{REPOSITORY}:{digest}-{self.lifetime.run_id}-{os.getpid()}"
        if self.spec.image is not None:
            tag += f"-{secrets.token_hex(3)}"  # its own: another with an equal tree may be ending just now
        known = f"podman image {self.engine.uid} {tag}"
        if known in self.lifetime.kept:
            return tag
        self.lifetime.register("podman:image", self.engine.handle(tag))
        if self.spec.image is None:
            self.lifetime.kept[known] = True
            self.lifetime.at_end(lambda: self.engine.remove("image", tag))
        else:
            self.undo.callback(self.engine.remove, "image", tag)
        label = f"LABEL {LABEL}={self.lifetime.run_id}"
        self.engine.command("import", "--quiet", "--change", label, "-", tag, given=data)
        return tag

    def _check_owners(self, tree: Image) -> None:
        """Podman would find out while it unpacks, and now and then crashes then and leaves its temporary files."""
        uids, gids = self.engine.ids()
        if any(
            known is not None and owner >= known
            for entry in tree.entries
            for owner, known in ((entry.uid, uids), (entry.gid, gids))
        ):
            raise Unsupported("the image has owners beyond the ids that this user has in /etc/subuid", cause=FEW_IDS)

    def _mounts(self) -> list[str]:
        spec = self.spec
        found: list[str] = []
        for volume in spec.volumes:
            directory = self._directory("volume")
            if volume.nested:
                mounts.nested(directory, self.lifetime, self.undo)
            self.volumes[volume.target] = directory
            mode = "ro" if volume.read_only and self.plan.read_only else "rw"
            found += ["--volume", f"{directory}:{volume.target}:{mode}"]
        for one in handed(spec, self.lifetime, self.undo, self._directory):
            found += ["--volume", f"{one.host}:{one.target}:rw"]
        if self.plan.propagates:
            shared = mounts.shared(self._directory("shared"), self.lifetime, self.undo)
            found += ["--volume", f"{shared}:/mnt:rshared"]
        if not self.plan.own_root:
            found += self._shared_root()
        if self._theirs:
            binary = self._directory("agent") / "agent"
            binary.write_bytes(agent_binary().read_bytes())
            binary.chmod(0o755)
            found += ["--volume", f"{binary}:{self._agent}:ro"]
        return found

    def _shared_root(self) -> list[str]:
        sibling = self.spec.extra.get("sibling")
        if sibling is not None:
            shared = Path(sibling.parts.facts["shared root"])
        else:
            shared = self._directory("root")
            for name in mounts.SHARED:
                (shared / name).mkdir()
                (shared / name).chmod(0o1777)
        self.facts["shared root"] = os.fspath(shared)
        return [word for name in mounts.SHARED for word in ("--volume", f"{shared / name}:/{name}:rw")]

    def _directory(self, prefix: str) -> Path:
        if self.engine.account is not None:
            raise Unsupported(
                f"{self.engine.account.name} would have to mount a directory of this run, which is for its own user; "
                "run pytest as that user to measure this"
            )
        directory = self.lifetime.new_directory(prefix)
        directory.chmod(0o777)
        self.undo.callback(self.lifetime.remove_directory, directory)
        return directory

    # -- what became of it -----------------------------------------------------------------

    def _look(self, agent: Agent) -> None:
        """What the host sees of the container, and whether its runtime is the one that was named."""
        (found,) = json.loads(self.engine.command("container", "inspect", self.name))
        asked, _ = self.engine.runtime(self.spec)
        used = str(found.get("OCIRuntime") or asked)
        if Path(used).name != Path(asked).name:
            raise BoxError(f"{self.spec.id}: the runtime {asked} was asked for, and Podman used {used}")
        check_runtime(agent, Path(used).name, used if "/" in used else self.engine.program_of(used), same_host=True)
        self.facts |= {"id": found["Id"], "name": self.name, "published": published(found)}
        if not self._theirs:
            self.facts["environment"] = launcher.environment(self.spec)
        self.pid = int(found["State"]["Pid"])
        if not self.pid or not Path(f"/proc/{self.pid}").exists():
            raise BoxError(f"{self.spec.id}: Podman says that its first process is {self.pid}, which is not there")
        settings = found.get("NetworkSettings") or {}
        networks = [settings, *(settings.get("Networks") or {}).values()]
        self.address = next((one["IPAddress"] for one in networks if one.get("IPAddress")), None)
        places = cgroups.places_of(self.pid, found["Id"])
        # Rootless on v1 it has no group of its own, and stays where Podman was started.
        self.group = cgroups.group_at(places) if places else self._guard
        merged = ((found.get("GraphDriver") or {}).get("Data") or {}).get("MergedDir")
        if merged and not self.engine.rootless and os.access(merged, os.R_OK | os.X_OK):
            self.root = Path(merged)
        if not self.plan.cgroup_read_only:
            mounts.make_cgroups_writable(self.pid)
