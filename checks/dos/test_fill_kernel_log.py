"""A fault in the box writes no line to the log of its machine's kernel, a ring that new lines push old ones out of."""

import secrets

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.agent.shortcuts import set_name
from pytest_isolation.errors import ProcLost

READ_ALL, SIZE = 3, 1 << 16
"""syslog(2) SYSLOG_ACTION_READ_ALL: the last bytes of the log, which stay in it."""
EVERYTHING = 0x7FFF_FFFF_F000
"""As much as a process can have mapped on x86-64."""

promise = guarantee(
    "dos.kernel-log-not-used-up",
    claim="a process of the box that ends by a fault writes no line to the log of its machine's kernel",
    sources=("kernel:admin-guide/sysctl/debug exception-trace", "man:syslog(2)"),
    severity=severity.neighbour("pushes lines out of its machine's kernel log"),
    falsified_by=weaken.drop("own-kernel"),
    kind="per-window",
    intrusive=True,
    distinct="what the machine keeps of its own past, not what others may have",
)


@promise
def test_a_fault_is_not_logged(box: Box) -> None:
    inside, outside = secrets.token_hex(7), secrets.token_hex(7)
    with box.spawn() as proc:
        refused = _fault(proc, inside)
    with box.outside.proc.spawn() as proc:
        _fault(proc, outside)
    if refused:
        promise.undecided(f"no process of the box ends by the fault: {refused}")
    log = box.outside.proc.syslog(READ_ALL, SIZE)
    if not log.ok:
        promise.undecided(f"its machine does not let us read the log of its kernel ({log.name}: errno {log.errno})")
    logged = inside.encode() in log.data
    if not logged and outside.encode() not in log.data:
        promise.undecided("its machine's kernel writes no line for a fault, or not so many at a time")
    promise.require(not logged, "munmap(2) of all that the process has", line=f"a line about the process {inside}")


def _fault(proc: Proc, name: str) -> str:
    """Have `proc`, called `name`, end by a fault: it takes all its memory away.  It leaves no core behind.

    Returns "", or the call that was refused where it lives on.
    """
    set_name(proc, name)
    proc.prlimit64(0, 4, (0, 0))  # RLIMIT_CORE
    program = Program()
    program.munmap(0, EVERYTHING)
    try:
        return str(proc.run(program)[0])
    except ProcLost:
        return ""
