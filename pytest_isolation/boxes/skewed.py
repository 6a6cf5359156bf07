"""A layer between a program and its kernel that refuses one ordinary call: a filter, for holes lossy-behaviour-*.

Real layers do the same: a file system without hard links (EPERM), an overlay that renames no directory of its image
(EXDEV), a server without locks (ENOLCK), a kernel of one's own that has not all calls (ENOSYS).
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable

from pytest_isolation.agent.numbers import number
from pytest_isolation.boxes.weakenings import SKEWED, Weakenings

LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
"""BPF_LD | BPF_W | BPF_ABS; BPF_JMP | BPF_JEQ | BPF_K; BPF_RET | BPF_K (linux/bpf_common.h)."""
ALLOW, ERRNO = 0x7FFF_0000, 0x0005_0000
"""SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO (linux/seccomp.h)."""


def answers(holes: Weakenings) -> dict[str, int]:
    """Call -> the errno that it is refused with."""
    found: dict[str, int] = {}
    for hole in holes:
        if hole.kind == "lossy" and hole.what in SKEWED:
            call, name = SKEWED[hole.what]
            found[call] = getattr(errno, name)
    return found


def code(answered: Iterable[tuple[str, int]], machine: str) -> bytes:
    """The filter as struct sock_filter[]; `machine` as numbers.number() has it.

    seccomp_data.nr is at 0.  The architecture is not asked: the agent makes calls of its own alone.
    """
    program = [struct.pack("<HBBI", LOAD, 0, 0, 0)]
    for call, error in answered:
        program.append(struct.pack("<HBBI", EQUAL, 0, 1, number(call, machine)))
        program.append(struct.pack("<HBBI", RETURN, 0, 0, ERRNO | error))
    return b"".join([*program, struct.pack("<HBBI", RETURN, 0, 0, ALLOW)])
