"""The language, the time zone and the kind of terminal of the caller are not the box's."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.start.called import CALLED, LANGUAGE, LANGUAGES, Belongings
from pytest_isolation.strategies import belongings

promise = guarantee(
    "port.callers-language-not-inherited",
    claim="no variable by which programs choose a language, a time zone or a terminal's letters is handed on from "
    "whoever starts or enters the box",
    sources=("man:locale(7)", "man:tzset(3)", "man:environ(7)"),
    severity=severity.portability("has its caller's language, time zone or terminal"),
    falsified_by=weaken.drop("clear-env"),
    kind="per-box",
    inputs="called",
    distinct="what a terminal is for: a launcher that clears all else may keep TERM, and a shell that is remote LANG",
)


@promise
@given(callers=belongings())
def test_callers_language_stays_outside(box: Box, callers: Belongings) -> None:
    theirs = dict(callers.languages)
    found = [name for name, value in CALLED.answer(LANGUAGE, box, callers) if theirs.get(name) == value]
    promise.require(not found, found=found, callers=", ".join(LANGUAGES))
