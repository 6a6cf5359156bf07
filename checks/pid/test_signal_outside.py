"""A process in the box cannot signal a process outside it."""

import signal

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken

# Every catchable signal: SIGKILL and SIGSTOP would end the canary before it could testify.
CATCHABLE = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})

promise = guarantee(
    "pid.signal-out-refused",
    claim="kill(2) from inside the box never reaches a process outside",
    sources=("man:pid_namespaces(7)", "man:kill(2)"),
    falsified_by=weaken.share("pid"),
)


@promise
@given(sig=st.sampled_from(CATCHABLE))
def test_signal_cannot_reach_outside(box: Box, sig: int) -> None:
    with box.outside.canary() as canary:
        reply = box.proc.kill(canary.pid, sig)
        promise.require(sig not in canary.signals_seen(), reply)
