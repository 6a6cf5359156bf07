"""agent.c and wire.py say the same numbers: kinds of frames, operations, arguments, limits.

Both are short and each is read by itself, so a test compares them; a generated header would hide half of each.
"""

from __future__ import annotations

import re
from enum import IntEnum
from pathlib import Path

import pytest

from pytest_isolation.agent import wire

SOURCE = (Path(wire.__file__).parent / "agent.c").read_text()
NUMBERS = {name: int(value) for name, value in re.findall(r"\b([A-Z][A-Z_]*) = (-?\d+)\b", SOURCE)}
LIMITS = {
    name: int(number) << int(shift or 0)
    for name, number, shift in re.findall(r"^#define ([A-Z_]+) \(?(\d+)u?(?: << (\d+)\))?$", SOURCE, re.MULTILINE)
}


@pytest.mark.parametrize(("table", "prefix"), [(wire.Kind, ""), (wire.Pseudo, "OP_"), (wire.Arg, "")])
def test_words_have_one_number(table: type[IntEnum], prefix: str) -> None:
    assert {one.name: NUMBERS.get(f"{prefix}{one.name}") for one in table} == {one.name: one.value for one in table}


def test_the_agent_has_no_operation_that_the_wire_has_not() -> None:
    assert {name for name in NUMBERS if name.startswith("OP_")} == {f"OP_{one.name}" for one in wire.Pseudo}


@pytest.mark.parametrize("name", ["VERSION", "DEPTH_MAX", "KIDS_MAX", "OPS_MAX", "OUTS_MAX", "FRAME_MAX", "ARENA_MAX"])
def test_limits_are_one(name: str) -> None:
    assert LIMITS[name] == getattr(wire, name)
