"""Nothing of the box's control groups is left when the box is gone."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.outside.limits.exercised import group_of

promise = guarantee(
    "cg.cleanup",
    claim="removing the box removes its control groups on every hierarchy, whatever ran in them",
    sources=("oci:runtime-spec runtime delete",),
    severity=severity.use("leaves control groups on the host behind"),
    falsified_by=weaken.drop("clean-up"),
    kind="per-box",
)


@promise
@given(children=st.integers(0, 20), memory=st.integers(48, 128))
def test_no_group_is_left(box: Box, children: int, memory: int) -> None:
    with box.fresh(memory=memory * MIB) as short_lived:
        places = set(group_of(short_lived).places.values())
        if not any(place.exists() for place in places):
            promise.undecided("the host shows no control group of the box")
        for _ in range(children):
            short_lived.spawn()
    left = [str(place) for place in places if place.exists()]
    promise.require(not left, f"a box with {children} processes was removed", left=str(left))
