"""Limits as lines of lxc.container.conf(5): most of them are files of the control group, and texts for the kernel."""

from __future__ import annotations

from collections.abc import Callable

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.wording import BESIDE, RLIMITS
from pytest_isolation.technologies.wording import Unwritten, Words, disk


def _file(old: str, new: str) -> Callable[[str], list[str]]:
    """`old` and `new`: files of control groups v1 and v2."""

    def lines(text: str) -> list[str]:
        if old.partition(".")[0] in cgroups.hierarchies():
            return [f"lxc.cgroup.{old} = {text}"]
        if not new:
            raise Unwritten(f"control groups v2 have no file in which the number of {old} means the same")
        return [f"lxc.cgroup2.{new} = {text}"]

    return lines


_memory, _swap = _file("memory.limit_in_bytes", "memory.max"), _file("memory.memsw.limit_in_bytes", "")
"""Version 2 counts swap by itself."""
_quota, _period = _file("cpu.cfs_quota_us", "cpu.max"), _file("cpu.cfs_period_us", "")


def _of_period(text: str) -> list[str]:
    quota, _, period = text.partition("/")
    if "cpu" in cgroups.hierarchies():
        return [*_period(period), *_quota(quota)]
    return _quota(f"{quota} {period}")


def _disk(text: str) -> list[str]:
    _, major, minor = disk()
    if "blkio" in cgroups.hierarchies():
        return [f"lxc.cgroup.blkio.throttle.read_bps_device = {major}:{minor} {text}"]
    return [f"lxc.cgroup2.io.max = {major}:{minor} rbps={text}"]


def _rlimit(name: str) -> Callable[[str], list[str]]:
    return lambda text: [f"lxc.prlimit.{name} = {text}"]


WORDING: Words[list[str]] = {
    "memory": _memory,
    "memory-swap": lambda text: [*_memory(str(BESIDE)), *_swap(text)],
    "memory-swap-alone": _swap,
    "memory-reservation": _file("memory.soft_limit_in_bytes", "memory.low"),
    "memory-swappiness": _file("memory.swappiness", ""),
    "oom-kill-disable": lambda text: _file("memory.oom_control", "")({"true": "1", "false": "0"}.get(text, text)),
    "oom-score-adj": lambda text: [f"lxc.proc.oom_score_adj = {text}"],
    "pids": _file("pids.max", "pids.max"),
    "cpu-quota": _quota,
    "cpu-period": _period,
    "cpu-quota-of-period": _of_period,
    "cpu-shares": _file("cpu.shares", ""),
    "cpuset-cpus": _file("cpuset.cpus", "cpuset.cpus"),
    "cpuset-mems": _file("cpuset.mems", "cpuset.mems"),
    "blkio-weight": _file("blkio.bfq.weight", "io.bfq.weight"),
    "device-read-bps": _disk,
    "shm-size": lambda text: [f"lxc.mount.entry = shm dev/shm tmpfs nosuid,nodev,mode=1777,size={text},create=dir 0 0"],
    **{name: _rlimit(name) for name in RLIMITS},
}
"""Limit -> lines."""
