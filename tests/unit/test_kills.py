"""The kill matrix is whole enough to say where guarantees with one falsifier differ, and its page is current."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import kills
from tests.kills import PAGE, SOUND, Column, apart, classes, fill, load, page, pairs_untold, save, witnesses
from tests.support import built_in_checks

MATRIX = load()
PROMISES = {promise.id: promise for promise, _ in built_in_checks()}
UNTOLD = 770
"""Pairs with one falsifier that no measured box tells apart: may only become fewer."""
LATE = 20
"""So many guarantees may be newer than the table."""


def measured() -> set[str]:
    return {id for column in MATRIX.values() for id in column.measured}


def test_no_further_pair_is_untold() -> None:
    found = pairs_untold(MATRIX, (one for id, one in PROMISES.items() if id in measured()))
    said = f"{len(found)} pairs differ in no box of the kill matrix: a further one is one guarantee said twice"
    assert len(found) <= UNTOLD, f"{said}; find a box in which they differ, or make them one: {found}"


def test_what_is_untold_is_argued() -> None:
    bare = [pair for pair in pairs_untold(MATRIX, PROMISES.values()) if not any(PROMISES[id].distinct for id in pair)]
    assert not bare, f"{bare[0]} differ in no box: say in `distinct` of one of them why they are two"


def test_the_table_is_of_these_guarantees() -> None:
    late = sorted(set(PROMISES) - measured())
    assert len(late) <= LATE, f"`python -m tests.kills` measures {', '.join(late)}"


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(MATRIX), "run `python -m tests.kills --page`"


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "kills.toml"
    matrix = {
        "box-namespaces": Column(["a"], [], ["a", "b", "c", "d"]),
        "share-pid": Column(["b"], ["d"], ["b", "d"]),
    }
    save(matrix, path)
    assert load(path) == matrix
    assert load(tmp_path / "none.toml") == {}


def test_who_is_told_apart() -> None:
    matrix = {
        "box-namespaces": Column(["a"], [], ["a", "b", "c", "d"]),
        "share-pid": Column(["b"], ["d"], ["b", "c", "d"]),
        "share-net": Column([], [], ["b", "c"]),
    }
    assert apart(matrix, "a", "b") == ["box-namespaces"]
    assert apart(matrix, "b", "c") == ["share-pid"]
    assert apart(matrix, "c", "d") == [], "what could not be asked tells nothing"
    assert classes(matrix, ["a", "b", "c", "d"]) == [["a"], ["b", "d"], ["c"]]
    assert witnesses(matrix, ["b", "c"]) == ["share-pid"]
    assert witnesses(matrix, ["c", "d"]) == []


def test_no_hole_is_asked_for_what_the_sound_box_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guarantee that is new, in a table that has the sound box already."""
    new, *others = sorted(PROMISES)
    matrix = {SOUND: Column([], [], list(others)), "share-pid": Column([], [], list(others))}
    asked = []

    def found(matrix: kills.Matrix, todo: dict[str, list[str]], *_: object) -> None:
        for name, ids in todo.items():
            asked.append((name, ids))
            matrix[name].measured += ids
            matrix[name].violated += ids

    monkeypatch.setattr(kills, "_fill", found)
    monkeypatch.setattr(kills, "save", lambda _: None)
    fill(matrix, ["share-pid", SOUND], 1)
    assert asked == [(SOUND, [new])]
