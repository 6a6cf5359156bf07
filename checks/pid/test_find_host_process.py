"""A process of the host is nowhere to be found from inside."""

import secrets

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.agent.shortcuts import listing, names_in, set_name
from pytest_isolation.outside.shared import procs

promise = guarantee(
    "pid.host-processes-hidden",
    claim="no process of the host shows in any /proc that the box has, whatever the box calls it",
    sources=("man:pid_namespaces(7)", "man:proc(5)"),
    severity=severity.learns("lists the host's processes"),
    falsified_by=weaken.share("pid"),
    oracle="receipt",
    distinct="what /proc shows: one of another namespace shows all of the host, though no call reaches a process of it",
)


@promise
@given(length=st.integers(8, 15))
def test_host_process_is_hidden(box: Box, length: int) -> None:
    """In every /proc of the box in each example; drawn is the decoy's name."""
    decoy = secrets.token_hex(8)[:length]
    with box.outside.canary() as canary, box.spawn() as child:
        set_name(child, decoy)
        listing(child, "/proc")  # a supervisor that answers in the kernel's place knows of whoever has opened something
        seen = {place: names for place in procs(box) if (names := names_in(box.proc, place, canary.pid))}
        for place, names in seen.items():
            found = [pid for pid, name in names.items() if canary.token.encode() in name]
            promise.require(not found, f"{place}/{found and found[0]}/cmdline has {canary.token}", seen_at=found)
        if not seen:
            raise Unsupported("the box has no /proc to look for processes in")
        met = any(decoy.encode() in name for names in seen.values() for name in names.values())
        promise.receipt(met, f"{sum(map(len, seen.values()))} processes in {', '.join(seen)}")
