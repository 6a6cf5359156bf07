"""What a machine counts: a witness takes some and gives them back.  Bounded, and gone with the witness."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.memory import OutBuffer
from pytest_isolation.errors import Undecided
from pytest_isolation.outside.machine.answering import Count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_isolation.agent.client import Reply
    from pytest_isolation.agent.memory import Step
    from pytest_isolation.outside.box import Box

PAGE = 4096
"""Bytes."""


def taken(reply: Reply, what: str) -> Reply:
    """The reply; Undecided where the machine gives its own witness no more of it."""
    if not reply.ok:
        raise Undecided(f"its machine gives the witness no {what} ({reply.name}: {os.strerror(reply.errno)})")
    return reply


@contextmanager
def processes(box: Box, amount: int) -> Iterator[None]:
    """Children of a process of the machine, which wait and do nothing."""
    with box.outside.process() as one, ExitStack() as undo:
        for _ in range(amount):
            child, reply = one.proc.try_spawn()
            taken(reply, "process")
            if child is not None:
                undo.callback(child.end)
        yield


def opened(what: str, add: Callable[[Program], Step]) -> Callable[[Box, int], AbstractContextManager[None]]:
    """What opens `amount` descriptors by `add`, which end with their process."""

    @contextmanager
    def taking(box: Box, amount: int) -> Iterator[None]:
        with box.outside.process() as one:
            # A process of its own may have 1024 open.
            program = Program(stop_on_error=True)
            steps = [add(program) for _ in range(amount)]
            replies = one.proc.run(program)
            for step in steps:
                taken(replies[step] if replies.ran(step) else replies[len(replies) - 1], what)
            yield

    return taking


@contextmanager
def memory(box: Box, amount: int) -> Iterator[None]:
    """Pages of a file in memory."""
    with box.outside.process() as one:
        fd = taken(one.proc.memfd_create("pytest-isolation-counted"), "file in memory").value
        reply = one.proc.fallocate(fd, 0, 0, amount * PAGE)
        taken(reply, "memory")
        yield


@contextmanager
def requests(box: Box, amount: int) -> Iterator[None]:
    """A context for asynchronous reads and writes, with room for `amount` of them: io_setup(2)."""
    with box.outside.process() as one:
        taken(one.proc.call("io_setup", amount, OutBuffer(8)), "room for asynchronous requests")
        yield


COUNTS = (
    Count(
        "process-count", "processes", "counts its machine's processes", processes, 64, 96, 0.4,
        sources=("man:sysinfo(2)", "man:proc_loadavg(5)"),
    ),
    Count(
        "memory", "memory in use", "learns how much of its machine's memory is in use", memory, 6000, 9000, 0.02,
        units=(1, PAGE // 1024, PAGE), sources=("man:proc_meminfo(5)", "man:sysinfo(2)"),
    ),
    Count(
        "open-files", "open files", "counts its machine's open files",
        opened("descriptor", lambda program: program.openat(AT_FDCWD, "/dev/null", os.O_RDONLY | os.O_CLOEXEC)),
        700, 950, 0.35, sources=("man:proc_sys_fs(5), file-nr",),
    ),
    Count(
        "terminals", "pseudo-terminals", "counts its machine's pseudo-terminals",
        opened("terminal", lambda program: program.openat(
            AT_FDCWD, "/dev/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC
        )),
        24, 48, 0.15, sources=("man:pts(4)", "man:proc_sys_kernel(5), pty"),
    ),
    Count(
        "aio-requests", "asynchronous requests", "counts its machine's asynchronous requests", requests, 300, 900, 0.05,
        sources=("man:proc_sys_fs(5), aio-nr", "man:io_setup(2)"),
    ),
)  # fmt: skip
