"""Several tests, or parameters, under one promise are one row: the worst of them, each with its own control."""

from __future__ import annotations

import pytest

from tests.runs import Done, run

HEAD = """
import pytest
from hypothesis import given, strategies as st
from pytest_isolation import guarantee, severity, weaken
from pytest_isolation.errors import Unsupported

def opened(box):
    return bool(box.spec.weakenings)

def declared(id):
    return guarantee(id, claim="x", sources=("man:kill(2)",),
    severity=severity.host("signals processes of the host"), falsified_by=weaken.share("pid"))
"""
BODIES = {
    "violated": "{p}.require(False, seen='the hole')",
    "vacuous": "{p}.require(True)",
    "inconclusive": "raise KeyError('bench')",
    "unsupported": "raise Unsupported('it has no such thing')",
    "holds": "{p}.require(not opened(box))",
}
PAIRS = [
    ("violated", "holds"),
    ("violated", "vacuous"),
    ("violated", "inconclusive"),
    ("vacuous", "holds"),
    ("vacuous", "unsupported"),
    ("inconclusive", "holds"),
    ("unsupported", "holds"),
    ("holds", "holds"),
]
OTHERS = """
@pytest.fixture
def limit():
    return 2

several = declared("pid.parameters")

@pytest.mark.parametrize("what", [1, 2, 3])
@several
@given(number=st.integers())
def test_parameters(box, number, what, limit):
    several.require(what <= limit and not opened(box), what=what)

class TestMine:
    word = "mine"

    @several
    def test_method(self, box, limit):
        several.require(self.word == "mine" and not opened(box))
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """All pairs, both ways, in one run: of pid.violated-holds a test finds a violation, and the next one holds."""
    text = HEAD + OTHERS
    for pair in PAIRS + [pair[::-1] for pair in PAIRS]:
        variable = "p_" + "_".join(pair)
        text += f'{variable} = declared("pid.{"-".join(pair)}")\n'
        for number, verdict in enumerate(pair):
            body = BODIES[verdict].replace("{p}", variable)
            text += f"@{variable}\n@given(x=st.integers())\ndef test_{variable}_{number}(box, x):\n    {body}\n\n"
    folder = tmp_path_factory.mktemp("mine")
    (folder / "test_mine.py").write_text(text)
    globs = ",".join(f"pid.{word}*" for word in (*BODIES, "parameters"))
    # The first tests of all guarantees run in one worker, the last ones in another.
    ended = run(
        folder, "-n", "2", "--dist", "loadfile", "--isolation", "--box", "namespaces", "--isolation-only", globs, "."
    )
    ended.said()
    assert ended.code == 1
    return ended


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_the_worst_wins(done: Done, pair: tuple[str, str]) -> None:
    worst, other = pair
    for first, last in (pair, pair[::-1]):
        row = done.rows["namespaces", f"pid.{first}-{last}"]
        assert row["verdict"] == worst
        assert list(row["tests"].values()) == [first, last]
        assert (row["outcome"] == "failed") == (not {worst, other} <= {"unsupported", "holds"})
        assert bool(row["evidence"]) == (worst == "violated")


def test_what_all_hold_has_the_examples_of_all(done: Done) -> None:
    row = done.rows["namespaces", "pid.holds-holds"]
    assert (row["control"], row["examples"]) == ("fired", 200)


def test_parameters_methods_and_fixtures(done: Done) -> None:
    """A check has them as any test has; each set of parameters is measured."""
    row = done.rows["namespaces", "pid.parameters"]
    assert row["evidence"][0]["observed"]["what"] == 3
    assert sorted(row["tests"].values()) == ["holds", "holds", "holds", "violated"]
