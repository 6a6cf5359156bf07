"""Control groups: trees, groups and controllers that are there; group_limits.py: limits that bite."""

from __future__ import annotations

import os
import struct
import time

from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.agent.constants import AT, AT_FDCWD
from pytest_isolation.agent.memory import In
from pytest_isolation.errors import BoxError
from pytest_isolation.support.feature import Switch, feature, parameter
from pytest_isolation.support.groups import group, hierarchies, old_tree
from pytest_isolation.support.trial import ROOM, Absent, Refused, Trial, check, need, wait_until

DELEGATE = "control groups belong to root until one is delegated to the user"


def off(name: str, *more: Switch) -> tuple[Switch, ...]:
    """What turns the controller `name` off, and `more`."""
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
    "cg.freezer",
    "a box paused and resumed",
    config="CGROUP_FREEZER|CGROUPS",
    switches=off("freezer"),
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
    switches=off("devices"),
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
        loaded = load.call("bpf", 5, attributes, 72)
        program = need(t.proc.run(load)[loaded]).value
        need(t.proc.bpf(8, struct.pack("<4I", directory, program, 6, 0)))
        check(not child.openat(AT_FDCWD, "/dev/null", os.O_RDONLY).ok, "/dev/null was opened")


def _offered(name: str, what: str, config: str) -> None:
    @feature(f"cg.{name.replace('_', '-')}", what, config=config, switches=off(name), user=DELEGATE)
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
    loaded = load.call("bpf", 5, attributes, 72)
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
            need(child.unlinkat(AT_FDCWD, f"{made.path}/below", AT.REMOVEDIR))
