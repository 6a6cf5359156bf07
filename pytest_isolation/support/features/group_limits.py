"""Limits of control groups that bite: memory, processes, processors, disks."""

from __future__ import annotations

import os
import struct
import time

from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.errors import BoxError
from pytest_isolation.support.disks import O_TMPFILE, loop_device
from pytest_isolation.support.feature import feature, parameter
from pytest_isolation.support.features.cgroups import DELEGATE, off
from pytest_isolation.support.groups import ScratchGroup, group
from pytest_isolation.support.trial import Absent, Trial, check, need, wait_until


@feature(
    "cg.memory",
    "a limit on memory that bites",
    config="MEMCG",
    switches=off("memory"),
    user=DELEGATE,
)
def memory(t: Trial) -> None:
    """a process limited to 16 MiB touches 48 MiB"""
    _bites(t, v1=False)


def _bites(t: Trial, *, v1: bool) -> None:
    with group(t, "memory", v1=v1) as made, t.child() as child:
        made.set("memory.limit_in_bytes", "memory.max", str(16 << 20))
        swap = made.file("memory.memsw.limit_in_bytes", "memory.swap.max")
        if t.exists(swap):
            t.write(swap, str(16 << 20) if made.v1 else "0")
        made.add(child)
        try:
            child.mmap(0, 48 << 20, 3, 0x8022)  # MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE
            child.getpid()
        except BoxError:
            return  # killed: that is the bite
        used = int(made.get("memory.usage_in_bytes", "memory.current"))
        check(used <= 17 << 20, f"{used >> 20} MiB were taken under a limit of 16 MiB")


@feature(
    "cg.swap",
    "a limit on swap",
    config="MEMCG SWAP",
    switches=(*off("memory"), parameter("swapaccount=0", before="6.1")),
    user=DELEGATE,
    remedy="boot with swapaccount=1 (before Linux 6.1)",
)
def swap(t: Trial) -> None:
    """the file that limits swap is there and takes a value"""
    with group(t, "memory") as made:
        made.set("memory.limit_in_bytes", "memory.max", str(16 << 20))
        if not t.exists(made.file("memory.memsw.limit_in_bytes", "memory.swap.max")):
            raise Absent("swap is not accounted")
        made.set("memory.memsw.limit_in_bytes", "memory.swap.max", str(16 << 20))


@feature(
    "cg.memory-peak",
    "the most memory a box ever used",
    config="MEMCG",
    since="5.19",
    switches=off("memory"),
    user=DELEGATE,
)
def memory_peak(t: Trial) -> None:
    """read memory.peak (v1: memory.max_usage_in_bytes)"""
    with group(t, "memory") as made:
        made.get("memory.max_usage_in_bytes", "memory.peak")


@feature(
    "cg.memory-v1",
    "memory limits for engines of version 1",
    config="MEMCG MEMCG_V1@6.11",
    switches=off("memory"),
    user=DELEGATE,
    remedy="use control groups v2 and an engine that knows them",
)
def memory_v1(t: Trial) -> None:
    """the same in a tree of version 1"""
    _bites(t, v1=True)


@feature(
    "cg.pids",
    "a limit on processes that bites",
    config="CGROUP_PIDS",
    since="4.3",
    switches=off("pids"),
    user=DELEGATE,
)
def pids(t: Trial) -> None:
    """a process limited to three makes more children"""
    with group(t, "pids") as made, t.child() as child:
        made.set("pids.max", "pids.max", "3")
        made.add(child)
        answers = [child.try_spawn()[1] for _ in range(4)]
        check(any(reply.errno == 11 for reply in answers), "five processes live under a limit of three")


@feature(
    "cg.cpu",
    "a limit on processor time that bites",
    config="CFS_BANDWIDTH",
    switches=off("cpu"),
    user=DELEGATE,
)
def cpu(t: Trial) -> None:
    """a process limited to a tenth of a processor spins and is throttled"""
    with group(t, "cpu") as made, t.child() as child:
        if made.v1:
            t.write(f"{made.path}/cpu.cfs_period_us", "20000")
            t.write(f"{made.path}/cpu.cfs_quota_us", "2000")
        else:
            t.write(f"{made.path}/cpu.max", "2000 20000")
        made.add(child)

        def throttled() -> bool:
            spin = Program()
            spin.loop(spin.getpid(), seconds=0.1)
            child.run(spin)
            counts = dict(line.split() for line in made.get("cpu.stat", "cpu.stat").splitlines())
            return int(counts.get("nr_throttled", 0)) > 0

        check(wait_until(throttled, 3), "a spinning process was never throttled")


@feature(
    "cg.cpu-weight",
    "shares of processor time between boxes",
    config="FAIR_GROUP_SCHED",
    switches=off("cpu"),
    user=DELEGATE,
)
def cpu_weight(t: Trial) -> None:
    """write cpu.weight (v1: cpu.shares) and read it back"""
    with group(t, "cpu") as made:
        made.set("cpu.shares", "cpu.weight", "512")
        check(made.get("cpu.shares", "cpu.weight") == "512", "the weight is not what was written")


@feature("cg.cpu-realtime", "realtime scheduling inside a box", config="RT_GROUP_SCHED", user=DELEGATE)
def cpu_realtime(t: Trial) -> None:
    """a group of version 1 takes a realtime budget"""
    with group(t, "cpu", v1=True) as made:
        if not t.exists(f"{made.path}/cpu.rt_runtime_us"):
            raise Absent("groups have no cpu.rt_runtime_us")
        t.write(f"{made.path}/cpu.rt_runtime_us", "0")


@feature(
    "cg.cpuset",
    "processors a box is pinned to",
    config="CPUSETS",
    switches=off("cpuset"),
    user=DELEGATE,
)
def cpuset(t: Trial) -> None:
    """a process in a group with one processor may run on that one alone"""
    with group(t, "cpuset") as made, t.child() as child:
        parent = made.path.rpartition("/")[0]
        if made.v1:
            grand = parent.rpartition("/")[0]
            for place in (grand, parent):
                for name in ("cpuset.mems", "cpuset.cpus"):
                    if not t.read(f"{place}/{name}"):
                        t.write(f"{place}/{name}", t.read(f"{place.rpartition('/')[0]}/{name}"))
            t.write(f"{made.path}/cpuset.mems", t.read(f"{parent}/cpuset.mems").replace("-", ",").split(",")[0])
        need(child.sched_setaffinity(0, b"\xff" * 128))  # all its group allows, whatever it was pinned to
        allowed = int.from_bytes(need(child.sched_getaffinity(0)).data, "little")
        last = allowed.bit_length() - 1
        made.set("cpuset.cpus", "cpuset.cpus", str(last))
        made.add(child)
        mask = int.from_bytes(need(child.sched_getaffinity(0)).data, "little")
        check(mask == 1 << last, f"the process may run on the processors {mask:#x}")


@feature(
    "cg.io",
    "a limit on disk traffic that bites direct writes; whether buffered ones, too, is said beside it",
    config="BLK_CGROUP BLK_DEV_THROTTLING",
    modules="loop",
    switches=off("io"),
    user=DELEGATE,
)
def io(t: Trial) -> str:
    """a process limited to 1 MiB/s writes 512 KiB past the page cache; then through it, and another one flushes it"""
    place = "/var/tmp" if t.exists("/var/tmp") else "/tmp"
    device = struct.unpack_from("<2I", need(t.proc.statx(AT_FDCWD, place)).data, 136)
    if device[0] == 0:
        with loop_device(t) as (number, path), group(t, "io") as made, t.child() as child:
            done = _throttled(made, child, (7, number), t.open(path, os.O_RDWR | os.O_DIRECT, child))
            return f"{done}; {_buffered(t, made, child, t.open(path, os.O_RDWR, child))}"
    with group(t, "io") as made, t.child() as child:
        disk = _whole_disk(t, *device)
        done = _throttled(made, child, disk, t.open(place, os.O_RDWR | O_TMPFILE | os.O_DIRECT, child))
        return f"{done}; {_buffered(t, made, child, t.open(place, os.O_RDWR | O_TMPFILE, child))}"


RATE, WRITTEN = 1 << 20, 512 << 10
"""Bytes a second that are allowed, and bytes that are written."""


def _throttled(made: ScratchGroup, child: Proc, device: tuple[int, int], fd: int) -> str:
    name = f"{device[0]}:{device[1]}"
    if made.v1:
        made.trial.write(f"{made.path}/blkio.throttle.write_bps_device", f"{name} {RATE}")
    else:
        made.trial.write(f"{made.path}/io.max", f"{name} wbps={RATE}")
    made.add(child)
    memory = need(child.mmap(0, WRITTEN, 3, 0x22)).value
    begun = time.monotonic()
    written = need(child.call("write", fd, memory, WRITTEN)).value
    took = time.monotonic() - begun
    check(took > 0.6 * written / RATE, f"{written >> 10} KiB were written in {took:.2f} s at a limit of 1 MiB/s")
    return f"device {name}"


def _buffered(t: Trial, made: ScratchGroup, child: Proc, fd: int) -> str:
    """Whether what `child` writes through the page cache is counted for it when somebody else has it flushed.

    Version 1 counts it for who flushes; version 2 for who wrote, where memory is accounted and the file system takes
    part.  Source: kernel cgroup-v2.rst, "Writeback".
    """
    if made.v1:
        return "buffered writes are not limited: version 1 counts them for nobody in the box"
    memory = need(child.mmap(0, WRITTEN, 3, 0x8022)).value
    written = need(child.call("write", fd, memory, WRITTEN)).value
    flusher = t.open(f"/proc/{child.pid}/fd/{fd}", os.O_RDWR)
    begun = time.monotonic()
    need(t.proc.fsync(flusher))
    took = time.monotonic() - begun
    t.proc.close(flusher)
    if took > 0.6 * written / RATE:
        return "buffered writes, too"
    return f"buffered writes are not limited: {written >> 10} KiB were flushed in {took:.2f} s"


def _whole_disk(t: Trial, major: int, minor: int) -> tuple[int, int]:
    """The device a limit is set on: that of the disk a partition is on."""
    if "DEVTYPE=partition" in t.read(f"/sys/dev/block/{major}:{minor}/uevent"):
        place = need(t.proc.readlinkat(AT_FDCWD, f"/sys/dev/block/{major}:{minor}")).data.decode()
        major, minor = map(int, t.read(f"/sys/block/{place.split('/')[-2]}/dev").split(":"))
    return major, minor
