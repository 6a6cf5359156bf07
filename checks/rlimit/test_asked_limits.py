"""The processes of a box have the limits that the box was asked to have."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.limits.process_limits import ASKED, HAS, Steps, of_first, recorded
from pytest_isolation.strategies import limit_steps
from pytest_isolation.technologies.asking import limits_for

promise = guarantee(
    "rlimit.as-asked",
    claim="the box's process, and each that it makes, has every limit that the box was asked to have, soft and hard",
    sources=("man:setrlimit(2)", "oci:runtime-spec config, POSIX process rlimits"),
    severity=severity.use("has other limits than it was asked to have"),
    falsified_by=weaken.drop("process-limits"),
    kind="per-box",
    inputs="limits",
)


@promise
@given(steps=limit_steps())
def test_limits_are_those_asked_for(box: Box, steps: Steps) -> None:
    """Of a box that runs already, the hard ones are those of its engine's record: a program sets its soft ones."""
    if box.spec.attached:
        asked = recorded(box)
        found = of_first(box, asked)
        wrong = {
            one.resource: f"asked for {one.hard} at most, has {hard}"
            for one in asked
            if (hard := found[one.resource][1]) != one.hard
        }
        promise.require(not wrong, "first process", **wrong)
        return
    asked = limits_for(box, steps)
    generations = ASKED.answer(HAS, box, asked)
    for generation, found in enumerate(generations):
        wrong = {
            one.resource: f"asked for {one.soft}:{one.hard}, has {found.get(one.resource, 'none')}"
            for one in asked
            if found.get(one.resource) != (one.soft, one.hard)
        }
        promise.require(not wrong, f"generation {generation}", **wrong)
