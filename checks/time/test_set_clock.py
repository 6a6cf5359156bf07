"""Root in the box cannot set the machine's clock."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.client import Proc, Reply
from pytest_isolation.agent.memory import In, OutBuffer
from pytest_isolation.outside.confined.capable import REFUSALS

promise = guarantee(
    "time.settime-denied",
    claim="no process of the box sets the clock of its machine: not its time zone, its rate or its status",
    sources=("man:capabilities(7) CAP_SYS_TIME", "man:adjtimex(2)", "man:settimeofday(2)"),
    severity=severity.host("sets the host's clock"),
    falsified_by=weaken.grant("SYS_TIME"),
    kind="per-window",
    oracle="errno",
)
TIMEX = 208
ADJ_STATUS, ADJ_TICK = 0x10, 0x4000
HOW = {"rate": ADJ_TICK, "status": ADJ_STATUS, "zone": 0}


@promise
@given(how=st.sampled_from(sorted(HOW)), child=st.booleans())
def test_clock_stays(box: Box, how: str, child: bool) -> None:
    with box.spawn() as other:
        reply = _set(other if child else box.proc, how)
    if not reply.ok and reply.errno not in REFUSALS:
        promise.tried(reply, vain=(reply.errno,))  # refused for something else: a value, a kernel without it
    promise.held("refused")
    promise.require(not reply.ok, reply, set=how)


def _set(proc: Proc, how: str) -> Reply:
    """Set what the clock has already: it takes the right to set it, and changes nothing."""
    if how == "zone":
        zone = promise.prepared(proc.call("gettimeofday", None, OutBuffer(8)), "the time zone of the kernel")
        return proc.call("settimeofday", None, In(zone.data))
    now = promise.prepared(proc.call("adjtimex", OutBuffer(TIMEX)), "the state of the clock")
    return proc.call("adjtimex", In(struct.pack("<I", HOW[how]) + now.data[4:]))
