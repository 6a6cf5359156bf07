"""LXC: a container from a configuration of its own, in the run's directory, with what LXC's templates include.

Privileged by default, as root's containers are; with `unprivileged=true` root in the box is an ordinary user
of the host.  Who is not root has boxes where root is that very user, with no other id and no limits.
Every program of LXC is told the run's own container path (-P): it knows no other container.
Sources: lxc.container.conf(5), lxc-start(1), lxc-attach(1), the files in /usr/share/lxc/config.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.box import Box, Parts
from pytest_isolation.boxes.lifetime import remove_tree, state_directory
from pytest_isolation.boxes.weakenings import (
    LOSSES,
    Weakenings,
    drop,
    expose,
    grant,
    join_sibling,
    lossy,
    share,
    unlimited,
)
from pytest_isolation.errors import BoxError, Unavailable, Unsupported, UsageError
from pytest_isolation.technologies import launcher, mounts, program
from pytest_isolation.technologies.base import flag, refuse_unknown_holes, texts
from pytest_isolation.technologies.capabilities import number_of
from pytest_isolation.technologies.identity import check_shared_kernel
from pytest_isolation.technologies.namespaces import check_user_namespaces

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Agent, Proc
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec

INCLUDED = Path("/usr/share/lxc/config")
"""What LXC's templates include: common.conf, and userns.conf after it with an id map."""
NAMESPACES = ("pid", "net", "ipc", "uts", "cgroup")
EXPOSED = ("/", "/tmp", "/run", "/sys/fs/cgroup")
CONFIG = "box.conf"
"""Not the name LXC's programs load by themselves: they could not read it without the environment it names."""
GRANTED = ("SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "SYS_TIME", "SYS_NICE")
PERIOD_US = 100_000
LIMITS = {
    "memory": ("memory.limit_in_bytes", "memory.max"),
    "swap": ("memory.memsw.limit_in_bytes", "memory.swap.max"),
    "pids": ("pids.max", "pids.max"),
    "cpu": ("cpu.cfs_quota_us", "cpu.max"),
}
SUBORDINATE = Path("/etc")
"""Where subuid(5) and subgid(5) are."""
FREE_IDS = range(0x80000, 0x7000_0000, 0x10000)
"""Where a range that nobody was given is looked for: the ids nspawn picks from."""


class Lxc:
    name = "lxc"
    start_ms = 90
    keywords: Mapping[str, str] = {
        "unprivileged": "true: an id map, so that root in the box is an ordinary user of the host",
        "idmap": "BASE:SIZE, the host's ids the box is given (default: root's in /etc/subuid, else ids nobody has)",
        "cap_drop": "capabilities (capabilities(7)) that are taken away beside those common.conf names, a list",
        "bridge": "the bridge of the host that network=veth is plugged into",
        "address": "A.B.C.D/BITS, the IPv4 address of a box with network=veth",
        "config": "further lines of the container's configuration, a list: lxc.no_new_privs=1+",
    }

    def weakenings(self) -> Weakenings:
        opened = {share(kind) for kind in NAMESPACES} | {join_sibling(kind) for kind in ("pid", "net", "ipc", "uts")}
        opened |= {lossy(aspect) for aspect in LOSSES} | {expose(path) for path in EXPOSED}
        opened |= {drop(what) for what in ("seccomp", "masks", "read-only", "private-root", "close-fds", "init")}
        if os.geteuid() == 0:
            opened |= {unlimited(what) for what in ("memory", "pids", "cpu")} | {grant(name) for name in GRANTED}
            opened |= {drop(what) for what in ("clean-up", "exec-group", "cgroup-ro", "devices")}
        return frozenset(opened)

    def check_available(self, spec: BoxSpec) -> None:
        refuse_unknown_holes(self, spec)
        program.find("lxc-start", "lxc")
        if os.geteuid() != 0:
            check_user_namespaces()
        if not (INCLUDED / "common.conf").is_file():
            raise Unavailable(f"{INCLUDED}/common.conf, which LXC's templates include, is missing", "apt install lxc")
        _check_network(spec)
        ids = _id_map(spec)
        for name in texts(spec, "cap_drop"):
            number_of(name.upper())
        if ids is not None and max(spec.uid, spec.gid) >= ids.size:
            raise Unsupported(
                f"uid={spec.uid} and gid={spec.gid} are not both among the {ids.size} ids of the box's id map; "
                "give idmap=BASE:SIZE with more, as root"
            )

    def facts(self, spec: BoxSpec) -> Mapping[str, Any]:
        ids = _id_map(spec)
        return {
            "version": program.version("lxc-start", "lxc"),
            "own_users": ids is not None,
            "idmap": f"{ids.users}:{ids.size}" if ids is not None else None,
        }

    def launch(self, spec: BoxSpec, lifetime: Lifetime) -> Box:
        self.check_available(spec)
        started = time.perf_counter()
        with ExitStack() as undo:
            container = _Container(spec, lifetime, undo)
            agent = container.start()
            parts = Parts(
                agent=agent,
                close=lambda: None,
                init_pid=container.pid,
                group=container.group,
                root=container.root,
                volumes=container.volumes,
                enter=container.enter,
                address=str(spec.option("address", "")).partition("/")[0] or None,
                facts={"environment": [*launcher.environment(spec), "container=lxc"], "id": container.name},
                started_ms=(time.perf_counter() - started) * 1e3,
            )
            # What enters later is undone with the box, too.
            container.undo = undo.pop_all()
            parts.close = container.undo.close
        return Box(spec, parts)

    def clean(self, kind: str, handle: str) -> bool:
        """`container`: its name and its container path; `locks`: a container path."""
        if kind == "locks":
            return _forget_locks(Path(handle))
        name, _, place = handle.partition(" ")
        if kind != "container" or not Path(place, name).is_dir() or not _runs(place, name):
            return False
        _ask("lxc-stop", place, name, "--kill")
        return True


class _Container:
    """One container, from its configuration to its removal."""

    def __init__(self, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> None:
        self.spec, self.lifetime, self.undo = spec, lifetime, undo
        self.name = f"pytest-isolation-{lifetime.run_id}-{secrets.token_hex(4)}"
        self.ids = _id_map(spec)
        self.place = self._container_path()
        self.volumes: dict[str, Path] = {}
        self.pid: int | None = None
        self.root = Path("/")
        self._agent_path = "/agent"
        self.group: cgroups.Group | None = None
        guard = lifetime.new_group(spec.name, launcher.GUARD)
        self._guard = guard
        if guard is None:
            if launcher.limits_of(spec) != cgroups.Limits():
                raise Unsupported("limits were asked for, and this user may make no control groups; run as root")
            return
        undo.callback(guard.kill if spec.has(drop("clean-up")) else guard.remove)
        if "cpuset" in guard.places:
            # On v1 a group takes no process until its cpuset is filled; LXC fills it by this flag, at the top only.
            (guard.places["cpuset"] / "cgroup.clone_children").write_text("1")

    def start(self) -> Agent:
        """Raises BoxError with LXC's own words."""
        spec, undo = self.spec, self.undo
        programs = self._programs("start")
        self._make_root(programs.proc)
        self._directory(self.place / self.name, 0o755)
        config = self.place / self.name / CONFIG
        config.write_text("".join(f"{line}\n" for line in self._config()))
        self.lifetime.register("lxc:container", f"{self.name} {self.place}")
        command = "lxc-execute" if spec.has(drop("init")) else "lxc-start"
        argv = [program.find(command, "lxc"), "-P", os.fspath(self.place), "-n", self.name, "-f", os.fspath(config)]
        argv += self._close(command)
        argv += ["--", self._agent_path] if command == "lxc-execute" else ["-F"]
        pid = programs.start(argv, env=self._environ(), prepare=self._leak)
        if spec.has(drop("clean-up")):
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
        return agent

    def enter(self) -> Agent:
        """As lxc-attach does."""
        programs = self._programs("attach")
        argv = [program.find("lxc-attach", "lxc"), "-P", os.fspath(self.place), "-n", self.name]
        argv += ["-f", os.fspath(self.place / self.name / CONFIG), "--clear-env"]
        argv += [f"--set-var={variable}" for variable in launcher.environment(self.spec)]
        delivered = self.spec.delivered
        if delivered.uid or delivered.gid:
            argv += [f"--uid={delivered.uid}", f"--gid={delivered.gid}"]
        if self.spec.has(drop("exec-group")):
            argv.append("--elevated-privileges=CGROUP")
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
            self.lifetime.at_end(lambda: _forget_locks(place))
            self.lifetime.at_end(lambda: remove_tree(place))
            place.mkdir(mode=0o711)
            # Held until the run ends: another run's clean-up takes away what is empty.
            _make(_locks(place))
            self.lifetime.kept[key] = place
        found: Path = self.lifetime.kept[key]
        return found

    def _programs(self, group: str) -> program.Programs:
        made = cgroups.create(f"{self._guard.path}/{group}", cgroups.Limits()) if self._guard is not None else None
        return program.Programs(made, self.undo)

    def _directory(self, path: Path, mode: int) -> Path:
        path.mkdir()
        path.chmod(mode)
        self.undo.callback(remove_tree, path)
        return path

    def _make_root(self, proc: Proc) -> None:
        sibling = self.spec.extra.get("sibling")
        if self.spec.has(drop("private-root")) and sibling is not None:
            self.root = sibling.parts.root
            return
        self.root, self._agent_path = launcher.new_root(self.spec, self.lifetime, proc, self.undo)
        if self._mapped() and not isinstance(self.spec.image, str):
            self.root = self._reachable(self.root)

    def _reachable(self, made: Path) -> Path:
        """Move a directory of the run's to where root of the box, and no other user, can reach it."""
        assert self.ids is not None
        inner = self._directory(self.place / f"{self.name}.{made.name}", 0o710)
        os.chown(inner, 0, self.ids.groups)
        return made.rename(inner / "tree")

    # -- the configuration -----------------------------------------------------------------

    def _config(self) -> Iterator[str]:
        spec = self.spec
        yield f"lxc.include = {INCLUDED}/common.conf"
        if self.ids is not None:
            yield f"lxc.include = {INCLUDED}/userns.conf"
            yield f"lxc.idmap = u 0 {self.ids.users} {self.ids.size}"
            yield f"lxc.idmap = g 0 {self.ids.groups} {self.ids.size}"
        # Standard input and output are the agent's channel.
        yield from ("lxc.console.path = none", "lxc.tty.max = 0")
        yield f"lxc.init.cmd = {self._agent_path}"
        yield f"lxc.rootfs.path = dir:{self.root}"
        options = [*self._mapped(), *(["ro"] if spec.read_only and not spec.has(drop("read-only")) else [])]
        if options:
            yield f"lxc.rootfs.options = {','.join(options)}"
        yield from self._identity()
        yield from self._namespaces()
        yield from self._mounts()
        if self._guard is not None:
            # LXC makes and removes these itself; it leaves the last one to us.
            yield f"lxc.cgroup.dir.container = {self._guard.path}/box"
            yield f"lxc.cgroup.dir.monitor = {self._guard.path}/monitor"
            yield f"lxc.cgroup.dir.monitor.pivot = {self._guard.path}/pivot"
            yield from _limits(spec)
        yield from self._privileges()
        yield from texts(spec, "config")

    def _identity(self) -> Iterator[str]:
        delivered = self.spec.delivered
        yield f"lxc.init.uid = {delivered.uid}"
        yield f"lxc.init.gid = {delivered.gid}"
        yield f"lxc.init.cwd = {delivered.workdir}"
        for variable in launcher.environment(self.spec):
            name, _, value = variable.partition("=")
            yield f"lxc.environment = {name if _is_passed_on(value) else variable}"

    def _namespaces(self) -> Iterator[str]:
        spec = self.spec
        if kept := [kind for kind in NAMESPACES if kind != "net" and spec.has(share(kind))]:
            # All that is not kept is made then: a user namespace without an id map, too.
            yield f"lxc.namespace.keep = {' '.join([*kept, 'time', *([] if self.ids else ['user'])])}"
        sibling, joined = spec.extra.get("sibling"), []
        if sibling is not None:
            joined = [kind for kind in NAMESPACES if spec.has(join_sibling(kind))]
            # Only who is root in the user namespace that owns them may join them.
            for kind in [*(["user"] if joined and self.ids else []), *joined]:
                yield f"lxc.namespace.share.{kind} = {sibling.parts.init_pid}"
        if "uts" not in (*kept, *joined):
            yield f"lxc.uts.name = {spec.hostname}"
        if "net" not in joined:
            yield from self._network()

    def _network(self) -> Iterator[str]:
        spec = self.spec
        if self._in_host_network():
            yield "lxc.net.0.type = none"
        elif spec.network == "veth":
            yield "lxc.net.0.type = veth"
            yield f"lxc.net.0.link = {spec.option('bridge')}"
            yield "lxc.net.0.flags = up"
            if spec.option("address") is not None:
                yield f"lxc.net.0.ipv4.address = {spec.option('address')}"
        else:
            yield "lxc.net.0.type = empty"
            yield "lxc.net.0.flags = up"

    def _in_host_network(self) -> bool:
        return self.spec.has(share("net")) or self.spec.network == "host"

    def _mounts(self) -> Iterator[str]:
        spec = self.spec
        yield from self._automatic()
        for path in ("/tmp", "/run"):
            if spec.read_only and not spec.has(expose(path)):
                yield _entry("tmpfs", path, "tmpfs", "nosuid", "nodev", "mode=1777", "size=16m")
        for path in EXPOSED:
            if spec.has(expose(path)):
                yield _entry(path, "/host" if path == "/" else path, "none", "rbind")
        for volume in spec.volumes:
            yield self._volume(volume.target, volume.read_only, volume.nested)

    def _automatic(self) -> Iterator[str]:
        """What LXC mounts by itself, when that is not what its files say."""
        spec, mapped = self.spec, self.ids is not None
        bare = spec.has(drop("masks"))
        found = {"proc": "proc:rw" if bare else "proc:mixed", "sys": "sys:rw" if bare or mapped else "sys:mixed"}
        # Of a namespace that is shared nothing can be mounted with an id map: the host's own is bound.
        bound = [
            name for name, shared in (("proc", spec.has(share("pid"))), ("sys", self._in_host_network())) if shared
        ]
        bound = bound if mapped else []
        if bare or bound or spec.has(expose("/sys/fs/cgroup")):
            # cgroup:mixed would come over the host's tree.
            yield "lxc.mount.auto ="
            yield from (f"lxc.mount.auto = {text}" for name, text in found.items() if name not in bound)
        yield from (_entry(f"/{name}", f"/{name}", "none", "rbind") for name in bound)
        if spec.has(drop("cgroup-ro")):
            yield "lxc.mount.auto = cgroup:rw:force"

    def _volume(self, target: str, read_only: bool, nested: bool) -> str:
        directory = self.lifetime.new_directory("volume")
        directory.chmod(0o777)
        self.undo.callback(self.lifetime.remove_directory, directory)
        if self._mapped():
            directory = self._reachable(directory)
        if nested:
            mounts.nested(directory, self.lifetime, self.undo)
        self.volumes[target] = directory
        # LXC makes no directory below a read-only root.
        (self.root / target.lstrip("/")).mkdir(parents=True, exist_ok=True)
        options = ["ro"] if read_only and not self.spec.has(drop("read-only")) else []
        return _entry(directory, target, "none", "rbind", *options, *self._mapped())

    def _mapped(self) -> list[str]:
        """The mount option that shows the host's ids as the box's; a user's own files need none, and may have none."""
        return ["idmap=container"] if self.ids is not None and os.geteuid() == 0 else []

    def _privileges(self) -> Iterator[str]:
        spec = self.spec
        granted = {hole.what for hole in spec.weakenings if hole.kind == "grant"}
        dropped = {name.removeprefix("CAP_").upper() for name in texts(spec, "cap_drop")}
        if self.ids is None and granted:
            # A list can be cleared as a whole only.
            yield "lxc.cap.drop ="
            dropped |= _dropped_by_default() - granted
        if dropped - granted:
            yield f"lxc.cap.drop = {' '.join(sorted(dropped - granted)).lower()}"
        if spec.has(drop("seccomp")):
            yield "lxc.seccomp.profile ="
        if spec.has(drop("devices")):
            yield from ("lxc.cgroup.devices.allow = a", "lxc.cgroup2.devices.allow = a")

    # -- its start and its end ---------------------------------------------------------------

    def _environ(self) -> list[str]:
        """What an LXC program has: what its configuration cannot spell, and its own."""
        found = _environ()
        if self.ids is not None and self.ids != _own_range():
            # With newuidmap at hand LXC has it write the map, and it refuses what /etc/subuid does not list.
            found["PATH"] = "/nonexistent"
        for variable in launcher.environment(self.spec):
            name, _, value = variable.partition("=")
            if _is_passed_on(value):
                found[name] = value
        return [f"{name}={value}" for name, value in found.items()]

    def _close(self, command: str) -> list[str]:
        """lxc-start passes on what it has open unless it is told not to; lxc-execute has no such option."""
        return ["-C"] if command == "lxc-start" and not self.spec.has(drop("close-fds")) else []

    def _leak(self, child: Proc) -> Sequence[int]:
        return program.leak_directory(child) if self.spec.has(drop("close-fds")) else []

    def _check(self) -> None:
        """Is what answers the container LXC knows by this name?"""
        said = _ask("lxc-info", self.place, self.name, "-pH").strip()
        if not said.isdigit() or not _descends(self.pid, int(said)):
            raise BoxError(f"lxc-info says that {said!r} is the first process of {self.name}, and {self.pid} answers")


def _entry(source: Path | str, target: str, fstype: str, *options: str) -> str:
    """A line of fstab(5), the target below the box's root."""
    words = [_escaped(os.fspath(source)), _escaped(target.lstrip("/")), fstype, ",".join(options)]
    return f"lxc.mount.entry = {' '.join(words)} 0 0"


def _escaped(word: str) -> str:
    return re.sub(r"[\\ \t\n]", lambda found: f"\\{ord(found[0]):03o}", word)


def _is_passed_on(value: str) -> bool:
    """Whether a line of the configuration would change this value, so that it comes by LXC's own environment."""
    return value != value.strip() or "\n" in value or value[:1] in ("'", '"') or not value


def _limits(spec: BoxSpec) -> Iterator[str]:
    limits = launcher.limits_of(spec)
    mounted = cgroups.hierarchies()
    if limits.memory is not None:
        yield _limit("memory", str(limits.memory), str(limits.memory))
        if "memory" not in mounted or (mounted["memory"] / LIMITS["swap"][0]).exists():
            yield _limit("swap", str(limits.memory), "0")
    if limits.pids is not None:
        yield _limit("pids", str(limits.pids), str(limits.pids))
    if limits.cpus is not None:
        quota = max(1000, int(limits.cpus * PERIOD_US))
        if "cpu" in mounted:
            yield f"lxc.cgroup.cpu.cfs_period_us = {PERIOD_US}"
        yield _limit("cpu", str(quota), f"{quota} {PERIOD_US}")


def _limit(what: str, v1: str, v2: str) -> str:
    names = LIMITS[what]
    if names[0].partition(".")[0] in cgroups.hierarchies():
        return f"lxc.cgroup.{names[0]} = {v1}"
    return f"lxc.cgroup2.{names[1]} = {v2}"


def _dropped_by_default() -> set[str]:
    """The capabilities common.conf takes away."""
    lines = (INCLUDED / "common.conf").read_text().splitlines()
    found = [line.partition("=")[2].split() for line in lines if re.match(r"\s*lxc\.cap\.drop\s*=", line)]
    return {word.upper() for words in found for word in words}


def _check_network(spec: BoxSpec) -> None:
    if spec.network not in (None, "none", "host", "veth"):
        raise UsageError(
            f"network={spec.network}: lxc has none (loopback only), host, or veth with bridge=NAME; give one of those"
        )
    bridge = spec.option("bridge")
    if spec.network == "veth" and not bridge:
        raise UsageError("network=veth: give bridge=NAME, the bridge of the host it is plugged into")
    if spec.network != "veth" and (bridge or spec.option("address")):
        raise UsageError("bridge and address belong to network=veth; give that, or leave them out")
    if bridge and not Path("/sys/class/net", str(bridge), "bridge").is_dir():
        raise Unavailable(f"bridge={bridge}: the host has no such bridge", f"ip link add {bridge} type bridge")


# -- ids -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _IdMap:
    """The first of the host's ids, for users and for groups, and how many."""

    users: int
    groups: int
    size: int


def _id_map(spec: BoxSpec) -> _IdMap | None:
    """None: no map, root in the box is root of the host.

    A capability over the host is one in the host's user namespace, so `grant` takes the map away.
    """
    asked, text = flag(spec, "unprivileged"), spec.option("idmap")
    if text is not None and not asked:
        raise UsageError("idmap belongs to unprivileged=true; give both, or leave it out")
    found = re.fullmatch(r"([0-9]+):([0-9]+)", str(text))
    if text is not None and (found is None or int(found[1]) == 0 or int(found[2]) == 0):
        raise UsageError(f"idmap={text}: expected BASE:SIZE, two numbers, as in 100000:65536")
    if os.geteuid() != 0:
        if text is not None:
            raise Unsupported("idmap is for root: a user's box has that user's id, as root, and no other")
        return _IdMap(os.geteuid(), os.getegid(), 1)
    if not asked or any(hole.kind == "grant" for hole in spec.weakenings):
        return None
    if found is not None:
        return _IdMap(int(found[1]), int(found[1]), int(found[2]))
    return _own_range() or _IdMap(base := _free_base(), base, 65536)


def _ranges(kind: str) -> list[tuple[str, int, int]]:
    """The lines of subuid(5) or subgid(5): whose, the first id, how many."""
    found = []
    with suppress(OSError):
        for line in (SUBORDINATE / f"sub{kind}").read_text().splitlines():
            name, _, rest = line.partition(":")
            first, _, count = rest.partition(":")
            if first.isdigit() and count.isdigit():
                found.append((name, int(first), int(count)))
    return found


def _own_range() -> _IdMap | None:
    """The first range root has for users and groups alike."""
    groups = [(first, size) for name, first, size in _ranges("gid") if name in ("root", "0")]
    for name, first, size in _ranges("uid"):
        if name in ("root", "0") and (first, size) in groups:
            return _IdMap(first, first, size)
    return None


def _free_base() -> int:
    taken = [(first, first + count) for kind in ("uid", "gid") for _, first, count in _ranges(kind)]
    return next(base for base in FREE_IDS if all(end <= base or base + 65536 <= first for first, end in taken))


# -- LXC's own state ---------------------------------------------------------------------------


def _ask(command: str, place: Path | str, name: str, *arguments: str) -> str:
    """What an LXC program says of a container; raises BoxError with its words when it fails."""
    done = _run(command, place, name, *arguments)
    if done.returncode:
        raise BoxError(f"{' '.join(done.args)}: {' '.join(done.stderr.split())}")
    return done.stdout


def _run(command: str, place: Path | str, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [program.find(command, "lxc"), "-P", os.fspath(place), "-n", name, *arguments]
    env = _environ()
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, env=env)


def _environ() -> dict[str, str]:
    """What LXC's programs have.  A user's locks are where XDG_RUNTIME_DIR says, root's are in /run."""
    return {"PATH": launcher.PATH, "HOME": "/", "XDG_RUNTIME_DIR": os.fspath(state_directory())}


def _runs(place: str, name: str) -> bool:
    """Whether a container answers by that name; LXC knows ours, which have no file it looks for, while they run."""
    done = _run("lxc-info", place, name, "-sH")
    return done.returncode == 0 and done.stdout.strip() != "STOPPED"


def _locks(place: Path) -> Path:
    """Where LXC keeps a lock for each container of this path; it removes none."""
    return _lock_tree() / "lock" / os.fspath(place).lstrip("/")


def _lock_tree() -> Path:
    return (Path("/run") if os.geteuid() == 0 else state_directory()) / "lxc"


def _make(path: Path) -> None:
    for _ in range(100):
        with suppress(FileNotFoundError):  # an empty parent was taken away meanwhile
            path.mkdir(parents=True, exist_ok=True)
            return
    raise BoxError(f"{path} cannot be made: its parents go away again and again")


def _forget_locks(place: Path) -> bool:
    """Remove the locks of a container path, and what LXC made above them as far as it is empty."""
    locks = _locks(place)
    there = locks.is_dir()
    remove_tree(locks)
    for above in locks.parents:
        if _lock_tree() not in (above, *above.parents):
            break
        try:
            above.rmdir()
        except OSError:
            break
    return there


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, 9)


def _descends(pid: int | None, ancestor: int) -> bool:
    """Whether `ancestor` is `pid` or above it."""
    while pid not in (None, 0, 1):
        if pid == ancestor:
            return True
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        pid = int(fields[1])
    return False
