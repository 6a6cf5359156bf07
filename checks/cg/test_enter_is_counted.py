"""Who comes in through the exec door is counted in the box's control group.

Counted, not refused: whether a box that is full lets somebody in is `cg.exec-at-limit`.
"""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.limits.exercised import LIMITED, at_rest, group_of, settled

promise = guarantee(
    "cg.exec-joins",
    claim="a process that enters a running box, and its children, are counted in the box's control group",
    sources=("oci:runtime-spec runtime exec", "man:nsenter(1)"),
    severity=severity.use("has processes by exec that no limit counts"),
    falsified_by=weaken.drop("exec-group"),
    kind="per-window",
    box=LIMITED,
)


@promise
@given(children=st.integers(0, 10))
def test_entering_is_counted(box: Box, children: int) -> None:
    group = group_of(box)
    before = at_rest(group)
    entered = box.enter()
    made = [entered.spawn() for _ in range(children)]
    during = group.tasks()
    for child in made:
        child.end()
    entered.agent.close()
    # What is still ending here would be counted in the next example's number before it.
    settled(group, before, seconds=20.0)
    promise.require(during >= before + 1 + children, f"entered, made {children}", before=before, during=during)
