"""The members of a family are measured, judged and chosen as guarantees by themselves are, whoever measures them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.runs import Done, run

CHECKS = '''
from dataclasses import dataclass
from hypothesis import given, strategies as st
from pytest_isolation import family, severity, weaken

@dataclass(frozen=True)
class Place:
    slug: str
    hole: object

PLACES = [Place("a", weaken.share("pid")), Place("b", weaken.share("ipc")), Place("c", weaken.share("net")),
          Place("d", weaken.share("uts"))]
kept = family("place.{entry.slug}-kept", over=PLACES, claim="{entry.slug} is kept", sources=("man:{entry.slug}(7)",),
              severity=severity.host("is open"),
              falsified_by=lambda entry: entry.hole)

@kept
@given(number=st.integers())
def test_place(box, promise, entry, number):
    """Member b is broken wherever it is tried; the others by their own hole alone."""
    promise.require(entry.slug != "b" and entry.hole not in box.spec.weakenings, place=entry.slug)
'''
PROFILE = 'name = "mine"\n[required]\n"place.b-kept" = "it is ours"\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("families")
    (made / "test_mine.py").write_text(CHECKS)
    (made / "mine.toml").write_text(PROFILE)
    return made


BOXES = ("--isolation", "--box", "namespaces", "--box", "hole=namespaces:weaken=share-pid")
ALL = ("--isolation-only", "place.*,pid.init-is-one", "--isolation-profile", "mine.toml", "--hypothesis-seed=1")


@pytest.fixture(scope="module")
def done(folder: Path) -> Done:
    ended = run(folder, *BOXES, *ALL, ".")
    ended.said("VIOLATED place.b-kept")
    assert ended.code == 1
    return ended


def test_each_member_has_a_row_and_a_verdict(done: Done) -> None:
    found = {key: row["verdict"] for key, row in done.rows.items() if key[1].startswith("place.")}
    assert found == {
        ("namespaces", "place.a-kept"): "holds",
        ("namespaces", "place.b-kept"): "violated",
        ("namespaces", "place.c-kept"): "holds",
        ("namespaces", "place.d-kept"): "holds",
        ("hole", "place.a-kept"): "violated",
        ("hole", "place.b-kept"): "violated",
        ("hole", "place.c-kept"): "holds",
        ("hole", "place.d-kept"): "holds",
    }
    assert {row["control"] for row in done.rows.values()} == {"fired"}
    assert done.rows["namespaces", "place.b-kept"]["required_by"] == "profile:mine"
    assert done.rows["namespaces", "place.a-kept"]["examples"] == 100


def test_the_report_tells_of_the_family(done: Done) -> None:
    rows = {row["id"]: (row["family"], row["claim"], row["falsified_by"]) for row in done.report["guarantees"]}
    assert rows["place.a-kept"] == ("place.*-kept", "a is kept", ["share-pid"])
    assert rows["place.c-kept"] == ("place.*-kept", "c is kept", ["share-net"])
    assert rows["pid.init-is-one"][0] is None
    assert done.rows["namespaces", "place.b-kept"]["evidence"][0]["example"] == {"number": "0"}


def test_workers_measure_the_members_that_are_asked_for_alike(done: Done, folder: Path) -> None:
    ended = run(folder, "-n", "2", *BOXES, *ALL[2:], "--isolation-only", "place.c-kept,place.a-*", ".")
    assert set(ended.rows) == {(box, f"place.{one}-kept") for box in ("namespaces", "hole") for one in "ac"}
    for key, row in ended.rows.items():
        assert _known(row) == _known(done.rows[key])


def _known(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in ("seconds", "evidence")}


def test_without_isolation_it_is_skipped(folder: Path) -> None:
    ended = run(folder, "-rs", "test_mine.py", report=False)
    assert ended.code == 0, ended.out
    ended.said("1 skipped", "run it with pytest --isolation")
