"""How a process outside is scheduled cannot be changed, nor its limits."""

from pathlib import Path

import psutil
from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken

promise = guarantee(
    "pid.sched-cross-refused",
    claim="setpriority(2), sched_setscheduler(2), sched_setaffinity(2) and prlimit(2) reach no process outside",
    sources=("man:setpriority(2)", "man:sched(7)", "man:prlimit(2)"),
    falsified_by=weaken.share("pid"),
    distinct="these calls need no capability over a process of one's own user, and no filter knows them",
)
RLIMIT_CORE, SCHED_BATCH, PRIO_PROCESS = 4, 3, 0


def _state(pid: int) -> tuple[object, ...]:
    process = psutil.Process(pid)
    status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return process.nice(), status[38], process.cpu_affinity(), process.rlimit(psutil.RLIMIT_CORE)


@promise
@given(how=st.sampled_from(["nice", "policy", "affinity", "limit"]), nice=st.integers(1, 19))
def test_scheduling_outside_is_closed(box: Box, how: str, nice: int) -> None:
    with box.outside.canary() as canary:
        before = _state(canary.pid)
        match how:
            case "nice":
                reply = box.proc.setpriority(PRIO_PROCESS, canary.pid, nice)
            case "policy":
                reply = box.proc.sched_setscheduler(canary.pid, SCHED_BATCH)
            case "affinity":
                reply = box.proc.sched_setaffinity(canary.pid, (1).to_bytes(8, "little"))
            case _:
                reply = box.proc.prlimit64(canary.pid, RLIMIT_CORE, (0, 0))
        after = _state(canary.pid)
        if after != before:
            canary.discard()
        promise.require(after == before, reply, before=str(before), after=str(after))
