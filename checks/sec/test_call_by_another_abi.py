"""No program of the box makes its calls by the numbers of the processor's other mode: the filter has them all there."""

import errno
import os
import signal
import struct

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.agent.client import Proc, Program, Reply
from pytest_isolation.agent.constants import AT
from pytest_isolation.agent.shortcuts import needed
from pytest_isolation.errors import ProcLost
from pytest_isolation.technologies.launcher import status_of

promise = guarantee(
    "sec.other-abi-refused",
    claim="a program of the box that makes its system calls as 32-bit x86 does, by int 0x80, gets no answer",
    sources=(
        "oci:runtime-spec config-linux seccomp architectures", "man:seccomp(2) Caveats: the arch field",
        "kernel:userspace-api/seccomp_filter Pitfalls",
    ),
    severity=severity.surface("makes the calls of another ABI as well"),
    falsified_by=weaken.drop("seccomp"),
    kind="per-box",
    oracle="receipt",
    distinct="by which numbers a call is made: those that refuse one call ask by the usual ones",
)  # fmt: skip
ANSWERED = 42
REFUSED = frozenset({128 + signal.SIGILL, 128 + signal.SIGSYS})
"""It came back from the call; the filter ended it."""
BASE, HEADERS = 0x0001_0000, 84
CODE = bytes((0xB8, 1, 0, 0, 0, 0xBB, ANSWERED, 0, 0, 0, 0xCD, 0x80, 0x0F, 0x0B))
"""exit(42) by int 0x80, and an instruction that ends it where that came back: 32-bit x86."""
PROGRAM = (
    struct.pack(
        "<4s5B7xHHIIIIIHHHHHH", b"\x7fELF", 1, 1, 1, 0, 0, 2, 3, 1, BASE + HEADERS, 52, 0, 0, 52, 32, 1, 0, 0, 0
    )
    + struct.pack("<8I", 1, 0, BASE, BASE, HEADERS + len(CODE), HEADERS + len(CODE), 5, 0x1000)
    + CODE
)
"""elf(5): a header, one segment to load, and the code."""
NO_SUCH_PROGRAM = frozenset({errno.ENOEXEC, errno.ENOSYS})
"""What a kernel says of a program of a mode that it does not have."""


@promise
def test_no_answer_by_other_numbers(box: Box) -> None:
    if box.agent.machine != "x86_64":
        raise Unsupported(f"the box's programs are for {box.agent.machine}: only x86-64 has calls of 32-bit x86")
    with box.spawn() as parent:
        reply, status = ended(parent)
    if not reply.ok:
        if reply.errno in NO_SUCH_PROGRAM:
            raise Unsupported("the box's kernel runs no programs of 32-bit x86")
        promise.undecided(f"the box does not let us run a program of our own ({os.strerror(reply.errno)})")
    if status != ANSWERED and status not in REFUSED:
        promise.undecided(f"the program did not come as far as its call, or something else ended it (status {status})")
    if box.parts.shares_kernel and status != ANSWERED:
        with box.outside.proc.spawn() as parent:
            promise.receipt(ended(parent)[1] == ANSWERED, "the same program, outside")
    promise.held("refused")
    promise.require(status != ANSWERED, reply, status=status)


def ended(parent: Proc) -> tuple[Reply, int]:
    """How a child that executes PROGRAM ends, 128 + N for signal N; or what execveat(2) said, and 0."""
    child = parent.spawn()
    made = needed(child.memfd_create("program", 1), "a file of our own")  # MFD_CLOEXEC
    program = Program(stop_on_error=True)
    program.write(made.value, PROGRAM)
    needed(child.run(program)[0], "a file of our own")
    try:
        refused = child.execveat(made.value, "", ["program"], [], AT.EMPTY_PATH)
    except ProcLost:
        return made, status_of(parent, child.pid)
    child.end()
    return refused, 0
