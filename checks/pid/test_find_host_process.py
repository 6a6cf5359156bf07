"""A process of the host is nowhere to be found from inside."""

import secrets

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.agent.shortcuts import process_names, set_name

promise = guarantee(
    "pid.host-processes-hidden",
    claim="no process of the host shows in the box's /proc",
    sources=("man:pid_namespaces(7)", "man:proc(5)"),
    falsified_by=weaken.share("pid"),
    oracle="receipt",
    distinct="what /proc shows: one of another namespace shows all of the host, though no call reaches a process of it",
)


@promise
@given(length=st.integers(8, 15))
def test_host_process_is_hidden(box: Box, length: int) -> None:
    decoy = secrets.token_hex(8)[:length]
    with box.outside.canary() as canary, box.spawn() as child:
        set_name(child, decoy)
        names = process_names(box.proc)
        promise.receipt(any(decoy.encode() in name for name in names.values()), f"{len(names)} processes in /proc")
        found = [pid for pid, name in names.items() if canary.token.encode() in name]
        promise.require(not found, f"/proc/{found and found[0]}/cmdline has {canary.token}", seen_at=found)
