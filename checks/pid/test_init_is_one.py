"""The first process of the box is its process 1."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken

promise = guarantee(
    "pid.init-is-one",
    claim="the command the box was started with is PID 1 of the box, for itself and for its children",
    sources=("man:pid_namespaces(7)",),
    severity=severity.portability("runs its command as another process than PID 1"),
    falsified_by=weaken.drop("init"),
)


@promise
@given(ask=st.sampled_from(["getpid", "gettid", "getppid"]))
def test_first_process_is_init(box: Box, ask: str) -> None:
    if ask == "getppid":
        with box.init.spawn() as child:
            reply = child.getppid()
    else:
        reply = getattr(box.init, ask)()
    promise.require(reply.value == 1, reply)
