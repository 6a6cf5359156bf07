"""Control groups: controllers that are there, and limits that bite."""

from __future__ import annotations

import os
import struct
import time

from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.memory import In
from pytest_isolation.errors import BoxError
from pytest_isolation.support.disks import O_TMPFILE, loop_device
from pytest_isolation.support.feature import Switch, feature, parameter
from pytest_isolation.support.groups import ScratchGroup, group, hierarchies, old_tree
from pytest_isolation.support.trial import ROOM, Absent, Refused, Trial, check, need, wait_until

DELEGATE = "control groups belong to root until one is delegated to the user"


def _off(name: str, *more: Switch) -> tuple[Switch, ...]:
    return (parameter(f"cgroup_disable={name}"), *more)


@feature(
    "cg.v2",
    "the unified tree of control groups",
    config="CGROUPS",
    since="4.5",
    remedy="mount -t cgroup2 none /sys/fs/cgroup",
)
def unified(t: Trial) -> str:
    """find the unified tree, or mount it in a scratch mount namespace"""
    found = hierarchies(t.kernel)
    if found.v2:
        return f"{found.v2}: {' '.join(sorted(found.offered)) or 'no controllers'}"
    t.room()
    need(t.proc.mount("none", ROOM, "cgroup2", 0, None))
    return "not mounted by this system"


@feature(
    "cg.v1",
    "one tree a controller, for engines of before 2020",
    config="CGROUPS",
    switches=(parameter("cgroup_no_v1=all"),),
    user=DELEGATE,
    remedy="boot with systemd.unified_cgroup_hierarchy=0",
)
def legacy(t: Trial) -> str:
    """find trees of version 1; in a VM, mount one for each controller the kernel has"""
    found = hierarchies(t.kernel)
    if not t.kernel.ours:
        if not found.v1:
            known = "cgroup" in (t.kernel.text("/proc/filesystems") or "").split()
            raise Absent("no tree of version 1 is mounted" + ("" if known else ", and the kernel knows none"))
        return " ".join(sorted(name for name in found.v1 if "=" not in name and name != "rw"))
    lines = [line.split() for line in (t.kernel.text("/proc/cgroups") or "").splitlines()]
    refused: Refused | None = None
    works = []
    for name in sorted(words[0] for words in lines if words[-1] == "1"):
        try:
            with old_tree(t, name):
                works.append(name)
        except Refused as error:
            refused = error
    if refused is not None and not works:
        raise refused
    check(works, "the kernel names no controller")
    return " ".join(works)


@feature("cg.group", "a group of its own for a box", config="CGROUPS", user=DELEGATE)
def own_group(t: Trial) -> None:
    """make a group and move a process into it"""
    any_v1 = next((name for name in ("pids", "cpu", "memory", "freezer") if name in hierarchies(t.kernel).v1), "")
    with group(t, any_v1) as made, t.child() as child:
        made.add(child)


@feature(
    "cg.memory",
    "a limit on memory that bites",
    config="MEMCG",
    switches=_off("memory"),
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
    switches=(*_off("memory"), parameter("swapaccount=0", before="6.1")),
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
    switches=_off("memory"),
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
    switches=_off("memory"),
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
    switches=_off("pids"),
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
    switches=_off("cpu"),
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
    switches=_off("cpu"),
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
    switches=_off("cpuset"),
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
    "cg.freezer",
    "a box paused and resumed",
    config="CGROUP_FREEZER|CGROUPS",
    switches=_off("freezer"),
    user=DELEGATE,
)
def freezer(t: Trial) -> None:
    """a frozen process does not answer, a thawed one does"""
    old = "freezer" in hierarchies(t.kernel).v1
    with group(t, "freezer" if old else "") as made, t.child() as child:
        made.add(child)
        made.set("freezer.state", "cgroup.freeze", "FROZEN" if made.v1 else "1")
        ask = Program()
        ask.getpid()
        time.sleep(0.02)
        asked = child.start(ask)
        time.sleep(0.03)
        answered = asked.ready()
        made.set("freezer.state", "cgroup.freeze", "THAWED" if made.v1 else "0")
        asked.result()
        check(not answered, "a frozen process answered")


@feature(
    "cg.kill",
    "a whole box ended at once",
    config="CGROUPS",
    since="5.14",
    user=DELEGATE,
    remedy="Linux 5.14 or later with control groups v2",
)
def kill(t: Trial) -> None:
    """1 into cgroup.kill of a v2 group ends the process in it"""
    with group(t, "") as made, t.child() as child:
        made.add(child)
        t.write(f"{made.path}/cgroup.kill", "1")
        check(wait_until(lambda: not _answers(child)), "the process in the group lives on")


def _answers(child: Proc) -> bool:
    try:
        return bool(child.getpid().ok)
    except BoxError:
        return False


@feature(
    "cg.devices",
    "a list of devices a box may use",
    config="CGROUP_DEVICE|CGROUP_BPF",
    switches=_off("devices"),
    user=f"{DELEGATE}, and a list of version 2 is a program of the kernel's, which is root's to load",
    remedy="a kernel with CONFIG_CGROUP_DEVICE (v1) or CONFIG_CGROUP_BPF (v2)",
)
def devices(t: Trial) -> None:
    """a process whose group may use no device opens /dev/null"""
    old = "devices" in hierarchies(t.kernel).v1
    with group(t, "devices" if old else "") as made, t.child() as child:
        if made.v1:
            t.write(f"{made.path}/devices.deny", "a")
            made.add(child)
            check(not child.openat(AT_FDCWD, "/dev/null", os.O_RDONLY).ok, "/dev/null was opened")
            return
        made.add(child)
        directory = t.open(made.path, os.O_RDONLY | os.O_DIRECTORY)
        code = struct.pack("<BBhi", 0xB7, 0, 0, 0) + struct.pack("<BBhi", 0x95, 0, 0, 0)  # r0 = 0; exit
        load = Program()
        attributes = load.place(In(struct.pack("<II", 15, 2).ljust(72, b"\0")))
        load.store(attributes, load.place(In(code)), offset=8)
        load.store(attributes, load.place("GPL"), offset=16)
        loaded = load._call("bpf", 5, attributes, 72)
        program = need(t.proc.run(load)[loaded]).value
        need(t.proc.bpf(8, struct.pack("<4I", directory, program, 6, 0)))
        check(not child.openat(AT_FDCWD, "/dev/null", os.O_RDONLY).ok, "/dev/null was opened")


@feature(
    "cg.io",
    "a limit on disk traffic that bites direct writes; whether buffered ones, too, is said beside it",
    config="BLK_CGROUP BLK_DEV_THROTTLING",
    modules="loop",
    switches=_off("io"),
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
    written = need(child._call("write", fd, memory, WRITTEN)).value
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
    written = need(child._call("write", fd, memory, WRITTEN)).value
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


def _offered(name: str, what: str, config: str) -> None:
    @feature(f"cg.{name.replace('_', '-')}", what, config=config, switches=_off(name), user=DELEGATE)
    def controller(t: Trial) -> None:
        """make a group that has the controller"""
        with group(t, name):
            pass


_offered("hugetlb", "a limit on huge pages", "CGROUP_HUGETLB")
_offered("perf_event", "performance counters by box", "CGROUP_PERF")
_offered("net_cls", "packets marked by box (v1)", "CGROUP_NET_CLASSID")
_offered("net_prio", "priorities of packets by box (v1)", "CGROUP_NET_PRIO")
_offered("rdma", "a limit on RDMA resources", "CGROUP_RDMA")
_offered("misc", "limits on scarce resources of the hardware", "CGROUP_MISC")


@feature(
    "cg.bpf",
    "programs that filter by group: devices and sockets on v2",
    config="CGROUP_BPF BPF_SYSCALL",
    since="4.10",
    user="loading such a program takes CAP_BPF and CAP_NET_ADMIN of the host",
)
def bpf_program(t: Trial) -> None:
    """load a two-instruction program of the kind a v2 device list is"""
    code = struct.pack("<BBhi", 0xB7, 0, 0, 0) + struct.pack("<BBhi", 0x95, 0, 0, 0)
    load = Program()
    attributes = load.place(In(struct.pack("<II", 15, 2).ljust(72, b"\0")))
    load.store(attributes, load.place(In(code)), offset=8)
    load.store(attributes, load.place("GPL"), offset=16)
    loaded = load._call("bpf", 5, attributes, 72)
    need(t.proc.run(load)[loaded])


@feature(
    "cg.psi",
    "pressure: how much a box waits for memory, processors and disks",
    config="PSI",
    since="4.20",
    switches=(parameter("psi=0"),),
    remedy="boot with psi=1",
)
def pressure(t: Trial) -> None:
    """read /proc/pressure/memory"""
    if not t.exists("/proc/pressure/memory"):
        off = "y" if t.kernel.configured(("PSI_DEFAULT_DISABLED",)) == "y" else "n"
        raise Absent(
            "/proc/pressure is not there" + (", and it is off unless psi=1 is booted with" if off == "y" else "")
        )
    check("some" in t.read("/proc/pressure/memory"), "it is empty")


@feature(
    "cg.delegation",
    "groups below a group that belongs to the box",
    config="CGROUPS",
    user=DELEGATE,
    remedy="control groups v2 with systemd 244 or later: Delegate=yes",
)
def delegation(t: Trial) -> None:
    """give a v2 group to a user: its process makes a group below"""
    with group(t, "") as made:
        for name in ("", "/cgroup.procs", "/cgroup.subtree_control"):
            need(t.proc.fchownat(AT_FDCWD, f"{made.path}{name}", 65534, 65534))
        with t.child() as child:
            need(child.setresuid(65534, 65534, 65534))
            need(child.mkdirat(AT_FDCWD, f"{made.path}/below"))
            need(child.unlinkat(AT_FDCWD, f"{made.path}/below", 0x200))
