"""One start serves several guarantees, and what one of them lacks or breaks is no answer to another."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_isolation.door import Door
from pytest_isolation.errors import BoxError, Unsupported
from pytest_isolation.outside.together import KEPT, Part, Together, once


class Boxes:
    """What was started, in order; `lacking`: what no box here can be given."""

    def __init__(self, *lacking: str) -> None:
        self.lacking, self.started = lacking, list[str]()

    def giving(self, *parts: str) -> Any:
        @contextmanager
        def start(box: Any, wanted: str) -> Iterator[Any]:
            if lacks := [part for part in parts if part in self.lacking]:
                raise Unsupported(f"no box has {lacks[0]}")
            self.started.append("+".join(parts))
            yield SimpleNamespace(has=parts)

        return start


def box(door: str = "start") -> Any:
    return SimpleNamespace(spec=SimpleNamespace(door=door), answers={})


def parts(boxes: Boxes) -> tuple[Together[str], Part[str, str], Part[str, str]]:
    ids = Part[str, str](boxes.giving("ids"), lambda box, wanted: f"{wanted}: ids of {'+'.join(box.has)}")
    names = Part[str, str](boxes.giving("names"), lambda box, wanted: f"{wanted}: names of {'+'.join(box.has)}")
    return Together(boxes.giving("ids", "names"), ids, names), ids, names


def test_one_start_answers_all() -> None:
    boxes = Boxes()
    both, ids, names = parts(boxes)
    alike = box()
    assert both.answer(ids, alike, "one") == "one: ids of ids+names"
    assert both.answer(names, alike, "one") == "one: names of ids+names"
    assert boxes.started == ["ids+names"]
    both.answer(names, alike, "two")
    assert boxes.started == ["ids+names"] * 2, "another input is another start"


def test_the_other_door_is_asked_for_itself() -> None:
    boxes = Boxes()
    both, ids, _ = parts(boxes)
    started = box()
    both.answer(ids, started, "one")
    both.answer(ids, SimpleNamespace(spec=SimpleNamespace(door=Door.EXEC), answers=started.answers), "one")
    assert boxes.started == ["ids+names"] * 2


def test_what_one_lacks_the_others_do_not() -> None:
    boxes = Boxes("ids")
    both, ids, names = parts(boxes)
    alike = box()
    assert both.answer(names, alike, "one") == "one: names of names"
    with pytest.raises(Unsupported, match="no box has ids"):
        both.answer(ids, alike, "one")


def test_what_was_not_read_is_read_by_itself() -> None:
    boxes = Boxes()
    both, ids, names = parts(boxes)

    def read(box: Any, wanted: str) -> str:
        if box.has != ("ids",):
            raise BoxError("hidden")
        return "found"

    ids.read = read
    alike = box()
    assert (both.answer(ids, alike, "one"), both.answer(names, alike, "one")) == ("found", "one: names of ids+names")
    assert boxes.started == ["ids+names", "ids"]


def test_the_latest_are_kept() -> None:
    alike, asked = box(), list[int]()
    for number in [*range(KEPT + 1), *range(KEPT, 0, -1), 0]:
        once(alike, number, lambda number=number: asked.append(number))
    assert asked == [*range(KEPT + 1), 0], "the first was forgotten, no other"
