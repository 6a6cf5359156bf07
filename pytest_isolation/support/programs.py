"""Programs of a few instructions, for trials that start one."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT, AT_FDCWD
from pytest_isolation.errors import BoxError
from pytest_isolation.support.trial import Untried, need

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc
    from pytest_isolation.support.trial import Trial

ENDS_WITH_7 = (
    b"\x7fELF\1\1\1".ljust(16, b"\0")
    + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, 0x10054, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    + struct.pack("<8I", 1, 0, 0x10000, 0x10000, 96, 96, 5, 0x1000)
    + bytes.fromhex("31c0 40 b307 cd80")  # xor eax, eax; inc eax; mov bl, 7; int 0x80: exit(7)
).ljust(96, b"\0")
"""A program for 80386: its header, one segment, and code at 0x10054."""

_CHROOT = {
    # lea rdi, path; mov eax, 161; syscall; neg eax; mov edi, eax; mov eax, 231; syscall; path: "/"
    "x86_64": (62, "488d3d12000000 b8a1000000 0f05 f7d8 89c7 b8e7000000 0f05 2f00"),
    # adr x0, path; mov x8, 51; svc 0; neg w0, w0; mov x8, 94; svc 0; path: "/"
    "aarch64": (183, "c0000010 680680d2 010000d4 e003004b c80b80d2 010000d4 2f00"),
}
"""Machine -> its number in ELF, and the code of exit_group(-chroot("/"))."""


def calls_chroot(machine: str) -> bytes:
    """An ELF file that ends with the errno of chroot("/").  Raises Untried for other machines."""
    if machine not in _CHROOT:
        raise Untried(f"there is no program to start for {machine}")
    number, code = _CHROOT[machine]
    text = bytes.fromhex(code)
    size, at = 120 + len(text), 0x400000
    header = b"\x7fELF\2\1\1".ljust(16, b"\0")
    header += struct.pack("<HHIQQQIHHHHHH", 2, number, 1, at + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return header + struct.pack("<IIQQQQQQ", 1, 5, 0, at, at, size, size, 0x1000) + text


def exit_code(t: Trial, child: Proc, file: int | str) -> int:
    """Start the program (a descriptor, or a path) in `child`, a child of the trial's process: what it ended with.

    Minus the signal that ended it.  Raises Refused when it is not started.
    """
    asked = Program()
    where, path, flags = (file, "", AT.EMPTY_PATH) if isinstance(file, int) else (AT_FDCWD, file, 0)
    step = asked.execveat(where, path, ["x"], flags=flags)
    try:
        need(child.run(asked)[step])
    except BoxError:  # it is another program now
        return os.waitstatus_to_exitcode(int.from_bytes(need(t.proc.wait4(child.pid)).data[:4], "little"))
    raise BoxError("a program that was started answers for the agent")
