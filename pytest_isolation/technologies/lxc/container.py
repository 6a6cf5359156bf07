"""One LXC container, from its directories to its removal."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.lifetime import remove_tree
from pytest_isolation.errors import NO_CONTROL_GROUPS, BoxError, Unsupported
from pytest_isolation.technologies import launcher, mounts, program
from pytest_isolation.technologies.handed import handed
from pytest_isolation.technologies.identity import check_shared_kernel
from pytest_isolation.technologies.lxc import state
from pytest_isolation.technologies.lxc.configuration import Configuration, is_passed_on, mapped_option, sets_limits
from pytest_isolation.technologies.lxc.holes import plan_of
from pytest_isolation.technologies.lxc.ids import id_map, own_range

if TYPE_CHECKING:
    from contextlib import ExitStack

    from pytest_isolation.agent.client import Agent, Proc
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec

CONFIG = "box.conf"
"""Not the name LXC's programs load by themselves: they could not read it without the environment it names."""


class Container:
    """One container, from its configuration to its removal."""

    def __init__(self, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> None:
        self.spec, self.lifetime, self.undo = spec, lifetime, undo
        self.name = f"pytest-isolation-{lifetime.run_id}-{secrets.token_hex(4)}"
        self.ids = id_map(spec)
        self.plan = plan_of(spec)
        self.place = self._container_path()
        self.volumes: dict[str, Path] = {}
        self.pid: int | None = None
        self.root = Path("/")
        self._agent_path = "/agent"
        self.version = program.version("lxc-start", "lxc")
        self.notes: list[str] = []
        self.group: cgroups.Group | None = None
        guard = lifetime.new_group(spec.name, launcher.GUARD)
        self._guard = guard
        if guard is None:
            if launcher.limits_of(spec) != cgroups.Limits():
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
        spec, undo = self.spec, self.undo
        programs = self._programs("start")
        self._make_root(programs.proc)
        for volume in spec.volumes:
            self._make_volume(volume.target, nested=volume.nested)
        self._directory(self.place / self.name, 0o755)
        config = self.place / self.name / CONFIG
        config.write_bytes(self._configuration().text())
        self.lifetime.register("lxc:container", f"{self.name} {self.place}")
        command = "lxc-start" if self.plan.first else "lxc-execute"
        argv = [program.find(command, "lxc"), "-P", os.fspath(self.place), "-n", self.name, "-f", os.fspath(config)]
        argv += self._close(command)
        argv += ["--", self._agent_path] if command == "lxc-execute" else ["-F"]
        pid = programs.start(argv, env=self._environ(), prepare=self._leak)
        if self.plan.leaves_group:
            # LXC's monitor removes the group; killed before the box ends, it cannot.
            undo.callback(_kill, pid)
        agent = programs.hello(command)
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

    def _limit(self, group: cgroups.Group) -> None:
        """Where LXC knows no keys of control groups v1 any more: from outside, on the group it made."""
        limits = launcher.limits_of(self.spec)
        if not sets_limits(self.version) and limits != cgroups.Limits():
            cgroups.limit(group, limits)
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
        programs.start([*argv, "--", self._agent_path], env=self._environ())
        agent = programs.hello("lxc-attach")
        self.undo.callback(agent.close)
        return agent

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
        made = cgroups.create(f"{self._guard.path}/{group}", cgroups.Limits()) if self._guard is not None else None
        return program.Programs(made, self.undo, self.spec.caller)

    def _directory(self, path: Path, mode: int) -> Path:
        path.mkdir()
        path.chmod(mode)
        self.undo.callback(remove_tree, path)
        return path

    def _make_root(self, proc: Proc) -> None:
        sibling = self.spec.extra.get("sibling")
        if not self.plan.own_root and sibling is not None:
            self.root = sibling.parts.root
            return
        self.root, self._agent_path = launcher.new_root(self.spec, self.lifetime, proc, self.undo)
        if mapped_option(self.ids) and not isinstance(self.spec.image, str):
            self.root = self._reachable(self.root)

    def _reachable(self, made: Path) -> Path:
        """Move a directory of the run's to where root of the box, and no other user, can reach it."""
        assert self.ids is not None
        inner = self._directory(self.place / f"{self.name}.{made.name}", 0o710)
        os.chown(inner, 0, self.ids.groups)
        return made.rename(inner / "tree")

    def _handed_directory(self, name: str) -> Path:
        """One that root of the box reaches, whichever user that is outside."""
        directory = self.lifetime.new_directory(name)
        directory.chmod(0o755)
        self.undo.callback(self.lifetime.remove_directory, directory)
        return self._reachable(directory) if mapped_option(self.ids) else directory

    def _make_volume(self, target: str, *, nested: bool) -> None:
        directory = self.lifetime.new_directory("volume")
        directory.chmod(0o777)
        self.undo.callback(self.lifetime.remove_directory, directory)
        if mapped_option(self.ids):
            directory = self._reachable(directory)
        if nested:
            mounts.nested(directory, self.lifetime, self.undo)
        self.volumes[target] = directory
        # LXC makes no directory below a read-only root.
        (self.root / target.lstrip("/")).mkdir(parents=True, exist_ok=True)

    def _configuration(self) -> Configuration:
        return Configuration(
            spec=self.spec,
            ids=self.ids,
            root=self.root,
            agent=self._agent_path,
            guard=self._guard.path if self._guard is not None else None,
            version=self.version,
            volumes=self.volumes,
            handed=handed(self.spec, self.lifetime, self.undo, self._handed_directory),
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
