"""Two boxes side by side never see each other's processes."""

import secrets

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.shortcuts import process_names, set_name

promise = guarantee(
    "pid.siblings-hidden",
    claim="no process of another box shows in the box's /proc",
    sources=("man:pid_namespaces(7)",),
    severity=severity.neighbour("lists its neighbours' processes"),
    falsified_by=weaken.join_sibling("pid"),
    oracle="receipt",
)


@promise
@given(length=st.integers(8, 15))
def test_sibling_process_is_hidden(box: Box, length: int) -> None:
    token, decoy = secrets.token_hex(8)[:length], secrets.token_hex(8)[:length]
    with box.sibling.spawn() as other, box.spawn() as child:
        set_name(other, token)
        set_name(child, decoy)
        # From the box: its sibling may be of another making, when the box is not ours to start again.
        names = process_names(box.proc)
        promise.receipt(any(decoy.encode() in name for name in names.values()), "the box's own walk")
        promise.require(not any(token.encode() in name for name in names.values()), f"{token} seen in the box's /proc")
