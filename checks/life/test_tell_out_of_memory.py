"""Whoever looks after a box is told when a process of it was ended for its memory."""

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import ProcLost
from pytest_isolation.outside.limits.exercised import LIMITED, hog, need_memory_account, refused_early

promise = guarantee(
    "life.out-of-memory-told",
    claim="a process that takes more than the box's memory is ended, and the host's account of the box counts it",
    sources=(
        "kernel:admin-guide/cgroup-v2 memory.events, oom_kill",
        "kernel:admin-guide/cgroup-v1/memory, oom_control",
    ),
    severity=severity.use("has no process ended and counted for its memory"),
    falsified_by=weaken.unlimited("memory"),
    kind="per-window",
    box=LIMITED,
    distinct="that it is told, by the account that engines take their OOMKilled from, not that it is bounded",
)


@promise
def test_it_is_counted(box: Box) -> None:
    if not box.parts.shares_kernel:
        raise Unsupported("its own kernel ends its processes, and the host's has no account of that")
    group = need_memory_account(box)
    before, asked = group.oom_kills(), int(LIMITED["memory"]) + 16 * MIB
    with box.spawn() as proc:
        try:
            touched = hog(proc, asked)
        except ProcLost:
            touched = -1
    counted = group.oom_kills() - before
    if refused_early(group, int(LIMITED["memory"]), touched):
        promise.undecided("the box is refused memory far below its limit")
    if 0 <= touched < asked:
        promise.undecided("the box is refused memory, and nobody is ended for it")
    promise.require(
        touched < 0 and counted > 0, f"{asked} bytes asked for, {touched} touched (-1: ended)", counted=counted
    )
