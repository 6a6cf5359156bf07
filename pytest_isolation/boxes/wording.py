"""Limits in the words of who asks for them: `--memory 32m`, `"pids": {"limit": -1}`; and what the kernel has of each.

Names are those of docker-run(1), which most engines have taken over.  Each technology's words: technologies/wording.py.
Sources: kernel Documentation/admin-guide/cgroup-v1, cgroup-v2.rst; proc_pid_limits(5), proc_pid_status(5).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.boxes import resources
from pytest_isolation.boxes.cgroups import NONE_V1, Group, group_of_process
from pytest_isolation.boxes.process_limits import INFINITY, LINES, RESOURCES
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.errors import Unsupported

if TYPE_CHECKING:
    from pytest_isolation.boxes.handle import BoxHandle
    from pytest_isolation.boxes.host import Host

NONE = "none"
"""No limit, however the kernel's file says that."""
NO_FILE = "no file"
"""The group has no file of it: the kernel was told nothing."""
QUOTA = (("cpu", "cpu.cfs_quota_us", "cpu.max"), ("cpu", "cpu.cfs_period_us", ""))


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: where the kernel has it, and where Docker and Podman record it (`HostConfig` as they inspect it)."""

    name: str
    recorded: str
    files: tuple[tuple[str, str, str], ...] = ()
    """Of the control group, as resources.FILES has them."""
    rlimit: str = ""
    """Its line of /proc/PID/limits."""

    @property
    def of_group(self) -> bool:
        """Whether it is a control group's, and no process's own."""
        return bool(self.files) or self.name.startswith("cpuset")


def _of(resource: str) -> tuple[tuple[str, str, str], ...]:
    return resources.FILES[resource]


LIMITS: Mapping[str, Limit] = {
    one.name: one
    for one in (
        Limit("memory", "Memory", (("memory", "memory.limit_in_bytes", "memory.max"),)),
        Limit("memory-swap", "MemorySwap", _of(resources.SWAP)),
        Limit("memory-swap-alone", "MemorySwap", _of(resources.SWAP)),
        Limit("memory-reservation", "MemoryReservation", _of(resources.RESERVATION)),
        Limit("memory-swappiness", "MemorySwappiness", _of(resources.SWAPPINESS)),
        Limit("oom-kill-disable", "OomKillDisable", _of(resources.OOM_KILL)),
        Limit("oom-score-adj", "OomScoreAdj"),
        Limit("pids", "PidsLimit", (("pids", "pids.max", "pids.max"),)),
        Limit("cpus", "NanoCpus", QUOTA),
        Limit("cpu-quota", "CpuQuota", QUOTA),
        Limit("cpu-period", "CpuPeriod", QUOTA),
        Limit("cpu-quota-of-period", "CpuQuota", QUOTA),
        Limit("cpu-shares", "CpuShares", _of(resources.WEIGHT)),
        Limit("cpuset-cpus", "CpusetCpus"),
        Limit("cpuset-mems", "CpusetMems"),
        Limit("blkio-weight", "BlkioWeight", _of(resources.DISK_WEIGHT)),
        Limit("device-read-bps", "BlkioDeviceReadBps", _of(resources.READ_BYTES)),
        Limit("shm-size", "ShmSize"),
        Limit("nofile", "Ulimits", rlimit=LINES["nofile"]),
        Limit("nproc", "Ulimits", rlimit=LINES["nproc"]),
        Limit("core", "Ulimits", rlimit=LINES["core"]),
        Limit("fsize", "Ulimits", rlimit=LINES["fsize"]),
        Limit("memlock", "Ulimits", rlimit=LINES["memlock"]),
        Limit("stack", "Ulimits", rlimit=LINES["stack"]),
    )
}
"""By name."""
RLIMITS = tuple(name for name, one in LIMITS.items() if one.rlimit)
BESIDE = 32 << 20
"""Bytes of memory that a box is limited to whose `memory-swap` is asked for: the two are one limit."""


def kernel_has(parts: BoxHandle, limit: str) -> str:
    """What the kernel has of `limit` for the box's first process: a number in the unit of its file, or a word.

    Of a box with a kernel of its own: the machine's kernel of its group and of who runs it, its own of its processes.
    Raises Unsupported where nobody sees it.
    """
    pid, host = parts.init_pid, parts.host
    if pid is None:
        return _of_own_kernel(parts, limit)
    if (read := OF_THE_PROCESS.get(limit)) is not None:
        return read(pid, host)
    if name := LIMITS[limit].rlimit:
        found = re.search(rf"^{name}\s+(\S+)\s+(\S+)", _read(host, pid, "limits"), re.MULTILINE)
        return ":".join(found.groups()) if found else NO_FILE
    return _of_the_group(parts.group or group_of_process(pid, host), limit)


def _of_own_kernel(parts: BoxHandle, limit: str) -> str:
    if parts.shares_kernel or parts.group is None:
        raise Unsupported("no process of the box is one of its machine's: nobody outside sees what it was given")
    proc = parts.agent.proc
    if name := LIMITS[limit].rlimit:
        number = RESOURCES.index(next(one for one, line in LINES.items() if line == name))
        both = proc.prlimit64(0, number).data
        return ":".join("unlimited" if one == INFINITY else f"{one}" for one in struct.unpack("<2Q", both))
    if limit == "shm-size":
        told = proc.statfs("/dev/shm").data
        if not told:
            return NO_FILE
        size, blocks = struct.unpack_from("<2Q", told, 8)  # statfs(2): f_bsize, f_blocks
        return f"{size * blocks}"
    if (read := OF_THE_PROCESS.get(limit)) is None:
        return _of_the_group(parts.group, limit)
    if parts.kernel_pid is None:
        raise Unsupported("nobody knows which process of the machine is the kernel of the box")
    return read(parts.kernel_pid, parts.host)


def _of_the_group(group: Group | None, limit: str) -> str:
    files = resources.there(group, LIMITS[limit].files) if group is not None else []
    texts = [" ".join(text_of(file).split()) for file in files]
    if not texts:
        return NO_FILE
    if LIMITS[limit].files == QUOTA:
        most, period = (texts if len(texts) > 1 else texts[0].split())[:2]
        return f"{NONE if most in ('max', '-1') else most} of {period}"
    if limit == "oom-kill-disable":
        return "off" if "oom_kill_disable 1" in texts[0] else "on"
    return ", ".join(map(_number, texts)) or NONE


def _number(text: str) -> str:
    """v1 has no word for none: the most that a file can hold."""
    return NONE if text == "max" or (text.isdigit() and int(text) >= NONE_V1) else text


def _read(host: Host, pid: int, name: str) -> str:
    return text_of(host.path(f"/proc/{pid}/{name}"))


def _allowed(kind: str) -> Callable[[int, Host], str]:
    def read(pid: int, host: Host) -> str:
        found = re.search(rf"^{kind}_allowed_list:\s*(\S*)", _read(host, pid, "status"), re.MULTILINE)
        return found[1] if found else NO_FILE

    return read


def _shm(pid: int, host: Host) -> str:
    size = resources.shm_size(_read(host, pid, "mountinfo"))
    return NO_FILE if size is None else str(size)


OF_THE_PROCESS: Mapping[str, Callable[[int, Host], str]] = {
    "oom-score-adj": lambda pid, host: _read(host, pid, "oom_score_adj").strip(),
    "cpuset-cpus": _allowed("Cpus"),
    "cpuset-mems": _allowed("Mems"),
    "shm-size": _shm,
}
"""What is in no file of the group, or is a process's own, too: nspawn's --cpu-affinity is in no group."""
