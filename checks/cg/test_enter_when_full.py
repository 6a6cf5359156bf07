"""Nobody enters a box that has as many processes as its limit allows."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.errors import BoxError
from pytest_isolation.outside.limits.exercised import LIMITED, at_rest, crowd, group_of, settled

promise = guarantee(
    "cg.exec-at-limit",
    claim="a process that enters a running box is refused while the box has as many tasks as its limit allows",
    # Not fork(2) alone: to move a process into a group is never refused, however full the group is.
    sources=("kernel:admin-guide/cgroup-v2 PID", "oci:runtime-spec runtime exec"),
    severity=severity.use("takes in more processes by exec than its limit"),
    falsified_by=weaken.drop("exec-group"),
    kind="per-window",
    oracle="receipt",
    box=LIMITED,
    intrusive=True,
    distinct="who enters may be counted, and let in where nothing made inside could be",
)


@promise
@given(beyond=st.integers(1, 20))
def test_entering_a_full_box_is_refused(box: Box, beyond: int) -> None:
    group, limit = group_of(box), int(LIMITED["pids"])
    # Through the same door while there is room: a refusal later is then one for want of it.
    box.enter().agent.close()
    before = at_rest(group)
    with crowd(box, limit + beyond) as number:
        full = group.tasks()
        if full < limit:
            promise.undecided(f"the box is not full: {'not counted' if number >= limit else 'it takes no more'}")
        promise.receipt(full >= limit, f"{number} processes made inside, {full} tasks counted, of {limit}")
        try:
            entered = box.enter()
        except BoxError:
            entered = None
            promise.held("refused")
        after = group.tasks()
        if entered is not None:
            entered.agent.close()
        promise.require(entered is None, f"entered with {full} tasks of {limit}", before=full, after=after)
    settled(group, before, seconds=20.0)
