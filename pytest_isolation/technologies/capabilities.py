"""capabilities(7): names, numbers, and what container engines leave to root by default."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from functools import cache

from pytest_isolation.boxes.rights import capabilities
from pytest_isolation.boxes.weakenings import CAPABILITIES, Weakening, grant
from pytest_isolation.boxes.words import choice
from pytest_isolation.errors import UsageError
from pytest_isolation.technologies.opens import Opener

NAMES = CAPABILITIES

CONTAINER_DEFAULT = frozenset(
    [
        "CHOWN",
        "DAC_OVERRIDE",
        "FSETID",
        "FOWNER",
        "MKNOD",
        "SETGID",
        "SETUID",
        "SETFCAP",
        "SETPCAP",
        "NET_BIND_SERVICE",
        "SYS_CHROOT",
        "KILL",
        "AUDIT_WRITE",
    ]
)
"""containers.conf(5), default_capabilities, and three more of moby oci/caps/defaults.go; without its NET_RAW."""


TRIED = (
    "SYS_BOOT", "SYS_RAWIO", "SYS_PACCT", "SYSLOG", "SYS_TTY_CONFIG", "SYS_NICE", "IPC_LOCK", "IPC_OWNER",
    "LINUX_IMMUTABLE", "WAKE_ALARM", "PERFMON", "BPF", "CHECKPOINT_RESTORE", "CHOWN", "DAC_OVERRIDE", "SETUID",
    "SETGID", "SETPCAP", "SETFCAP", "SYS_CHROOT", "MKNOD", "NET_BIND_SERVICE",
)  # fmt: skip
"""What a family of guarantees tries, one by one (outside/confined/capable.py)."""

FILTERED = frozenset({"BPF", "PERFMON"})
"""Of those what filters refuse whatever the capabilities are: bpf(2), perf_event_open(2).

Of nspawn, and of containers-common and moby before 24 (moby#43988): there one has SYS_ADMIN, or neither.
"""


@cache
def tried() -> frozenset[str]:
    """Those of TRIED that a box here could have: a machine that is itself a container has not all of them to grant."""
    return frozenset(TRIED) & bounding()


@cache
def bounding() -> frozenset[str]:
    """The capabilities that a process here can ever have."""
    return capabilities("CapBnd")


def granted(
    opener: Callable[[str], Opener], names: Iterable[str], *, filtered: Collection[str] = ()
) -> dict[Weakening, Opener]:
    """The lines of a technology's table for `names`, and for those of TRIED that are not `filtered` and can be had."""
    found = {}
    for name in TRIED:
        if name not in filtered:
            made = opener(name)
            found[grant(name)] = made.where(lambda name=name, made=made: made.here() and name in tried())  # type: ignore[misc]
    return found | {grant(name): opener(name) for name in names}


IN_A_USER_NAMESPACE = frozenset({"SYS_ADMIN", "NET_ADMIN", "NET_RAW"})
"""Of those that are holes: what root of an own user namespace can do something with.

The others are asked for in the first one: open_by_handle_at(2), clock_settime(2), ptrace(2) of a process outside.
"""


def holes(names: Iterable[str]) -> set[Weakening]:
    """What can be granted by a technology that can grant `names`: without root, what counts in a user namespace."""
    return {grant(name) for name in names if useful(name)}


def useful(name: str) -> bool:
    """Whether a box of this user's with this capability can do something with it."""
    return os.geteuid() == 0 or name in IN_A_USER_NAMESPACE


def number_of(name: str) -> int:
    """Raises UsageError for a name capabilities(7) does not have."""
    try:
        return NAMES.index(name.removeprefix("CAP_"))
    except ValueError:
        raise UsageError(f"no capability is called {name!r}; {choice(name, NAMES)}") from None
