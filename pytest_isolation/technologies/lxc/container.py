"""One LXC container, from its directories to its removal."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from pytest_isolation.boxes import cgroups, making_groups
from pytest_isolation.boxes.handle import BoxHandle, Life, Pausing
from pytest_isolation.boxes.host import LOCAL_HOST
from pytest_isolation.boxes.life import as_shells_do
from pytest_isolation.boxes.lifetime import remove_tree
from pytest_isolation.errors import NO_CONTROL_GROUPS, BoxError, Unsupported
from pytest_isolation.technologies import launcher, program
from pytest_isolation.technologies.building import Building
from pytest_isolation.technologies.identity import check_shared_kernel
from pytest_isolation.technologies.lxc import state
from pytest_isolation.technologies.lxc.configuration import Configuration, is_passed_on, mapped_option, sets_limits
from pytest_isolation.technologies.lxc.holes import plan_of
from pytest_isolation.technologies.lxc.ids import id_map, own_range
from pytest_isolation.technologies.pausing import pausing
from pytest_isolation.technologies.wording import limits_a_group

if TYPE_CHECKING:
    from contextlib import ExitStack

    from pytest_isolation.agent.client import Agent, Proc
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec

CONFIG = "box.conf"
"""Not the name LXC's programs load by themselves: they could not read it without the environment it names."""


class Container(Building):
    """One container, from its configuration to its removal."""

    def __init__(self, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> None:
        super().__init__(spec, lifetime, undo)
        self.name = f"pytest-isolation-{lifetime.run_id}-{secrets.token_hex(4)}"
        self.ids = id_map(spec)
        self.plan = plan_of(spec)
        self.place = self._container_path()
        self.pid: int | None = None
        self.root = Path("/")
        self.version = program.version("lxc-start", "lxc")
        self.notes: list[str] = []
        self.said: Callable[[], str] = lambda: ""
        self.status: Callable[[], int] | None = None
        self.launcher: int | None = None
        self.group: cgroups.Group | None = None
        guard = lifetime.new_group(spec.name, launcher.GUARD)
        self._guard = guard
        if guard is None:
            if launcher.limits_of(spec) != cgroups.Limits() or limits_a_group(spec):
                raise Unsupported(
                    "limits were asked for, and this user may make no control groups", cause=NO_CONTROL_GROUPS
                )
            return
        undo.callback(guard.kill if self.plan.leaves_group else guard.remove)
        if "cpuset" in guard.places:
            # On v1 a group takes no process until its cpuset is filled; LXC fills it by this flag, at the top only.
            (guard.places["cpuset"] / "cgroup.clone_children").write_text("1", encoding="utf-8")

    def start(self) -> Agent:
        """Raises BoxError with LXC's own words."""
        programs = self._programs("start")
        self._make_root(programs.proc)
        for given in self.given_volumes(keeps_read_only=True):
            # LXC makes no directory below a read-only root.
            (self.root / given.target.lstrip("/")).mkdir(parents=True, exist_ok=True)
        self._place(self.place / self.name, 0o755)
        config = self.place / self.name / CONFIG
        config.write_bytes(self._configuration().text())
        self.lifetime.register("lxc:container", f"{self.name} {self.place}")
        return self._first(programs)

    def _first(self, programs: program.Programs) -> Agent:
        """Start what is configured, and find it."""
        undo, config = self.undo, self.place / self.name / CONFIG
        command = "lxc-start" if self.plan.first else "lxc-execute"
        argv = [program.find(command, "lxc"), "-P", os.fspath(self.place), "-n", self.name, "-f", os.fspath(config)]
        argv += self._close(command)
        argv += ["--", self.agent_path] if command == "lxc-execute" else ["-F"]
        pid = programs.start(argv, env=self._environ(), prepare=self._leak)
        if self.plan.leaves_group:
            # LXC's monitor removes the group; killed before the box ends, it cannot.
            undo.callback(_kill, pid)
        agent = programs.hello(command)
        self.said, self.launcher = programs.said, pid
        self.status = lambda: as_shells_do(programs.status(pid))
        undo.callback(agent.close)
        check_shared_kernel(agent, "lxc")
        self.pid = program.last_descendant(pid)
        self._check()
        if self._guard is not None:
            path = f"{self._guard.path}/box"
            places = {name: root / path for name, root in cgroups.hierarchies().items()}
            self.group = cgroups.Group(path, {name: place for name, place in places.items() if place.is_dir()})
            self._limit(self.group)
        return agent

    def life(self, parts: Callable[[Agent], BoxHandle]) -> Life:
        """By lxc-stop and lxc-start; `parts`: what is known of the box when it was started again."""

        def stop(*words: str) -> None:
            config = f"--rcfile={self.place / self.name / CONFIG}"
            state.ask("lxc-stop", self.place, self.name, *words, config)

        def again() -> BoxHandle:
            status = self.status
            if self.pid is None or psutil.pid_exists(self.pid):  # of one that has ended already lxc-stop complains
                stop("--kill")
            if status is not None:
                status()
            return parts(self._first(self._programs("start")))

        return Life(lambda seconds: stop("--timeout", str(seconds)), self.status, again, self.launcher)

    def _limit(self, group: cgroups.Group) -> None:
        """Where LXC knows no keys of control groups v1 any more: from outside, on the group it made."""
        limits = launcher.limits_of(self.spec)
        if not sets_limits(self.version) and limits != cgroups.Limits():
            making_groups.limit(group, limits)
            self.notes.append(f"LXC {self.version} sets no limits of control groups v1: they were set on its group")

    def enter(self) -> Agent:
        """As lxc-attach does."""
        programs = self._programs("attach")
        argv = [program.find("lxc-attach", "lxc"), "-P", os.fspath(self.place), "-n", self.name]
        argv += ["-f", os.fspath(self.place / self.name / CONFIG), "--clear-env"]
        argv += [f"--set-var={variable}" for variable in launcher.environment(self.spec)]
        delivered = self.spec.delivered
        if delivered.uid or delivered.gid:
            argv += [f"--uid={delivered.uid}", f"--gid={delivered.gid}"]
        if self.plan.elevated:
            argv.append(f"--elevated-privileges={'|'.join(self.plan.elevated)}")
        programs.start([*argv, "--", self.agent_path], env=self._environ())
        agent = programs.hello("lxc-attach")
        self.undo.callback(agent.close)
        return agent

    def pausing(self) -> Pausing | None:
        """By lxc-freeze and lxc-unfreeze; None where the box has no control group that we know of."""
        if self.group is None:
            return None

        def command(name: str) -> None:
            argv = [program.find(name, "lxc"), "-P", os.fspath(self.place), "-n", self.name]
            argv.append(f"--rcfile={self.place / self.name / CONFIG}")
            done = program.ended(argv, timeout=30)
            if done.returncode:
                raise BoxError(f"{' '.join(argv)}: {' '.join(done.stderr.split())}")

        return pausing(
            lambda: command("lxc-freeze"), lambda: command("lxc-unfreeze"),
            whole=self.plan.pauses_whole, pid=self.pid, host=LOCAL_HOST,
        )  # fmt: skip

    def _container_path(self) -> Path:
        """-P: the directory with the container's; with an id map, one that root of the box can reach, too."""
        reached = self.ids is not None and os.geteuid() == 0
        key = f"lxc:{reached}"
        if key not in self.lifetime.kept:
            place = self.lifetime.directory / "lxc"
            if reached:
                place = Path(tempfile.gettempdir(), f"pytest-isolation-lxc-{self.lifetime.directory.name}")
                self.lifetime.register("directory", os.fspath(place))
            self.lifetime.register("lxc:locks", os.fspath(place))
            self.lifetime.at_end(lambda: state.forget_locks(place))
            self.lifetime.at_end(lambda: remove_tree(place))
            place.mkdir(mode=0o711)
            state.hold_locks(place)
            self.lifetime.kept[key] = place
        found: Path = self.lifetime.kept[key]
        return found

    def _programs(self, group: str) -> program.Programs:
        made = (
            making_groups.create(f"{self._guard.path}/{group}", cgroups.Limits()) if self._guard is not None else None
        )
        return program.Programs(made, self.undo, self.spec.caller)

    def _place(self, path: Path, mode: int) -> Path:
        path.mkdir()
        path.chmod(mode)
        self.undo.callback(remove_tree, path)
        return path

    def _make_root(self, proc: Proc) -> None:
        self.root = self.root_tree(proc, own=self.plan.own_root)
        siblings = self.sibling is not None and self.root == self.sibling.parts.root
        if mapped_option(self.ids) and not siblings and not isinstance(self.spec.image, str):
            self.root = self._reachable(self.root)

    def _reachable(self, made: Path) -> Path:
        """Move a directory of the run's to where root of the box, and no other user, can reach it."""
        assert self.ids is not None
        inner = self._place(self.place / f"{self.name}.{made.name}", 0o710)
        os.chown(inner, 0, self.ids.groups)
        return made.rename(inner / "tree")

    def directory(self, prefix: str) -> Path:
        """One that root of the box reaches, whichever user that is outside."""
        made = super().directory(prefix)
        return self._reachable(made) if mapped_option(self.ids) else made

    def _configuration(self) -> Configuration:
        return Configuration(
            spec=self.spec,
            ids=self.ids,
            root=self.root,
            agent=self.agent_path,
            guard=self._guard.path if self._guard is not None else None,
            version=self.version,
            volumes=self.volumes,
            handed=self.handed_in(),
        )

    def _environ(self) -> list[str]:
        """What an LXC program has: what its configuration cannot spell, and its own."""
        found = state.environ()
        if self.ids is not None and self.ids != own_range():
            # With newuidmap at hand LXC has it write the map, and it refuses what /etc/subuid does not list.
            found["PATH"] = "/nonexistent"
        for variable in launcher.environment(self.spec):
            name, _, value = variable.partition("=")
            if is_passed_on(value):
                found[name] = value
        return [f"{name}={value}" for name, value in found.items()]

    def _close(self, command: str) -> list[str]:
        """lxc-start passes on what it has open unless it is told not to; lxc-execute has no such option."""
        return ["-C"] if command == "lxc-start" and self.plan.closes else []

    def _leak(self, child: Proc) -> Sequence[int]:
        return [] if self.plan.closes else program.leak(child, self.spec.caller)

    def _check(self) -> None:
        """Is what answers the container LXC knows by this name?"""
        said = state.ask("lxc-info", self.place, self.name, "-pH").strip()
        if not said.isdigit() or not state.descends(self.pid, int(said)):
            raise BoxError(f"lxc-info says that {said!r} is the first process of {self.name}, and {self.pid} answers")


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, 9)
