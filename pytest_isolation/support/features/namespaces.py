"""Namespaces: what a container is made of."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import struct
from dataclasses import replace

from pytest_isolation.agent import shortcuts
from pytest_isolation.agent.constants import AT_FDCWD, CLONE
from pytest_isolation.boxes.cgroups import memberships
from pytest_isolation.support.feature import Switch, feature, sysctl
from pytest_isolation.support.trial import ROOM, Absent, Trial, Untried, check, need

USER_SWITCHES = (
    sysctl("user.max_user_namespaces", "0", to="28633"),
    sysctl("kernel.unprivileged_userns_clone", "0", to="1", only="user"),
    sysctl("kernel.apparmor_restrict_unprivileged_userns", "1", to="0", only="user"),
)


FOR_USERS = tuple(replace(one, only="user") for one in USER_SWITCHES)
"""Of what an ordinary user only gets inside a user namespace."""


def _limit(name: str, *, all_: bool = False) -> tuple[Switch, ...]:
    """A count of zero turns a kind of namespace off; `all_`: root gets it in a user namespace, too."""
    return (sysctl(f"user.max_{name}_namespaces", "0", to="28633"), *(USER_SWITCHES if all_ else FOR_USERS))


def _differs(t: Trial, kind: str) -> None:
    """The process has left the namespace its parent is in."""
    parent = need(t.kernel.root.readlinkat(AT_FDCWD, f"/proc/self/ns/{kind}")).data
    own = need(t.proc.readlinkat(AT_FDCWD, f"/proc/self/ns/{kind}")).data
    check(own != parent, f"/proc/self/ns/{kind} is still the parent's")


@feature("ns.mnt", "mounts of a box are its own", config="NAMESPACES", switches=_limit("mnt"))
def mount_namespace(t: Trial) -> None:
    """unshare(CLONE_NEWNS), then a tmpfs that only the process sees"""
    t.room()
    _differs(t, "mnt")


@feature("ns.pid", "processes of a box are numbered from 1 and see no others", config="PID_NS", switches=_limit("pid"))
def pid_namespace(t: Trial) -> None:
    """clone(CLONE_NEWPID): the child is process 1"""
    if t.as_ == "user":
        t.own(0)
    with t.child(CLONE.NEWPID) as child:
        check(need(child.getpid()).value == 1, "the child is not process 1")


@feature("ns.net", "a network stack of its own", config="NET_NS", switches=_limit("net"))
def net_namespace(t: Trial) -> None:
    """unshare(CLONE_NEWNET): /proc/self/net/dev lists lo alone, or the namespace differs"""
    t.own(CLONE.NEWNET)
    _differs(t, "net")


@feature(
    "ns.ipc",
    "System V and POSIX queues, semaphores and shared memory of its own",
    config="IPC_NS",
    switches=_limit("ipc"),
)
def ipc_namespace(t: Trial) -> None:
    """unshare(CLONE_NEWIPC), make a queue, unshare again: its key is not found any more"""
    t.own(CLONE.NEWIPC)  # nobody else's keys are here, and ours is nowhere else
    key = 1 + secrets.randbelow(2**31 - 1)
    made = need(t.proc.msgget(key, 0o3600))  # IPC_CREAT | IPC_EXCL: a queue that is there already is not ours
    try:
        with t.child() as child:
            need(child.unshare(CLONE.NEWIPC))
            check(child.msgget(key, 0).errno == errno.ENOENT, "a queue from outside is still found")
    finally:
        t.proc.msgctl(made.value, 0)  # IPC_RMID: where unshare has no effect, it would stay


@feature("ns.uts", "a host name of its own", config="UTS_NS", switches=_limit("uts"))
def uts_namespace(t: Trial) -> None:
    """unshare(CLONE_NEWUTS), then sethostname"""
    t.own(CLONE.NEWUTS)
    _differs(t, "uts")
    need(t.proc.sethostname("scratch"))


@feature(
    "ns.cgroup",
    "the control group path of a box starts at its own root",
    config="CGROUPS",
    since="4.6",
    switches=_limit("cgroup"),
)
def cgroup_namespace(t: Trial) -> None:
    """unshare(CLONE_NEWCGROUP): /proc/self/cgroup shows only /"""
    t.own(CLONE.NEWCGROUP)
    paths = {path for _, path in memberships(t.read("/proc/self/cgroup"))}
    check(paths <= {"/"}, f"/proc/self/cgroup shows {sorted(paths)}")


@feature("ns.time", "a monotonic clock and uptime of its own", config="TIME_NS", since="5.6", switches=_limit("time"))
def time_namespace(t: Trial) -> None:
    """unshare(CLONE_NEWTIME) and an offset: a child's monotonic clock is an hour ahead"""
    t.own(CLONE.NEWTIME)
    t.write("/proc/self/timens_offsets", "monotonic 3600 0")
    here = struct.unpack("<2q", need(t.proc.clock_gettime(1)).data)[0]
    with t.child() as child:
        there = struct.unpack("<2q", need(child.clock_gettime(1)).data)[0]
    check(there - here > 3000, f"the child's clock is {there - here} s ahead")


@feature(
    "ns.user",
    "root in a box is nobody outside",
    config="USER_NS",
    switches=USER_SWITCHES,
    remedy="allow user namespaces: sysctl -w user.max_user_namespaces=28633; in a container, its seccomp profile",
)
def user_namespace(t: Trial) -> None:
    """unshare(CLONE_NEWUSER)"""
    need(t.proc.unshare(CLONE.NEWUSER))
    _differs(t, "user")


@feature("ns.user-mapped", "a user namespace with a root of its own", config="USER_NS", switches=USER_SWITCHES)
def user_namespace_mapped(t: Trial) -> None:
    """unshare(CLONE_NEWUSER), write uid_map and gid_map, and be user 0"""
    need(t.proc.unshare(CLONE.NEWUSER))
    t.map(t.proc)
    check(need(t.proc.getuid()).value == 0, "the mapped process is not user 0")


@feature(
    "ns.user-usable",
    "a user namespace in which mounts are allowed",
    config="USER_NS",
    switches=_limit("mnt", all_=True),
)
def user_namespace_usable(t: Trial) -> None:
    """a tmpfs mounted in a mount namespace inside a user namespace"""
    need(t.proc.unshare(CLONE.NEWUSER | CLONE.NEWNS))
    t.map(t.proc)
    need(t.proc.mount(None, "/", None, 0x4000 | 1 << 18))
    need(t.proc.mount("none", ROOM, "tmpfs", 0, None))
    need(shortcuts.write(t.proc, f"{ROOM}/written", b"x", os.O_CREAT | os.O_WRONLY))


@feature("ns.user-nested", "boxes inside boxes", config="USER_NS", switches=USER_SWITCHES)
def user_namespace_nested(t: Trial) -> None:
    """a user namespace inside a user namespace, both mapped"""
    need(t.proc.unshare(CLONE.NEWUSER))
    t.map(t.proc)
    with t.child(CLONE.NEWUSER) as child:
        t.write("/proc/self/uid_map", "0 0 1", child)
        check(need(child.getuid()).value == 0, "the nested process is not user 0")


@feature("ns.user-net", "networks made by a user", config="USER_NS NET_NS", switches=_limit("net", all_=True))
def user_namespace_net(t: Trial) -> None:
    """a network namespace inside a user namespace, and its lo brought up"""
    need(t.proc.unshare(CLONE.NEWUSER | CLONE.NEWNET))
    t.map(t.proc)
    fd = need(t.proc.socket(2, 2, 0)).value
    need(t.proc.ioctl(fd, 0x8914, b"lo".ljust(16, b"\0") + struct.pack("<H22x", 0x41)))


@feature(
    "ns.proc-mount",
    "a /proc that shows the box's processes only",
    config="PID_NS PROC_FS",
    switches=_limit("pid"),
    remedy="a user may mount proc only where no part of the host's /proc is covered by another mount",
)
def proc_mount(t: Trial) -> None:
    """mount proc in a new pid and mount namespace, and find process 1 alone"""
    if t.as_ == "user":
        t.own(0)
    with t.child(CLONE.NEWPID | CLONE.NEWNS) as child:
        need(child.mount(None, "/", None, 0x4000 | 1 << 18))
        need(child.mount("proc", "/proc", "proc", 0, None))
        pids = [name for name in shortcuts.listing(child, "/proc") if name.isdigit()]
        check(pids == ["1"], f"/proc shows the processes {pids[:5]}")


@feature("ns.setns", "entering a running box", config="NAMESPACES", switches=_limit("uts"))
def set_namespace(t: Trial) -> None:
    """setns(2) into a uts namespace a child made"""
    if t.as_ == "user":
        t.own(0)
    with t.child(CLONE.NEWUTS) as child:
        fd = t.open(f"/proc/{child.pid}/ns/uts", 0)
        need(t.proc.setns(fd, CLONE.NEWUTS))


@feature("ns.setns-pidfd", "entering all namespaces of a box at once", since="5.8", switches=_limit("uts"))
def set_namespaces_by_pidfd(t: Trial) -> None:
    """setns(2) with a pidfd and two kinds of namespaces"""
    if t.as_ == "user":
        t.own(0)
    with t.child(CLONE.NEWUTS | CLONE.NEWIPC) as child:
        need(t.proc.setns(need(t.proc.pidfd_open(child.pid)).value, CLONE.NEWUTS | CLONE.NEWIPC))


def _helper(t: Trial, name: str) -> None:
    path = shutil.which(name)
    if path is None:
        raise Absent(f"{name} is not installed", "install the package uidmap (Fedora: shadow-utils)")
    owner, mode = struct.unpack_from("<20xI4xH", need(t.proc.statx(AT_FDCWD, path)).data)
    capable = t.proc.lgetxattr(path, "security.capability").ok
    if not (mode & 0o4000 and owner == 0) and not capable:
        raise Absent(f"{path} is neither setuid root nor has file capabilities", f"chmod u+s {path}")


@feature("ns.uid-helpers", "ranges of ids mapped for a user")
def id_helpers(t: Trial) -> None:
    """newuidmap and newgidmap are installed and privileged"""
    _live_only(t)
    _helper(t, "newuidmap")
    _helper(t, "newgidmap")


@feature("ns.subuid", "ranges of ids that users own")
def subordinate_ids(t: Trial) -> str:
    """/etc/subuid and /etc/subgid give somebody at least 65536 ids"""
    _live_only(t)
    names = []
    for file in ("/etc/subuid", "/etc/subgid"):
        ranges = (
            [line.split(":") for line in t.read(file).splitlines() if line.count(":") == 2] if t.exists(file) else []
        )
        wide = {name for name, _, count in ranges if count.isdigit() and int(count) >= 65536}
        if not wide:
            raise Absent(
                f"{file} has no range of 65536 ids",
                "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER",
            )
        names.append(wide)
    return ", ".join(sorted(names[0] & names[1]))


def _live_only(t: Trial) -> None:
    if t.kernel.name != "running":
        raise Untried("a file of the system's user land, and the image is a kernel alone")
