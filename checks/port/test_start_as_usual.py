"""A box starts in the same way whoever starts it: what fork(2) and execve(2) hand on does not come in."""

from hypothesis import given

from pytest_isolation import Box, Guarantee, family, severity, weaken
from pytest_isolation.boxes.attributes import ATTRIBUTES, Attribute
from pytest_isolation.outside.start.handed_on import HANDED_ON, PARTS, Habits
from pytest_isolation.strategies import habits

started = family(
    "port.callers-{entry.slug}-not-inherited",
    over=ATTRIBUTES,
    claim="the {entry.what} of a process started in the box is the same whatever whoever starts or enters it has",
    sources=("{entry.source}", "man:execve(2), Effect on process attributes", "man:fork(2)"),
    severity=lambda entry: (severity.surface if entry.surface else severity.portability)(entry.does),
    falsified_by=lambda entry: weaken.drop(f"usual-{entry.slug}"),
    kind="per-box",
    inputs="habits",
    distinct="{entry.why}",
)


@started
@given(callers=habits())
def test_callers_habit_stays_outside(box: Box, promise: Guarantee, entry: Attribute, callers: Habits) -> None:
    usual, theirs = entry.look(box.proc), dict(callers)[entry.slug]
    if usual == theirs:
        promise.undecided("a process of the box has it whoever starts it")
    found = HANDED_ON.answer(PARTS[entry.slug], box, callers)
    promise.require(found == usual, callers=entry.words(theirs), found=entry.words(found), otherwise=entry.words(usual))
