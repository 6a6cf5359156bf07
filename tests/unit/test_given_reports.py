"""A report that somebody hands us, and that no run of ours wrote so: one sentence says where, and what was expected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation import cli
from pytest_isolation.report.read import report
from tests.unit.test_report import DOCUMENT

GONE = object()
HOST = {"kernel": "7.0", "arch": "x86_64", "cgroup": "v2", "root": True}
LOST = {"name": "far", "rows": 0, "lost": "no route", "exit": 1, "facts": {}}
Place = tuple[str | int, ...]


def changed(place: Place, value: object) -> str:
    document: dict[str, Any] = json.loads(json.dumps(DOCUMENT))
    held: Any = document
    for key in place[:-1]:
        held = held[key]
    if value is GONE:
        del held[place[-1]]
    else:
        held[place[-1]] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (("results",), 5, "results is 5; expected a list"),
        (("results", 0), "x", "results[0] is 'x'; expected an object"),
        (("results", 0, "box"), 5, "results[0].box is 5; expected a text"),
        (("results", 0, "box"), GONE, "results[0] has no 'box'"),
        (("results", 0, "box"), "nobody", "results[0].box is 'nobody', which is not among the report's own"),
        (("results", 1, "guarantee"), "a.b", "results[1].guarantee is 'a.b', which is not among the report's own"),
        (("results", 0, "verdict"), "held", "results[0].verdict is 'held'; expected one of holds, violated"),
        (("results", 0, "seconds"), "long", "results[0].seconds is 'long'; expected a number"),
        (("results", 0, "seconds"), float("inf"), "results[0].seconds is inf; expected a number"),
        pytest.param(
            ("results", 0, "seconds"), 10**400, f"seconds is 1{'0' * 56}...; expected a number", id="400-digits"
        ),
        (("results", 0, "examples"), 1.5, "results[0].examples is 1.5; expected a whole number"),
        (("results", 0, "examples"), True, "results[0].examples is True; expected a whole number"),
        (("boxes", 0, "spec"), [], "boxes[0].spec is []; expected an object"),
        (("boxes", 0, "costs"), {"start_ms": 3}, "boxes[0].costs.start_ms is 3; expected an object"),
        (("guarantees", 0, "sources"), "man", "guarantees[0].sources is 'man'; expected a list"),
        (("host", "root"), "yes", "host.root is 'yes'; expected true or false"),
        (("host",), GONE, "it has no 'host'"),
        (("run", "argv", 0), None, "run.argv[0] is None; expected a text"),
        (("notes",), {"x": "y" * 100}, "expected a list"),
        (("boxes", 0, "spec", "weakenings"), 5, "boxes[0].spec.weakenings is 5; expected a list"),
        (("boxes", 0, "spec", "weakenings"), [[5]], "boxes[0].spec.weakenings[0] is [5]; expected a text"),
        (("boxes", 0, "spec", "facts"), 5, "boxes[0].spec.facts is 5; expected an object"),
        (("hosts",), [LOST | {"facts": {"kernel": "7.0"}}], "hosts[0].facts has no 'arch'"),
        (("hosts",), [LOST | {"facts": HOST | {"root": 1}}], "hosts[0].facts.root is 1; expected true or false"),
        (("inception",), [5], "inception[0] is 5; expected an object"),
        (("of-a-plugin",), [{}, "x"], "of-a-plugin[1] is 'x'; expected an object"),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else None,
)
@pytest.mark.parametrize("command", ["diff", "report", "redact", "expect"])
def test_a_value_of_another_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, place: Place, value: object, told: str
) -> None:
    path = tmp_path / "a.json"
    path.write_text(changed(place, value))
    further = {
        "diff": [str(path)],
        "report": ["md:-"],
        "expect": ["-o", str(tmp_path / "known.toml"), "--why", "x", "--expires", "never"],
    }
    assert cli.main([command, str(path), *further.get(command, [])]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"pytest-isolation {command}: {path}: ") and told in captured.err
    assert captured.err.endswith("; expected a JSON report, as --isolation-report json:FILE writes it\n")
    assert (captured.err.count("\n"), captured.out) == (1, "")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("hosts",), [LOST]),
        (("hosts",), [LOST | {"facts": HOST | {"further": 5}}]),
        (("boxes", 0, "spec", "facts"), None),
        (("of-a-plugin",), [{"further": 5}]),
        (("a-later-field",), 5),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_what_a_report_may_hold(tmp_path: Path, place: Place, value: object) -> None:
    path = tmp_path / "a.json"
    path.write_text(changed(place, value))
    assert cli.main(["report", str(path), f"md:{tmp_path / 'a.md'}", f"html:{tmp_path / 'a.html'}"]) == 0


@pytest.mark.parametrize(
    "path", sorted(Path(__file__).parents[2].joinpath("reports").rglob("*.json")), ids=lambda path: path.name
)
def test_each_report_of_ours_is_one(path: Path) -> None:
    if "schema" in json.loads(path.read_text(encoding="utf-8")):
        report(path)
