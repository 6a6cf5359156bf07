"""Every guarantee says how far it reaches when it is broken, in words that a result can use."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_isolation import severity, weaken
from pytest_isolation.errors import UsageError
from pytest_isolation.guarantees.guarantee import guarantee
from pytest_isolation.guarantees.severity import LONGEST, MEANINGS, TITLES, Consequence, Severity
from pytest_isolation.suite.collect import built_in_guarantees
from pytest_isolation.suite.rows import guarantee_row

PROMISES = built_in_guarantees()


def test_every_guarantee_has_one() -> None:
    told = {promise.id: promise.consequence for promise in PROMISES}
    assert len(told) >= 83
    assert all(isinstance(one, Consequence) for one in told.values())
    assert {one.severity for one in told.values()} == set(Severity), "a severity that no guarantee has"


def test_what_takes_somebody_else_is_no_way_out() -> None:
    """Who gives a directory to be written to gave what is written: it reaches the host when somebody there uses it."""
    to_write = [one for one in PROMISES if (given := one.box.get("volumes")) and not any(v.read_only for v in given)]
    to_write = [one for one in to_write if one.id != "vol.nothing-beside"]  # what lies there was not given
    assert len(to_write) >= 4
    assert not [one.id for one in to_write if one.consequence.severity in (Severity.HOST, Severity.NEIGHBOUR)]


def test_a_limit_is_no_layer_of_the_kernels() -> None:
    told = {one.id: one.consequence.severity for one in PROMISES}
    for limit in ("restart-same-limits", "restart-same-group"):
        assert told[f"life.{limit}"] is Severity.USE
    for layer in ("rlimit", "processors", "disk"):
        assert told[f"start.{layer}-fails-closed"] is Severity.USE
    assert told["start.filter-fails-closed"] is Severity.SURFACE


def test_a_phrase_says_one_thing_of_one_guarantee() -> None:
    """Two guarantees in one list with the same words could not be told apart."""
    first_of: dict[str, str] = {}
    for promise in PROMISES:
        first = first_of.setdefault(promise.consequence.phrase, promise.id)
        assert first == promise.id, f"{promise.id} and {first}: give each `severity` a phrase of its own"
    phrases = list(first_of)
    for phrase in phrases:
        first = phrase.split()[0]
        assert first == "can" or (first.islower() and first.endswith("s")), f"{phrase!r} is no verb of a box"
        assert phrase.isascii() and len(phrase) <= LONGEST


def test_it_is_in_the_report() -> None:
    row = guarantee_row(next(promise for promise in PROMISES if promise.id == "pid.signal-out-refused"))
    assert (row.severity, row.consequence) == (Severity.HOST, "signals processes of the host")


def test_every_severity_has_its_words() -> None:
    assert set(TITLES) == set(MEANINGS) == set(Severity)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({}, "guarantee pid.mine has no severity; say how far it reaches when it is broken"),
        ({"severity": "host"}, "guarantee pid.mine has the severity 'host'; say how far"),
    ],
    ids=["none", "a word"],
)
def test_none_is_an_error_of_one_sentence(how: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        guarantee("pid.mine", claim="x", sources=("man:kill(2)",), falsified_by=weaken.share("pid"), **how)
    assert 'severity=severity.host("signals processes of the host")' in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("phrase", ["", "  ", "signals it.", "x" * (LONGEST + 1), None], ids=repr)
def test_what_is_no_phrase(phrase: Any) -> None:
    with pytest.raises(UsageError, match="as a verb in the third person"):
        severity.host(phrase)
