"""A process of the box that has lost its parent is waited for when it ends: no zombie stays."""

import secrets
import time

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.agent.client import Program
from pytest_isolation.agent.shortcuts import set_name

promise = guarantee(
    "life.orphans-reaped",
    claim="where the technology gives the box a first process of its own, that waits for each that has lost its parent",
    sources=("man:wait(2), NOTES", "man:systemd-nspawn(1), --as-pid2", "man:bwrap(1), --as-pid-1"),
    severity=severity.use("keeps its dead until its own processes are too many"),
    falsified_by=weaken.drop("reaper"),
    kind="per-window",
)
KEY = "a box that is given a first process"
LIVES, GONE_S = 0.3, 5.0
"""Seconds: how long an orphan lives, and how long one that has ended may stay."""


@promise
@given(count=st.integers(1, 6), status=st.integers(0, 255))
def test_no_zombie_stays(box: Box, count: int, status: int) -> None:
    if not box.parts.shares_kernel:
        raise Unsupported("its own kernel has its processes, and the host sees no zombie of it")
    other = _reaped(box)
    name = secrets.token_hex(7)
    with other.spawn() as parent:
        for _ in range(count):
            child = parent.spawn()
            child.prctl(1, 0)  # PR_SET_PDEATHSIG: it is to live on without its parent
            set_name(child, name)
            last = Program()
            last.nanosleep(LIVES)
            last.exit_group(status)
            child.start(last)
        seen = box.outside.named(name)
    deadline = time.monotonic() + LIVES + GONE_S
    while (left := box.outside.named(name)) and time.monotonic() < deadline:
        time.sleep(0.02)
    if len(seen) != count:
        promise.undecided("the host has not seen the processes that were to lose their parent")
    promise.require(not left, f"{count} processes without a parent ended with {status}", zombies=len(left))


def _reaped(box: Box) -> Box:
    """One box for all examples: what was left of one does not count in the next."""
    if (made := box.witnesses.get(KEY)) is None or not made.alive:
        made = box.witnesses[KEY] = box.launch(box.spec.changed(reaper=True)) if box.launch else box
    found: Box = made
    return found
