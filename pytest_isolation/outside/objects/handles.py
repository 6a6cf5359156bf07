"""File handles of processes and namespaces: what open_by_handle_at(2) opens again, whoever has the bytes.

Of a process since Linux 6.14, of a namespace since 6.18, and no capability is asked for: the kernel looks whether the
caller may see it.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT, AT_FDCWD

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc
    from pytest_isolation.agent.memory import Step

_HEAD = 8
"""Of struct file_handle: handle_bytes and handle_type."""


def of_process(proc: Proc, pid: int) -> bytes | None:
    """The handle of a process that `proc` sees as `pid`; None: the kernel gives none."""
    program = Program()
    return _handle(proc, program, program.pidfd_open(pid))


def of_namespace(proc: Proc, link: str) -> bytes | None:
    """The handle of the namespace that `proc` is in, by its file in /proc/self/ns; None: the kernel gives none."""
    program = Program()
    return _handle(proc, program, program.openat(AT_FDCWD, f"/proc/self/ns/{link}", os.O_RDONLY | os.O_CLOEXEC))


def _handle(proc: Proc, program: Program, opened: Step) -> bytes | None:
    asked = program.name_to_handle_at(opened, "", AT.EMPTY_PATH)
    program.close(opened)
    reply = proc.run(program)[asked]
    return reply.data[: _HEAD + struct.unpack_from("<I", reply.data)[0]] if reply.ok else None
