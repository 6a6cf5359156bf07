"""docs/limits.md is what tests/data/limits.json says; and what is not as most have it stands out."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pytest_isolation import cli
from pytest_isolation.boxes.host import LOCAL_HOST
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.wording import LIMITS
from pytest_isolation.errors import BoxError, ProcLost, Unavailable, Unsupported
from pytest_isolation.suite.limits import measure
from pytest_isolation.suite.limits.asked import ASKED
from pytest_isolation.suite.limits.measure import (
    TECHNOLOGIES,
    Measured,
    Outcome,
    asked_any,
    is_refusal,
    lasting,
    outcome,
)
from pytest_isolation.suite.limits.render import SCHEMA, as_json, refusals, rows, table, text, trials, unlike
from pytest_isolation.technologies import names, technology
from pytest_isolation.technologies.qemu.size import OPTIONS
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
        known = OPTIONS if name == "qemu" else wording_of(technology(name))
        assert one["limits"].keys() == known.keys(), name
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


def test_what_nobody_knows_is_no_refusal_and_no_limit_of_the_format() -> None:
    """A time-out, a text that an interrupted run did not come to, and a trial that broke off."""
    podman = {"0": Outcome(trouble="no answer"), "64": Outcome(kernel="64", trouble="the process has ended")}
    found = {
        "podman": Measured("1", usual={"pids": "none"}, limits={"pids": podman}),
        "crun": Measured("3", usual={"pids": "none"}, limits={"pids": {}}),
        "runc": Measured("2", usual={"pids": "none"}, limits={"pids": {"0": Outcome(kernel="none")}}),
        "cri": Measured("4", usual={"pids": "none"}),
    }
    document = as_json(found, interrupted=True)
    cells = {asked: cells for _, asked, cells in rows(document)}
    assert cells["0"] == {"podman": "untried", "crun": "untried", "runc": "none", "cri": "-"}
    assert cells["64"] == {"podman": "64", "crun": "untried", "runc": "untried", "cri": "-"}
    assert unlike(cells["0"]) == set()
    assert list(refusals(document))[2:] == []
    said = text(document)
    for line in ("untried; trouble: no answer", "64; trouble: the process has ended", "pids, usually none: untried"):
        assert line in said
    assert asked_any(found)
    assert not asked_any({"podman": Measured("1", limits={"pids": {"0": Outcome(trouble="no answer")}})})


def test_only_who_says_no_refuses() -> None:
    refused, late = BoxError("runc: invalid argument"), BoxError("docker create did not end within 60 seconds")
    late.__context__ = subprocess.TimeoutExpired("docker", 60)
    assert is_refusal(refused)
    assert is_refusal(Unavailable("the daemon refused"))
    for error in (late, BoxError("x (DEADLINE_EXCEEDED)"), Unsupported("this machine has no disk"), OSError("gone")):
        assert not is_refusal(error)


class Technology:
    """One whose boxes can be started, and are asked for a limit in vain."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def launch(self, *_: object) -> Any:
        if self.error is not None:
            raise self.error
        box: Any = ExitStack()
        box.parts = SimpleNamespace(init_pid=os.getpid(), host=LOCAL_HOST, notes=(), recorded={}, group=None)
        return box


def became(technology: Technology, limit: str = "oom-score-adj") -> Outcome:
    return outcome(cast("Any", technology), BoxSpec(technology="runc"), limit, "1", cast("Any", None))


def test_one_text_in_trouble_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert became(Technology(OSError("no such process"))) == Outcome(trouble="no such process")
    assert became(Technology(Unsupported("no disk"))) == Outcome(trouble="no disk")
    assert became(Technology(BoxError("invalid"))) == Outcome(refused="invalid")
    kernel = Path("/proc/self/oom_score_adj").read_text(encoding="utf-8").strip()

    def broken(*_: object) -> str:
        raise ProcLost("the process has ended")

    monkeypatch.setattr(measure, "bites", broken)
    assert became(Technology()) == Outcome(kernel=kernel, trouble="the process has ended")
    monkeypatch.setattr(measure, "kernel_has", broken)
    assert became(Technology()) == Outcome(trouble="the process has ended")


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
