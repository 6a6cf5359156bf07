"""A process that holds a secret where programs are given one, and who else can read it there: proc(5).

It is the agent, run again with an argument and a variable, and with a file of its own where one is asked for; it does
nothing until it is ended.
"""

from __future__ import annotations

import os
import struct
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT, AT_FDCWD, W
from pytest_isolation.agent.shortcuts import listing, needed
from pytest_isolation.errors import ProcLost, Undecided

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_isolation.agent.client import Proc, Reply

PIECE = 256 << 10
AT_ONCE, MOST = 40, 4096
"""Processes that are asked in one round trip; bytes that are read of each."""


@contextmanager
def holding(maker: Proc, secret: bytes, file: str, user: int | None = None) -> Iterator[None]:
    """A process beside `maker` with `secret` for an argument, for a variable, and in `file`, which it alone may read.

    `file`: "" for none: a box that takes no file has arguments and variables all the same.  `user`: whom it is then,
    and its group.  Raises Undecided where it cannot be made.
    """
    with ExitStack() as undo:
        parent = undo.enter_context(maker.spawn())
        if file:
            _write(parent, file, secret, user, undo)
        program_fd = _agent(parent)
        pipes = [needed(parent.pipe2(os.O_CLOEXEC), "a pipe").data for _ in range(2)]
        (inward, _), (outward, written) = (struct.unpack("<2i", one) for one in pipes)
        child = undo.enter_context(parent.spawn())
        if user is not None:
            needed(child.setresgid(user, user, user), "another group")
            needed(child.setresuid(user, user, user), "another user, whom nobody else is")
        program = Program(stop_on_error=True)
        program.dup3(inward, 0) if inward != 0 else program.fcntl(0, 2, 0)
        program.dup3(written, 1)
        child.run(program)
        argv, variables = [b"agent", b"-d", secret], [b"HELD=" + secret]
        try:
            refused = child.execveat(program_fd, "", argv, variables, AT.EMPTY_PATH)
        except ProcLost:
            pass  # it has become the program
        else:
            raise Undecided(f"the box does not let us run a program of its own ({refused})")
        undo.callback(parent.wait4, child.pid, W.ALL)
        undo.callback(parent.kill, child.pid, 9)
        needed(parent.read(outward, 64), "a program that runs")
        yield


def _write(parent: Proc, file: str, secret: bytes, user: int | None, undo: ExitStack) -> None:
    fd = needed(parent.openat(AT_FDCWD, file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "a file")
    undo.callback(parent.unlinkat, AT_FDCWD, file)
    parent.write(fd.value, secret)
    parent.close(fd.value)
    if user is not None:
        needed(parent.fchownat(AT_FDCWD, file, user, user), "a file of another user's")


def _agent(parent: Proc) -> int:
    """A descriptor of the agent, in memory: no file of the box need be one."""
    fd = needed(parent.memfd_create("agent", 1), "a file in memory").value  # MFD_CLOEXEC
    data = agent_binary(parent.agent.machine).read_bytes()
    for at in range(0, len(data), PIECE):
        needed(parent.write(fd, data[at : at + PIECE]), "a program in memory")
    return fd


def read_by(reader: Proc, places: Iterable[str], where: str, secret: bytes, file: str) -> tuple[bool, list[Reply]]:
    """Whether `reader` finds `secret` in a process of any /proc mounted at `places`, and the last replies."""
    name = {"arguments": "cmdline", "environment": "environ", "files": f"root{file}"}[where]
    replies: list[Reply] = []
    for place in places:
        pids = [one for one in listing(reader, place) if one.isdigit()]
        for at in range(0, len(pids), AT_ONCE):
            program = Program()
            steps = []
            for pid in pids[at : at + AT_ONCE]:
                fd = program.openat(AT_FDCWD, f"{place}/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
                steps.append((fd, program.read(fd, MOST)))
                program.close(fd)
            told = reader.run(program)
            for fd, step in steps:
                if secret in told[step].data:
                    return True, [told[fd], told[step]]
                replies = [told[fd] if not told[fd].ok else told[step]]
    return False, replies
