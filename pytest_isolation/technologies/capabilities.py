"""capabilities(7): names, numbers, and what container engines leave to root by default."""

from __future__ import annotations

import os
from collections.abc import Iterable

from pytest_isolation.boxes.weakenings import CAPABILITIES, Weakening, grant
from pytest_isolation.boxes.words import choice
from pytest_isolation.errors import UsageError

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


IN_A_USER_NAMESPACE = frozenset({"SYS_ADMIN", "NET_ADMIN", "NET_RAW"})
"""Of those that are holes: what root of an own user namespace can do something with.

The others are asked for in the first one: open_by_handle_at(2), clock_settime(2), ptrace(2) of a process outside.
"""


def holes(names: Iterable[str]) -> set[Weakening]:
    """What can be granted by a technology that can grant `names`: without root, what counts in a user namespace."""
    return {grant(name) for name in names if os.geteuid() == 0 or name in IN_A_USER_NAMESPACE}


def number_of(name: str) -> int:
    """Raises UsageError for a name capabilities(7) does not have."""
    try:
        return NAMES.index(name.removeprefix("CAP_"))
    except ValueError:
        raise UsageError(f"no capability is called {name!r}; {choice(name, NAMES)}") from None
