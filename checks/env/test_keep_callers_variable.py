"""A variable of the caller's environment is not in the box."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.start.called import CALLED, LANGUAGES, PROXIES, VARIABLE, Belongings
from pytest_isolation.strategies import belongings

promise = guarantee(
    "env.caller-not-inherited",
    claim="no variable of whoever starts or enters the box is in the environment of the process started there unless "
    "asked for; proxy settings, languages and time zones are not tried",
    sources=("oci:runtime-spec config.md, process.env", "man:environ(7)"),
    severity=severity.learns("has the variables of whoever starts it"),
    falsified_by=weaken.drop("clear-env"),
    kind="per-box",
    inputs="called",
)


@promise
@given(callers=belongings())
def test_callers_variable_stays_outside(box: Box, callers: Belongings) -> None:
    found = [
        one
        for one, value in CALLED.answer(VARIABLE, box, callers)
        if one == callers.name or (callers.token in value and one not in (*PROXIES, *LANGUAGES))
    ]
    promise.require(not found, found=found, callers=callers.name)
