"""Reading a process' seccomp filters, and putting equal ones on another.

Reading takes ptrace(2): the process is seized and stopped while its filters are copied, and runs on at once.  It
also takes CAP_SYS_ADMIN, no filter on ourselves, and a kernel with CONFIG_CHECKPOINT_RESTORE.  Our own process has its
filters suspended while they are laid on (PTRACE_O_SUSPEND_SECCOMP): they cannot forbid the calls that come after.
Sources: ptrace(2), seccomp(2), kernel/seccomp.c.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.constants import PTRACE, PTRACE_O, W
from pytest_isolation.agent.memory import In, OutBuffer, Struct
from pytest_isolation.boxes.local import start_local
from pytest_isolation.errors import BoxError

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc, Program
    from pytest_isolation.agent.memory import Step

SECCOMP_SET_MODE_FILTER, FILTER_FLAG_LOG = 1, 2
BPF_RET_K = 0x06
ASKING = {0x7FC0_0000: "asks a supervisor (SECCOMP_RET_USER_NOTIF)", 0x7FF0_0000: "asks a tracer (SECCOMP_RET_TRACE)"}
"""Actions that somebody outside answers: for a process of ours nobody does, and the call fails with ENOSYS."""
INSTRUCTIONS_MAX = 4096
STOP_S = 2.0


@dataclass(frozen=True, slots=True)
class Filter:
    """A classic BPF program over struct seccomp_data, and the flags it was installed with."""

    code: bytes
    flags: int

    @property
    def asks(self) -> str | None:
        """Whom it leaves decisions to, if anybody."""
        returned = {value for code, _, _, value in struct.iter_unpack("<HBBI", self.code) if code == BPF_RET_K}
        return next((said for action, said in ASKING.items() if any(v & 0xFFFF_0000 == action for v in returned)), None)


def read(pid: int) -> list[Filter]:
    """The filters of `pid`, in the order they were installed.  Raises BoxError with what the kernel refused."""
    with start_local() as tracer:
        proc = tracer.proc
        _must(proc.ptrace(PTRACE.SEIZE, pid).errno == 0, "ptrace refused to seize it: it has another tracer")
        try:
            _must(proc.ptrace(PTRACE.INTERRUPT, pid).ok, "ptrace could not stop it")
            _wait_for_stop(proc, pid)
            return list(_filters(proc, pid))
        finally:
            # Had it failed: the tracer ends with this block, and what it traced runs on (ptrace(2), PTRACE_DETACH).
            proc.ptrace(PTRACE.DETACH, pid)


def _wait_for_stop(proc: Proc, pid: int) -> None:
    deadline = time.monotonic() + STOP_S
    while not (reply := proc.wait4(pid, W.NOHANG | W.ALL)).value:
        _must(time.monotonic() < deadline, f"it did not stop within {STOP_S:g} s")
        time.sleep(0.0005)
    _must(reply.ok and reply.outs[0][0] == 0x7F, "it ended")


def _filters(proc: Proc, pid: int) -> Iterator[Filter]:
    index = 0
    while (size := proc.ptrace(PTRACE.SECCOMP_GET_FILTER, pid, index)).ok:
        code = proc.ptrace(PTRACE.SECCOMP_GET_FILTER, pid, index, OutBuffer(8 * min(size.value, INSTRUCTIONS_MAX)))
        _must(code.ok, f"ptrace did not give a filter: {code}")
        metadata = proc.ptrace(PTRACE.SECCOMP_GET_METADATA, pid, 16, OutBuffer(16, data=struct.pack("<QQ", index, 0)))
        yield Filter(code.data, struct.unpack("<QQ", metadata.data)[1] if metadata.ok else 0)
        index += 1
    _must(index > 0, f"the kernel does not give it to us: {size}")


@contextmanager
def suspended(pid: int) -> Iterator[None]:
    """While the block lasts, filters that `pid`, a process of ours, lays on itself do nothing yet.  Raises BoxError."""
    with start_local() as tracer:
        seized = tracer.proc.ptrace(PTRACE.SEIZE, pid, 0, PTRACE_O.SUSPEND_SECCOMP)
        _must(seized.ok, f"the kernel does not suspend filters: {seized}")
        yield
        _must(tracer.proc.ptrace(PTRACE.INTERRUPT, pid).ok, "ptrace could not stop our own process")
        _wait_for_stop(tracer.proc, pid)
        _must(tracer.proc.ptrace(PTRACE.DETACH, pid).ok, "ptrace could not let our own process go")


def lay_on(program: Program, one: Filter) -> Step:
    """Have the process that runs `program` install it (struct sock_fprog); its answer says whether it did."""
    size = struct.pack("<H6x", len(one.code) // 8)
    return program.seccomp(SECCOMP_SET_MODE_FILTER, one.flags & FILTER_FLAG_LOG, Struct((size, In(one.code))))


def _must(true: bool, otherwise: str) -> None:
    if not true:
        raise BoxError(otherwise)
