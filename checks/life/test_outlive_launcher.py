"""When the program that started the box is killed, the box ends: nobody would know of it any more."""

import secrets
import signal
import time

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.agent.client import Program
from pytest_isolation.agent.shortcuts import set_name
from pytest_isolation.boxes.host import send_signal

promise = guarantee(
    "life.parent-death",
    claim="when the program that started the box and stays with it is killed, no process of the box goes on",
    sources=("man:PR_SET_PDEATHSIG(2const)", "man:bwrap(1), --die-with-parent", "man:lxc.container.conf(5)"),
    severity=severity.use("runs on when who started it was killed"),
    falsified_by=weaken.drop("parent-death"),
    kind="per-box",
)
LIVES, GONE_S = 60, 5.0
"""Seconds: how long its processes would live, and how long they may take to be gone."""


@promise
@given(others=st.integers(0, 2), later=st.floats(0, 0.2))
def test_nothing_goes_on(box: Box, others: int, later: float) -> None:
    if not box.parts.shares_kernel:
        raise Unsupported("its own kernel has its processes, and the host sees none of them")
    name = secrets.token_hex(7)
    with box.fresh(awaited=False) as other:
        if (launcher := other.parts.life.launcher) is None:
            raise Unsupported(f"{box.spec.technology} leaves no program that stays with the box it has started")
        procs = [other.init.spawn() for _ in range(others)]
        for proc in (*procs, other.init):
            set_name(proc, name)
            # A call that blocks: it is not to end because who spoke to it is gone.
            program = Program()
            if proc is not other.init:
                program.prctl(1, 0)  # PR_SET_PDEATHSIG: the agent's own; that of the first process is its starter's
            program.nanosleep(LIVES)
            proc.start(program)
        seen = box.outside.named(name)
        time.sleep(later)
        with box.parts.host.start() as one:
            send_signal(one.proc, launcher, signal.SIGKILL)
        deadline = time.monotonic() + GONE_S
        while (left := _running(box, name)) and time.monotonic() < deadline:
            time.sleep(0.02)
    if not seen:
        promise.undecided("the host has not seen the processes of the box")
    promise.require(not left, f"kill({launcher}, SIGKILL)", left=left)


def _running(box: Box, name: str) -> int:
    """How many of that name have not ended; who has and was not waited for has."""
    return sum(box.outside.runs(pid) for pid in box.outside.named(name))
