"""A process of the box is stopped at the limits that the box was asked to have."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.limits.process_limits import ASKED, MET, Steps
from pytest_isolation.strategies import limit_steps
from pytest_isolation.technologies.asking import limits_for

promise = guarantee(
    "rlimit.asked-limits-met",
    claim="a process of the box opens no more files, and writes no larger ones, than the limits allow that the box was "
    "asked to have",
    sources=("man:setrlimit(2), RLIMIT_NOFILE, RLIMIT_FSIZE",),
    severity=severity.use("opens or writes more than it was asked to be limited to"),
    falsified_by=weaken.drop("process-limits"),
    kind="per-box",
    inputs="limits",
    distinct="what happens at the limit, not what prlimit(2) says of it: a kernel may tell it and not keep it",
)


@promise
@given(steps=limit_steps())
def test_limits_are_kept(box: Box, steps: Steps) -> None:
    tried = [one for one in ASKED.answer(MET, box, limits_for(box, steps)) if one.below.ok]
    if not tried:
        promise.undecided("the box lets us have neither a further descriptor nor a memory file")
    for one in tried:
        promise.held("refused")
        limit = f"{one.limit.resource}={one.limit.soft}:{one.limit.hard}"
        promise.require(one.kept, one.below, one.beyond, limit=limit)
