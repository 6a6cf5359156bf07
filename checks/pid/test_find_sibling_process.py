"""Two boxes side by side never see each other's processes."""

import secrets

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.agent.shortcuts import listing, names_in, set_name
from pytest_isolation.outside.shared import procs

promise = guarantee(
    "pid.siblings-hidden",
    claim="no process of another box shows in any /proc that the box has, whatever the box calls it",
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
        for one in (other, child):
            listing(
                one, "/proc"
            )  # a supervisor that answers in the kernel's place knows of whoever has opened something
        # From the box: its sibling may be of another making, when the box is not ours to start again.
        seen = {place: names for place in procs(box) if (names := names_in(box.proc, place))}
        if not seen:
            raise Unsupported("the box has no /proc to look for processes in")
        for place, names in seen.items():
            promise.require(not any(token.encode() in name for name in names.values()), f"{token} seen in {place}")
        met = any(decoy.encode() in name for names in seen.values() for name in names.values())
        promise.receipt(met, f"the box's own walk of {', '.join(seen)}")
