"""Calls that take no capability and that a filter is there to refuse: a guarantee for each."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, family, severity, weaken
from pytest_isolation.outside.confined.filtered import TABLE, Call

refused = family(
    "sec.{entry.slug}-refused",
    over=TABLE,
    claim="no process of the box {entry.does}",
    sources=("man:{entry.name}", "docker:seccomp security profiles"),
    severity=lambda entry: severity.surface(entry.does),
    falsified_by=weaken.drop("seccomp"),
    kind="per-window",
    oracle="errno",
    distinct="{entry.name}: a way to {entry.why}",
)


@refused
@given(deep=st.booleans())
def test_call_is_refused(box: Box, promise: Guarantee, entry: Call, deep: bool) -> None:
    with box.spawn() as child:
        if deep:
            with child.spawn() as proc:
                reply = entry.act(proc)
        else:
            reply = entry.act(child)
    if not entry.let_through(reply) and not entry.refused(reply):
        promise.tried(reply, vain=(reply.errno,))  # this kernel has no such thing
    promise.held("refused")
    promise.require(not entry.let_through(reply), reply)
