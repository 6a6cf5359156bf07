"""A process in the box cannot signal a process outside it."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.strategies import catchable_signals

promise = guarantee(
    "pid.signal-out-refused",
    claim="kill(2) from inside the box never reaches a process outside",
    sources=("man:pid_namespaces(7)", "man:kill(2)"),
    severity=severity.host("signals processes of the host"),
    falsified_by=weaken.share("pid"),
)


@promise
@given(sig=catchable_signals())
def test_signal_cannot_reach_outside(box: Box, sig: int) -> None:
    with box.outside.canary() as canary:
        reply = box.proc.kill(canary.pid, sig)
        seen = canary.signals_seen()
        # The witness decides, not errno: inside, the same number may name nobody, or somebody else.
        promise.require(sig not in seen, reply, signals_seen=sorted(seen))
