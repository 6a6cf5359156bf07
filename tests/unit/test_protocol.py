"""agent.c and wire.py say the same: kinds of frames, operations, arguments, limits, and the layout of each frame.

Both are short and each is read by itself, so a test compares them; a generated header would hide half of each.
"""

from __future__ import annotations

import re
import struct
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


# -- layouts ---------------------------------------------------------------------------------------------------------

TYPES = {"u8": "B", "u16": "H", "u32": "I", "int": "i", "u64": "Q"}
"""C's types as agent.c names them -> struct's; all of both architectures, without padding of the compiler's."""


def layout(name: str) -> str:
    """The fields of a struct of agent.c, as a format of Python's struct; one that is called pad or reserved, too."""
    (body,) = re.findall(
        rf"^struct {name} {{\n(.*?)^}};|struct {{ ([^}}]*) }} \*{name} =", SOURCE, re.MULTILINE | re.DOTALL
    )
    found = "<"
    for kind, names in re.findall(r"\b(u8|u16|u32|int|u64) ([^;]+);", "".join(body)):
        for one in names.split(","):
            times = re.search(r"\[(\w+)\]", one)
            found += TYPES[kind] * (1 if times is None else LIMITS.get(times[1]) or int(times[1]))
    return found


def spelt_out(format: str) -> str:
    """ "<4H5x" -> "<HHHHBBBBB": what is skipped is bytes."""
    return re.sub(r"(\d*)([A-Za-z])", lambda one: one[2].replace("x", "B") * int(one[1] or 1), format)


@pytest.mark.parametrize(
    ("name", "packed"), [("header", wire.HEADER), ("op", wire.OP), ("out", wire.OUT), ("shape", wire.SHAPE)]
)
def test_layouts_are_one(name: str, packed: struct.Struct) -> None:
    ours = spelt_out(packed.format)
    assert layout(name) == ours
    # The compiler lays its struct out as it likes: without a gap only where each field has its alignment by itself.
    assert struct.calcsize(ours.replace("<", "=")) == struct.calcsize(ours.replace("<", "@")) == packed.size
