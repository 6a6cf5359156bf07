"""Injecting the agent into a running container of somebody else's, and leaving it as it was.

On a hardened container (read-only root, no shell, noexec mounts, another user) there is nowhere to copy an
agent to.  So a detached mount of the agent's file is moved over a file every engine's containers have, in the
container's mount namespace alone; an exec of that path starts the agent, and the mount is taken away again.
Nothing is written.  Sources: open_tree(2), move_mount(2), setns(2); kernel 5.2.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.agent.constants import AT_FDCWD, CLONE, MNT, MOVE_MOUNT, OPEN_TREE
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.boxes import resources
from pytest_isolation.boxes.cgroups import Limits
from pytest_isolation.boxes.host import LOCAL_HOST, Host, RemoteHost
from pytest_isolation.boxes.process_limits import ProcessLimit
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import Unavailable, Unsupported
from pytest_isolation.technologies import mounts
from pytest_isolation.technologies.base import PERIOD_US

SPARE = "/dev/full"
"""In every container, and seldom used: where the engine's own file is not, as in Podman's with a tmpfs on /run."""

AS_IT_IS = (
    "image", "memory", "pids", "cpus", "network", "read_only", "volumes", "env", "uid", "gid", "workdir", "hostname",
)  # fmt: skip
"""What a running container has as it was started."""

WHAT_ENDS_IT = (
    "What ends it: a seccomp profile without the calls it is made of (read, write, mmap, ppoll, prctl, clone), "
    "or no memory or process left in its limits"
)


def check_may_inject(here: bool) -> None:
    """Raises Unavailable unless we may enter the container's mount namespace.  `here`: it is one of this host."""
    if os.geteuid() != 0:
        raise Unavailable("attaching enters the container's mount namespace, which is for root", "run pytest as root")
    if not here:
        raise Unavailable(
            "attaching enters the container's mount namespace, and the container is not on this host",
            "run pytest where its engine runs",
        )


def check_as_it_is(spec: BoxSpec) -> None:
    """Raises Unsupported for a spec that asks a running container to be other than it is."""
    if spec.weakenings:
        raise Unsupported("a running container has the holes it has; its controls run on boxes of our own")
    plain = BoxSpec(technology=spec.technology)
    for key in AS_IT_IS:
        if getattr(spec, key) != getattr(plain, key):
            raise Unsupported(
                f"a running container is as it is, and this needs one that is started with {key} set",
                f"leave {key} out, or have its engine start one with it",
            )


def recorded(host: Mapping[str, Any]) -> Limits:
    """The limits a container was started with, by the engine's own record: `HostConfig` as it inspects it.

    0 and below is none: docs.docker.com, "Resource constraints".
    """
    memory, pids, nano, quota = (int(host.get(key) or 0) for key in ("Memory", "PidsLimit", "NanoCpus", "CpuQuota"))
    cpus = nano / 1e9 if nano > 0 else quota / (host.get("CpuPeriod") or PERIOD_US) if quota > 0 else None
    return Limits(memory=memory if memory > 0 else None, pids=pids if pids > 0 else None, cpus=cpus)


DISKS = {
    "BlkioDeviceReadBps": resources.READ_BYTES,
    "BlkioDeviceWriteBps": resources.WRITE_BYTES,
    "BlkioDeviceReadIOps": resources.READS,
    "BlkioDeviceWriteIOps": resources.WRITES,
}
"""Of `HostConfig`: a list of {Path, Rate} each."""
USUAL_SHM = (64 << 20, 65_536_000)
"""What Docker, and Podman, give where nothing was asked for."""


def recorded_resources(host: Mapping[str, Any], machine: Host = LOCAL_HOST) -> dict[str, str]:
    """The further limits (boxes/resources.py) that a container was started with, as recorded() has the others.

    `machine`: where it runs, and where the paths of disks are looked up.  Without the disks that are gone.
    """
    found = {
        resources.PROCESSORS: str(host.get("CpusetCpus") or ""),
        resources.WEIGHT: _above(host, "CpuShares"),
        resources.SWAP: _above(host, "MemorySwap"),
        resources.SWAPPINESS: _above(host, "MemorySwappiness"),  # 0 is what Podman records where nothing was asked for
        resources.RESERVATION: _above(host, "MemoryReservation"),
        resources.DISK_WEIGHT: _above(host, "BlkioWeight"),
        resources.OOM_KILL: "off" if host.get("OomKillDisable") else "",
        resources.OOM_SCORE: str(host.get("OomScoreAdj") or ""),
        resources.PARENT: str(host.get("CgroupParent") or ""),
        resources.SHM: "" if host.get("ShmSize") in USUAL_SHM else _above(host, "ShmSize"),
    }
    for key, name in DISKS.items():
        pairs = [(_disk(str(one["Path"]), machine), one["Rate"]) for one in host.get(key) or ()]
        found[name] = ", ".join(f"{number} {rate}" for number, rate in pairs if number is not None)
    return {name: text for name, text in found.items() if text}


def recorded_process_limits(host: Mapping[str, Any]) -> tuple[ProcessLimit, ...]:
    """The limits of its first process that a container was started with, as recorded() has the others.

    Docker names them nofile, Podman RLIMIT_NOFILE; both have -1 for no limit.
    """
    found = [
        ProcessLimit(
            str(one["Name"]).lower().removeprefix("rlimit_"), int(one["Soft"]) % 2**64, int(one["Hard"]) % 2**64
        )
        for one in host.get("Ulimits") or ()
    ]
    return tuple(sorted(found))


def disks_gone(host: Mapping[str, Any], machine: Host = LOCAL_HOST) -> list[str]:
    """A note for each limit of the record on a disk that its machine no longer has: nobody can ask for it."""
    limited = [(name, str(one["Path"])) for key, name in DISKS.items() for one in host.get(key) or ()]
    return [
        f"its limit {name} is on {path}, which its machine no longer has: it is not measured"
        for name, path in limited
        if _disk(path, machine) is None
    ]


def _disk(path: str, machine: Host) -> str | None:
    """MAJOR:MINOR; None where nothing of that name is left."""
    try:
        number = machine.path(path).stat().st_rdev
    except OSError:
        return None
    return f"{os.major(number)}:{os.minor(number)}"


def _above(host: Mapping[str, Any], key: str) -> str:
    number = int(host.get(key) or 0)
    return str(number) if number > 0 else ""


@contextmanager
def injected(pid: int, usual: str, host: Host = LOCAL_HOST) -> Iterator[str]:
    """The agent is in the mount namespace of `pid`, at the path it yields, while the `with` lasts.

    `usual`: the file that its engine makes in every container.  `host`: the machine whose numbers `pid` is one of.
    Raises BoxError.
    """
    with host.start() as outside:
        binary = _binary(host)
        if isinstance(host, RemoteHost):
            must(outside.proc.setns(host.home, CLONE.NEWNS), "going where the agent's file is")
        tree = must(
            outside.proc.open_tree(AT_FDCWD, binary, OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC), "a mount of the agent"
        )
        with outside.proc.spawn() as child:
            mounts.enter(child, pid)
            for target in (usual, SPARE):
                moved = child.move_mount(tree.value, "", AT_FDCWD, target, MOVE_MOUNT.F_EMPTY_PATH)
                if moved.errno != errno.ENOENT:
                    break
            must(moved, f"injecting the agent into the container, over its {target}")
            try:
                yield target
            finally:
                child.umount2(target, MNT.DETACH)


def _binary(host: Host) -> str:
    """The path of the agent's file: here, or where an observer of `host` started."""
    return host.agent if isinstance(host, RemoteHost) else os.fspath(agent_binary())


def eject(pid: int, usual: str, host: Host = LOCAL_HOST) -> bool:
    """Unmount what a killed run injected; returns whether it was there."""
    mounted = [
        line.split()[3:5]
        for line in host.path(f"/proc/{pid}/mountinfo")
        .read_text(encoding="utf-8", errors="surrogateescape")
        .splitlines()
    ]
    name = os.path.basename(_binary(host))
    found = [point for root, point in mounted if point in (usual, SPARE) and name in root]
    with host.start() as outside, outside.proc.spawn() as child:
        mounts.enter(child, pid)
        for target in found:
            must(child.umount2(target, MNT.DETACH), f"taking the agent away from {target}")
    return bool(found)


def refuse_dead(state: dict[str, object], name: str) -> None:
    """Raises Unavailable for a container whose processes do not run; `state` as engines inspect it."""
    if state.get("Paused"):
        raise Unavailable(f"the container {name} is paused: nothing in it runs", "unpause it")
    if state.get("Restarting") or (state.get("Running") and state.get("Pid") == 0):
        raise Unavailable(
            f"the container {name} is between two starts: its program ends again and again",
            "its log says why; mend it, then measure",
        )
    if not state.get("Running"):
        raise Unavailable(f"the container {name} is not running ({state.get('Status', 'stopped')})", "start it")
