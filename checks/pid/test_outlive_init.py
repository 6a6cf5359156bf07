"""When the first process of a box ends, nothing of the box lives on."""

import os
import signal
import time

import psutil
from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, weaken
from pytest_isolation.agent.client import Program

promise = guarantee(
    "pid.init-death-kills-all",
    claim="when the box's first process ends, every process of the box ends, daemons that left their session included",
    sources=("man:pid_namespaces(7)",),
    falsified_by=weaken.share("pid"),
    kind="per-box",
    distinct="about what is left when a box ends, not about what a living one can reach",
)


@promise
@given(depth=st.integers(1, 3), daemon=st.booleans())
def test_nothing_outlives_init(box: Box, depth: int, daemon: bool) -> None:
    with box.fresh() as doomed:
        pid, group = doomed.parts.init_pid, doomed.parts.group
        if pid is None or group is None:
            raise Unsupported("the host cannot name the box's first process")
        proc = doomed.init
        for _ in range(depth):
            proc = proc.spawn()
            # Not the parent's death, the namespace's end is to kill it.
            proc.prctl(1, 0)  # PR_SET_PDEATHSIG
            if daemon:
                proc.setsid()
        # A blocked call: the end of its channel must not be what ends it.
        program = Program()
        program.nanosleep(30)
        proc.start(program)
        before = group.pids()
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 1
        while (left := {one for one in before & group.pids() if _runs(one)}) and time.monotonic() < deadline:
            time.sleep(0.01)
        promise.require(not left, f"kill({pid}, SIGKILL)", outlived=sorted(left))


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
