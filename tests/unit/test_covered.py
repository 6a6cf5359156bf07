"""docs/coverage.md: what others ask of a box is told with guarantees that there are, and each of ours has its place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import covered

ROOT = Path(__file__).parents[2]


def test_each_guarantee_that_is_named_exists() -> None:
    gone = covered.unknown()
    assert not gone, f"tests/data/coverage: there is no {', '.join(gone)}; name the one that does the same now"


def test_each_guarantee_of_ours_has_a_line() -> None:
    """A new one is a word more in `by` of a line, or a line of what is our own."""
    ours = {id for word in covered.own() for id in covered.meant(word)}
    lost = sorted(covered.guarantees() - covered.named() - ours)
    assert not lost, (
        f"{', '.join(lost)}: add it to `by` of the line that asks the same in tests/data/coverage/catalogue.toml, "
        "or give it a line in of-our-own.toml; then run dev/document-coverage"
    )


def test_what_is_our_own_is_asked_by_nobody() -> None:
    both = sorted(covered.named() & {id for word in covered.own() for id in covered.meant(word)})
    assert not both, f"of-our-own.toml: a line of another file names {', '.join(both)}: take it out"


@pytest.mark.parametrize("name", covered.SUITES)
def test_each_test_of_a_suite_has_a_line(name: str) -> None:
    suite = covered.source(name)
    assert len(suite.tests) > 7
    lost = [test for test in suite.tests if suite.line_of(test) is None]
    assert not lost, f"{name}.toml: no line has {lost}"
    idle = [line.tests for line, number in suite.counted().items() if not number]
    assert not idle, f"{name}.toml: no test is counted by {idle}"


def test_a_property_has_one_line() -> None:
    for name in covered.LISTS:
        ids = [line.id for line in covered.source(name).lines]
        assert len(ids) == len(set(ids)), name


@pytest.mark.parametrize(
    "said",
    [
        {"id": "a.b", "what": "x"},
        {"id": "a.b", "what": "x", "by": "pid.ppid-zero", "no": "because"},
        {"id": "a.b", "what": "x", "no": "because", "partly": "less"},
        {"what": "x", "by": "pid.ppid-zero"},
        {"id": "a.b", "tests": ["one"], "what": "x", "by": "pid.ppid-zero"},
    ],
)
def test_a_line_that_says_too_little_or_too_much_is_told(said: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"one\.toml: .* expected"):
        covered._line("one", said)


def test_the_first_line_that_matches_counts_a_test() -> None:
    lines = [covered._line("one", {"tests": [name], "what": "x", "no": "because"}) for name in ("pid*", "*")]
    one = covered.Source("one", "one", "", "", "", tuple(lines), ("pidns01", "pidns02", "mqns_01"))
    assert list(one.counted().values()) == [2, 1]


def test_a_name_that_is_none_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(covered, "own", lambda: {"pid.no-such": "x", "host:ns.no-such": "x", "pid.*": "x"})
    assert covered.unknown() == ["host:ns.no-such", "pid.no-such"]


def test_the_page_is_current() -> None:
    done = subprocess.run(
        [sys.executable, "dev/document-coverage", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
