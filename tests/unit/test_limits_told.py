"""docs/limits.md is what tests/data/limits.json says; and what is not as most have it stands out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_isolation import cli
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.wording import LIMITS
from pytest_isolation.errors import Unsupported
from pytest_isolation.suite.limits.asked import ASKED
from pytest_isolation.suite.limits.measure import TECHNOLOGIES, Measured, Outcome, lasting
from pytest_isolation.suite.limits.told import SCHEMA, as_json, refusals, rows, table, text, trials, unlike
from pytest_isolation.technologies import names, technology
from pytest_isolation.technologies.wording import Unwritten, check_worded, worded, wording_of
from tests.scripts import script

TOP = Path(__file__).parents[2]
MEASURED = json.loads((TOP / "tests" / "data" / "limits.json").read_text(encoding="utf-8"))


def test_the_page_is_what_was_measured() -> None:
    assert (TOP / "docs" / "limits.md").read_text(encoding="utf-8") == script("document-limits").page(MEASURED)


def test_every_technology_limit_and_text_was_measured() -> None:
    assert (MEASURED["schema"], MEASURED["interrupted"]) == (SCHEMA, False)
    assert MEASURED["technologies"].keys() == set(TECHNOLOGIES)
    for name, one in MEASURED["technologies"].items():
        assert one["limits"].keys() == wording_of(technology(name)).keys(), name
        for limit, texts in one["limits"].items():
            assert tuple(texts) == ASKED[limit]
            for became in texts.values():
                assert len({"kernel", "refused", "unwritten"} & became.keys()) == 1


def test_every_limit_has_texts_and_every_word_is_of_one() -> None:
    assert ASKED.keys() == LIMITS.keys()
    for name in names():
        assert wording_of(technology(name)).keys() <= LIMITS.keys()


def test_nothing_of_one_run_is_kept() -> None:
    said = "lxc-start pytest-isolation-0123abcd-4567 2026-01-02T03:04:05.678Z: /tmp/pytest-isolation-x/y: pid 1234"
    told = lasting(said)
    assert not any(word in told for word in ("0123abcd", "2026", "/tmp", "1234")), told
    assert "pytest-isolation-" not in json.dumps(MEASURED)


def test_who_is_not_as_most_stands_out() -> None:
    assert unlike({"a": "1", "b": "1", "c": "refused", "d": "-"}) == {"c"}
    assert unlike({"a": "1", "b": "2", "c": "-"}) == {"a", "b"}
    assert unlike({"a": "1", "b": "1", "c": "-"}) == set()
    assert unlike({"a": "-", "b": "-"}) == set()


def test_what_became_of_each_text_is_told() -> None:
    found = {
        "docker": Measured(missing="no daemon"),
        "podman": Measured(
            "1",
            usual={"pids": "2048"},
            limits={
                "pids": {
                    "0": Outcome(kernel="none", recorded="0", warned="a | warning"),
                    "64": Outcome(kernel="64", bites="no: 72 processes were made"),
                    "x": Outcome(refused="no | such number"),
                }
            },
        ),
        "runc": Measured("2", usual={"pids": "none"}, limits={"pids": {"x": Outcome(unwritten="a number")}}),
    }
    document = as_json(found)
    for said in ("no daemon", "recorded: 0", "a | warning", "refused: no | such number", "unwritten: a number"):
        assert said in text(document)
    assert list(rows(document))[-1] == ("pids", "x", {"podman": "refused", "runc": "-"})
    head, _, usual, *rest = table(document)
    assert usual == "| **pids**, not asked for | **2048** | **none** |"
    assert rest[2] == "| pids `x` | refused | - |"
    assert {row.count("|") for row in rest} == {head.count("|")}
    assert list(refusals(document))[2:] == ["| podman | pids `x` | no   such number |"]
    assert list(trials(document))[2:] == ["| podman | pids | 0 of 1 | `64` (72 processes were made) |"]


def test_what_a_format_cannot_say_is_never_passed_over() -> None:
    spec = BoxSpec(technology="runc", worded=(("memory", "32m"),))
    with pytest.raises(Unwritten, match="cannot say '32m'"):
        worded(spec, wording_of(technology("runc")))
    with pytest.raises(Unsupported, match="bubblewrap has no words for memory"):
        check_worded(technology("bubblewrap"), spec.changed(technology="bubblewrap"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--technology", "none"], "--technology none: expected one of docker"),
        (["--limit", "none"], "--limit none: expected one of memory"),
        (["-o", "/nowhere/found.json"], "there is no directory /nowhere; make it first"),
    ],
)
def test_a_mistake_is_one_sentence(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["limits", *words]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
