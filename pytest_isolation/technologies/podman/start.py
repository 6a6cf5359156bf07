"""One container, from its guard to its agent's hello."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.agent.shortcuts import must
from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.handle import BoxHandle, Life
from pytest_isolation.boxes.host import LOCAL_HOST
from pytest_isolation.boxes.image import Image, whole
from pytest_isolation.errors import NO_CONTROL_GROUPS, BoxError, Cause, Unavailable, Unsupported, unless_root
from pytest_isolation.technologies import inspected, launcher, mounts, program, sources
from pytest_isolation.technologies.base import texts
from pytest_isolation.technologies.building import Building
from pytest_isolation.technologies.identity import check_runtime
from pytest_isolation.technologies.opens import folded
from pytest_isolation.technologies.pausing import pausing
from pytest_isolation.technologies.podman import available, door
from pytest_isolation.technologies.podman.arguments import arguments, own
from pytest_isolation.technologies.podman.engine import LABEL
from pytest_isolation.technologies.podman.holes import OPENS, Plan
from pytest_isolation.technologies.roads.podman import PodmanRoads, roads
from pytest_isolation.technologies.wording import limits_a_group

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_isolation.agent.client import Agent, Proc
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.roads import Arrival
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


class Start(Building):
    """One container of ours."""

    def __init__(self, engine: Engine, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> None:
        super().__init__(spec, lifetime, undo)
        self.engine = engine
        self.plan = folded(OPENS, Plan(), spec)
        self.name = f"pytest-isolation-{lifetime.run_id}-{secrets.token_hex(4)}"
        self._theirs = isinstance(spec.image, str)
        self.agent_path = THEIRS if self._theirs else OURS
        self._guard: cgroups.Group | None = None
        self._launcher: int | None = None
        self._roads: PodmanRoads | None = None
        self._ends = ExitStack()
        """What a road has opened."""

    def run(self) -> BoxHandle:
        """Raises Unavailable, Unsupported, BoxError with Podman's own words."""
        spec, engine, undo = self.spec, self.engine, self.undo
        self._check_limits()
        self._check_identity()
        sources.check("podman", "volume", texts(spec, "volume"), os.path.exists, self._has_volume)
        engine.keep_quiet(self.lifetime)
        tag = spec.image if isinstance(spec.image, str) else self._image()
        runtime, note = available.runtime(engine, spec)
        elsewhere = self._elsewhere()
        programs = program.Programs(door.group_for_a_command(self._guards()), undo, spec.caller)
        self.lifetime.register("podman:container", engine.handle(self.name))
        undo.callback(engine.remove, "container", self.name)
        undo.push(self._ends)
        options = [*engine.ulimits()]
        options += arguments(spec, name=self.name, agent=self.agent_path, run_id=self.lifetime.run_id)
        if self._guard is not None and not engine.rootless:
            options += ["--cgroup-parent", f"/{self._guard.path}"]
        options += [*self._mounts(), tag]
        self._start(programs, [engine.path, *engine.global_arguments(), "--runtime", runtime], options, elsewhere)
        agent = programs.hello("podman run")
        undo.callback(agent.close)
        return self._look(agent, programs, [note] if note else [])

    def _has_volume(self, name: str) -> bool:
        try:
            self.engine.command("volume", "exists", name)
        except BoxError:
            return False
        return True

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
            self._launcher = programs.start([*podman, "run", *options], env=environ, prepare=elsewhere)
            return
        if programs.run([*podman, "create", *options], env=environ, prepare=self.engine.become_account):
            raise BoxError(f"podman create did not make the container{programs.because()}")
        attached = [*podman, "start", "--attach", "--interactive", self.name]
        self._launcher = programs.start(attached, env=environ, prepare=elsewhere)

    def _send(self, road: str, image: Image) -> Arrival:
        """By this Podman, in a store of its own that goes with the box."""
        if self.engine.rootless:
            raise Unavailable("what arrives is read by root, and this Podman is a user's", "measure Podman of root")
        if self._roads is None:
            self._roads = self._ends.enter_context(roads(self.lifetime, self.spec.weakenings))
        return self._roads.send(road, image.handed_on(road, self.spec.weakenings))

    def _life(self) -> Life:
        """By podman stop, podman wait and podman start; nothing where Podman removes what has ended."""
        if not self.spec.stop_signal:
            return Life(launcher=self._launcher)
        engine = self.engine

        def again() -> BoxHandle:
            engine.command("stop", "--time", "0", self.name)
            programs = program.Programs(door.group_for_a_command(self._guards()), self.undo, self.spec.caller)
            attached = [engine.path, *engine.global_arguments(), "start", "--attach", "--interactive", self.name]
            programs.start(attached, env=engine.environ_words(), prepare=self._elsewhere())
            agent = programs.hello("podman start")
            self.undo.callback(agent.close)
            return self._look(agent, programs, [])

        return Life(
            lambda seconds: engine.command("stop", "--time", str(seconds), self.name),
            lambda: int(engine.command("wait", self.name)),
            again,
            self._launcher,
        )

    def enter(self) -> Agent:
        """As `podman exec` does."""
        words = self.plan.entering
        return door.enter(self.engine, self.name, self.agent_path, self._guards(), self.undo, self.spec.caller, words)

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
        limited = launcher.limits_of(self.spec) != cgroups.Limits() or limits_a_group(self.spec)
        if limited and self.engine.rootless and cgroups.mode() != "v2":
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
        tree = whole(self.spec.image if isinstance(self.spec.image, Image) else None).carried(self.spec.weakenings)
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
        found: list[str] = []
        for given in self.given_volumes(keeps_read_only=self.plan.read_only):
            found += ["--volume", f"{given.directory}:{given.target}:{given.mode}"]
        for one in self.handed_in():
            found += ["--volume", f"{one.host}:{one.target}:rw"]
        if self.plan.propagates:
            found += ["--volume", f"{self.propagating()}:/mnt:rshared"]
        for target, directory in self.shared_directories().items() if not self.plan.own_root else ():
            found += ["--volume", f"{directory}:{target}:rw"]
        if self._theirs:
            found += ["--volume", f"{self.agent_file()}:{self.agent_path}:ro"]
        return found

    def directory(self, prefix: str) -> Path:
        """Raises Unsupported where the engine is another user's, who cannot reach it."""
        if self.engine.account is not None:
            raise Unsupported(
                f"{self.engine.account.name} would have to mount a directory of this run, which is for its own user; "
                "run pytest as that user to measure this"
            )
        return super().directory(prefix)

    # -- what became of it -----------------------------------------------------------------

    def _look(self, agent: Agent, programs: program.Programs, notes: list[str]) -> BoxHandle:
        """What the host sees of the container, and whether its runtime is the one that was named."""
        (found,) = json.loads(self.engine.command("container", "inspect", self.name))
        asked, _ = available.runtime(self.engine, self.spec)
        used = str(found.get("OCIRuntime") or asked)
        if Path(used).name != Path(asked).name:
            raise BoxError(f"{self.spec.id}: the runtime {asked} was asked for, and Podman used {used}")
        check_runtime(
            agent, Path(used).name, used if "/" in used else available.program_of(self.engine, used), same_host=True
        )
        pid = int(found["State"]["Pid"])
        if not pid or not Path(f"/proc/{pid}").exists():
            raise BoxError(f"{self.spec.id}: Podman says that its first process is {pid}, which is not there")
        places = cgroups.places_of(pid, found["Id"])
        if not self.plan.cgroup_read_only:
            mounts.make_cgroups_writable(pid)
        return BoxHandle(
            agent=agent,
            init_pid=pid,
            # Rootless on v1 it has no group of its own, and stays where Podman was started.
            group=cgroups.group_at(places) if places else self._guard,
            root=None if self.engine.rootless else inspected.merged_root(found),
            volumes=self.volumes,
            enter=self.enter,
            # Without a group of its own, as rootless on v1, Podman refuses to.
            pausing=pausing(
                lambda: self.engine.command("pause", self.name),
                lambda: self.engine.command("unpause", self.name),
                whole=self.plan.pauses_whole,
                pid=pid,
                host=LOCAL_HOST,
            )
            if places
            else None,
            agent_path=self.agent_path,
            resources=inspected.resources_of(found["HostConfig"] | {"CgroupParent": ""}),
            recorded=found["HostConfig"],
            address=inspected.address_of(found),
            id=found["Id"],
            name=self.name,
            life=self._life(),
            send=self._send,
            published=inspected.published(found),
            shared_root=self.shared_root,
            notes=notes,
            said=programs.said,
        )
