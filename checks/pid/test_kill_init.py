"""Nobody inside can end or stop the box's first process."""

import signal

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.errors import AgentLost

promise = guarantee(
    "pid.init-immune-from-inside",
    claim="SIGKILL, SIGSTOP and any signal without a handler, sent to PID 1 from inside, have no effect",
    sources=("man:pid_namespaces(7)", "man:kill(2)"),
    severity=severity.portability("can end or stop its own first process"),
    falsified_by=weaken.drop("init"),
    kind="per-call",
    distinct="being PID 1 is a number; who traces it brings it signals all the same",
)
DEADLY = [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGSEGV, signal.SIGUSR1]


@promise
@given(sig=st.sampled_from(DEADLY), own=st.booleans())
def test_init_cannot_be_ended(box: Box, sig: int, own: bool) -> None:
    """A process in init's place is one that the box was started with: our own child stands in for it."""
    with box.init.spawn() as attacker:
        target = box.init.getpid().value
        if target != 1:
            # Not an init: do to a process of our own what would be done to it, and leave the box alive.
            with box.init.spawn() as victim:
                reply = attacker.kill(victim.pid, sig)
                status = box.init.wait4(victim.pid, 2)  # WUNTRACED
                promise.require(False, reply, status, first_process=target)
        try:
            reply = attacker.kill(1, sig)
            promise.require(box.init.getpid().value == 1, reply)
        except AgentLost:
            # The agent is the init: nobody is left to tell the answer.
            promise.require(False, f"kill(1, {sig}) ended the box")
