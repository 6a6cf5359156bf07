"""How a process outside is scheduled cannot be changed, nor its limits."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.boxes.procfs import stat_of, status_of, text_of

promise = guarantee(
    "pid.sched-cross-refused",
    claim="setpriority(2), sched_setscheduler(2), sched_setaffinity(2) and prlimit(2) reach no process outside",
    sources=("man:setpriority(2)", "man:sched(7)", "man:prlimit(2)"),
    severity=severity.host("changes the priority of processes of the host"),
    falsified_by=weaken.share("pid"),
    distinct="these calls need no capability over a process of one's own user, and no filter knows them",
)
RLIMIT_CORE, SCHED_BATCH, PRIO_PROCESS = 4, 3, 0


def _state(box: Box, pid: int) -> tuple[str, ...]:
    """Nice, policy, affinity and limits, as the host's /proc has them: man:proc_pid_stat(5), fields 19 and 41."""
    about = box.outside.path(f"/proc/{pid}")
    words = stat_of(about)
    return words[16], words[38], status_of(about)["Cpus_allowed"], text_of(about / "limits")


@promise
@given(how=st.sampled_from(["nice", "policy", "affinity", "limit"]), nice=st.integers(1, 19))
def test_scheduling_outside_is_closed(box: Box, how: str, nice: int) -> None:
    with box.outside.canary() as canary:
        before = _state(box, canary.pid)
        match how:
            case "nice":
                reply = box.proc.setpriority(PRIO_PROCESS, canary.pid, nice)
            case "policy":
                reply = box.proc.sched_setscheduler(canary.pid, SCHED_BATCH)
            case "affinity":
                reply = box.proc.sched_setaffinity(canary.pid, (1).to_bytes(8, "little"))
            case _:
                reply = box.proc.prlimit64(canary.pid, RLIMIT_CORE, (0, 0))
        after = _state(box, canary.pid)
        if after != before:
            canary.discard()
        promise.require(after == before, reply, before=str(before), after=str(after))
        if reply.ok:
            promise.undecided("the call answered 0, and what it asked for was so already, or it did nothing")
