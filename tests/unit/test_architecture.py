"""docs/architecture.md: what it names is there, each room is named, and the order is that of the import contract."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

TOP = Path(__file__).parents[2]
PACKAGE = TOP / "pytest_isolation"
PAGE = (TOP / "docs" / "architecture.md").read_text(encoding="utf-8")
ROOMS = {path.parent.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")} - {Path()}
NAMED = [one for one in re.findall(r"`([\w./]+)`", PAGE) if "/" in one or one.endswith((".py", ".toml", ".json", ".c"))]
FORMS = {"technologies/NAME", "checks/DOMAIN/test_ATTACK.py", "guarantees/claims/TECHNOLOGY.toml", "report/FORMAT.py"}
"""Of files that a reader makes."""


def test_what_it_names_is_there() -> None:
    assert len(NAMED) > 80
    places = (path for room in (PACKAGE, TOP / "checks", TOP / "dev", TOP / "docs") for path in room.rglob("*"))
    known = [f"/{path.relative_to(TOP)}/" for path in (*TOP.iterdir(), *places)]
    lost = {one for one in set(NAMED) - FORMS if not any(f"/{one.rstrip('/')}/" in path for path in known)}
    assert lost == set(), "docs/architecture.md names what is not there: correct it"


def test_each_room_is_named() -> None:
    rooms = {room for room in ROOMS if len(room.parts) == 1 or room.parts[0] in ("suite", "technologies")}
    unnamed = {str(room) for room in rooms if f"`{room}/`" not in PAGE and f"`{room.name}/`" not in PAGE}
    assert unnamed == set(), "docs/architecture.md leaves a room out: say in it what is in there"


def test_the_order_is_that_of_the_contract() -> None:
    contract = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contract if one["type"] == "layers")
    order = [set(layer.replace("pytest_isolation.", "").split(" | ")) for layer in layers]
    told = re.search(r"downward in this order: (.*?)\.", PAGE, re.DOTALL)
    assert told is not None
    assert [set(one.split(", ")) for one in " ".join(told[1].split()).split("; ")] == order
