"""Channels that are opened on purpose, in boxes of the same spec: a search that does not find them proves nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import Weakenings, drop, grant, join_sibling, share
from pytest_isolation.suite.flow.search import Lead
from pytest_isolation.technologies import technology


@dataclass(frozen=True, slots=True)
class Control:
    """A channel between a box and its sibling."""

    name: str
    holes: Weakenings
    acts: tuple[str, ...]
    reads: tuple[str, ...]
    """Globs over receivers that read nothing of a sibling without the holes."""
    one_kernel: bool = False
    """Only boxes of one kernel show it: gVisor's, say, looks no second time at the files of its root."""

    def shown_by(self, lead: Lead) -> bool:
        """Whether what was found is this channel."""
        return any(fnmatchcase(lead.probe.name, glob) for glob in self.reads) and bool({*self.acts} & lead.sender.names)


CONTROLS = (
    Control(
        "one network namespace",
        frozenset({join_sibling("net")}),
        ("bound-unix", "bound-tcp", "unix", "socketpair", "netlink", "udp", "datagram", "raw", "packet"),
        ("/proc/self/net/unix", "/proc/self/net/netlink", "/proc/self/net/tcp", "/proc/self/net/udp", "bind *"),
    ),
    Control(
        "one IPC namespace",
        frozenset({join_sibling("ipc")}),
        ("shm", "msg", "sem", "queue"),
        ("/proc/sysvipc/*", "/dev/mqueue/"),
    ),
    Control("one PID namespace", frozenset({join_sibling("pid")}), ("fork",), ("/proc/",)),
    Control(
        "one UTS namespace",
        frozenset({join_sibling("uts"), grant("SYS_ADMIN")}),
        ("hostname",),
        ("uname", "/proc/sys/kernel/hostname"),
    ),
    Control(
        "a shared file",
        frozenset({drop("private-root")}),
        ("named-file-tmp", "named-file-home"),
        ("/tmp/", "/home/"),
        one_kernel=True,
    ),
    Control("a shared user, whose keys are counted", frozenset({share("user")}), ("key",), ("/proc/key-users",)),
    Control(
        "time alone: locks on a shared file",
        frozenset({drop("private-root")}),
        ("locks",),
        ("lock time *",),
        one_kernel=True,
    ),
)


THROUGH_THE_HOST = {join_sibling(one): share(one) for one in ("net", "ipc", "pid")}
"""Where the two cannot share one of their own, both share the host's; nothing that leaves a name is then done there."""


def openable(spec: BoxSpec) -> list[Control]:
    """Those whose holes the technology of `spec` can open, and that are not open already."""
    if spec.attached:
        return []
    holes = technology(spec.technology).weakenings() | spec.weakenings
    found = []
    for one in CONTROLS:
        other = replace(one, holes=frozenset(THROUGH_THE_HOST.get(hole, hole) for hole in one.holes))
        way = next((way for way in (one, other) if way.holes <= holes), None)
        if way is not None and not way.holes <= spec.weakenings:
            found.append(way)
    return found
