"""docs/behaviour.md is what tests/data/behaviour.json says; and who agrees in a difference is in one row."""

from __future__ import annotations

import json
from pathlib import Path

from pytest_isolation.outside.behaviour.kinds import BY_NAME
from pytest_isolation.suite.behaviour.measure import TECHNOLOGIES, Difference, Measured, compared_any
from pytest_isolation.suite.behaviour.render import SCHEMA, as_json, counts, differences, sees, text
from tests.scripts import script

TOP = Path(__file__).parents[2]
MEASURED = json.loads((TOP / "tests" / "data" / "behaviour.json").read_text(encoding="utf-8"))


def test_the_page_is_what_was_measured() -> None:
    assert (TOP / "docs" / "behaviour.md").read_text(encoding="utf-8") == script("document-behaviour").page(MEASURED)


def test_every_technology_and_kind_was_measured() -> None:
    assert (MEASURED["schema"], MEASURED["interrupted"]) == (SCHEMA, False)
    assert MEASURED["technologies"].keys() == set(TECHNOLOGIES)
    for name, one in MEASURED["technologies"].items():
        assert one["kinds"].keys() == BY_NAME.keys(), name
        assert all("trouble" not in became for became in one["kinds"].values()), name


def measured(**kinds: list[Difference]) -> Measured:
    return Measured("1.0", sees={"umask": "0022"}, compared=dict.fromkeys(kinds, 5), differences=kinds)


MOVED = Difference(("mkdir(a|b) = 0", "rename(d, f)"), "0", "EXDEV", 3, "its file system, overlay")
FOUND = {
    "docker": measured(image=[MOVED], locks=[]),
    "podman": measured(image=[MOVED], locks=[]),
    "runc": measured(image=[], locks=[]),
    "lxc": Measured(missing="it is not installed"),
    "cri": Measured("1.6", sees={"umask": "0027"}, troubles={"image": "it broke"}),
}


def test_who_agrees_is_in_one_row() -> None:
    document = json.loads(json.dumps(as_json(FOUND, 7)))
    assert list(differences(document))[2:] == [
        "| docker, podman | image | `mkdir(a\\|b) = 0; rename(d, f)` | `0` | `EXDEV` | its file system, overlay |"
    ]
    assert list(counts(document))[2:] == [
        "| docker | **1** | 0 |", "| podman | **1** | 0 |", "| runc | 0 | 0 |", "| cri | - | - |"
    ]  # fmt: skip
    assert list(sees(document))[2:] == ["| umask | 0022 | 0022 | 0022 | **0027** |"]


def test_it_is_told_on_a_terminal() -> None:
    told = text(as_json(FOUND, 7))
    assert "lxc it is not installed\n" in told
    assert (
        "  image: 5 sequences, 1 difference\n    mkdir(a|b) = 0; rename(d, f)\n      machine 0, docker EXDEV: " in told
    )
    assert "  image: it broke\n" in told and "  umask: 0027\n" in told


def test_nothing_that_was_compared_is_nothing() -> None:
    assert compared_any(FOUND)
    assert not compared_any({"lxc": FOUND["lxc"], "cri": FOUND["cri"]})
