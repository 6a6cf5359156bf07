"""When the first process of a box ends, nothing of the box lives on."""

import signal
import time
from collections.abc import Callable
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.client import Program
from pytest_isolation.errors import BoxError
from pytest_isolation.outside.limits.exercised import group_of

promise = guarantee(
    "pid.init-death-kills-all",
    claim="when the box's first process ends, every process of the box ends, daemons that left their session included",
    sources=("man:pid_namespaces(7)",),
    severity=severity.use("has processes that live on after its end"),
    falsified_by=weaken.share("pid"),
    kind="per-box",
    distinct="about what is left when a box ends, not about what a living one can reach",
)
NAME = "outlives-init"


@promise
@given(depth=st.integers(1, 3), daemon=st.booleans())
def test_nothing_outlives_init(box: Box, depth: int, daemon: bool) -> None:
    with box.fresh(awaited=False) as doomed:
        group = group_of(doomed)
        proc = doomed.init
        for _ in range(depth):
            proc = proc.spawn()
            # Not the parent's death, the namespace's end is to kill it.
            proc.prctl(1, 0)  # PR_SET_PDEATHSIG
            if daemon:
                proc.setsid()
        # A blocked call: the end of its channel must not be what ends it.
        program = Program()
        program.prctl(15, NAME)  # PR_SET_NAME: the sign that it has the whole program
        program.nanosleep(30)
        proc.start(program)
        if doomed.parts.shares_kernel:  # else the host has no name of it to wait for
            _wait_until(lambda: any(box.outside.name(one) == NAME for one in group.pids()))
        before = group.pids()
        told = _end(doomed)
        # First the one that was killed, which may take its time on a busy host; the others have one second more.
        first = {doomed.parts.init_pid} if doomed.parts.init_pid is not None else before
        _wait_until(lambda: not any(map(box.outside.runs, first)), seconds=5.0)
        _wait_until(lambda: not any(map(box.outside.runs, before & group.pids())))
        left = sorted(filter(box.outside.runs, before & group.pids()))
        promise.require(not left, told, outlived=left)


def _wait_until(done: Callable[[], bool], seconds: float = 1.0) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.005)


def _end(box: Box) -> str:
    """End the first process from outside; where the host has no number for it (a VM), it ends itself."""
    pid = box.parts.init_pid
    if pid is not None:
        box.outside.kill(pid, signal.SIGKILL)
        return f"kill({pid}, SIGKILL)"
    last = Program()
    last.exit_group(0)
    box.init.start(last)
    # Its own channel closes with it, or stays silent: both within the time a kernel takes to notice.
    with suppress(BoxError):
        box.init.getpid()
    return "exit_group(0) by the first process"
