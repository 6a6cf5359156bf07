"""The constants of system calls are those of the kernel's headers."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path

import pytest

from pytest_isolation.agent import constants

HEADERS = "lib/libc/include/any-linux-any", "lib/libc/include/generic-musl"
"""In the wheel of the compiler that builds the agent: the kernel's, and those of a C library."""
OTHERWISE = {"W_NOHANG": "WNOHANG", "W_ALL": "__WALL"}
"""Where the name of ours, joined, is not the header's."""

DEFINED = r"^\s*#\s*define\s+(\w+)\s+\(?(-?(?:0x[0-9A-Fa-f]+|[0-9]+))[UL]*(?:\s*<<\s*([0-9]+))?\)?\s*(?:/\*.*)?$"
COMPOSED = {"OPEN_TREE_CLOEXEC", "IPC_PRIVATE", "LO_FLAGS_READ_ONLY", "LO_FLAGS_AUTOCLEAR"}
"""By another name, with a cast, or of an enum."""


def named() -> dict[str, int]:
    """The header's name of every constant, and our number."""
    found = {name: value for name, value in vars(constants).items() if name.isupper() and isinstance(value, int)}
    for table in vars(constants).values():
        if isinstance(table, type) and issubclass(table, Enum) and table.__module__ == constants.__name__:
            prefix = "IPC" if table is constants.IPC_GET else table.__name__
            found |= {f"{prefix}_{one.name}": int(one) for one in table}
    return {OTHERWISE.get(name, name): value for name, value in found.items()}


def defined(root: Path) -> dict[str, set[int]]:
    """The numbers that `#define NAME NUMBER` gives in the headers, octal and shifts too."""
    found: dict[str, set[int]] = {}
    for place in HEADERS:
        rooms = ("*.h", "linux/*.h", "asm-generic/*.h", "sys/*.h")
        for path in (path for room in rooms for path in (root / place).glob(room)):
            text = path.read_text(errors="replace")
            for name, number, shift in re.findall(DEFINED, text, re.MULTILINE):
                base = 8 if re.fullmatch("0[0-7]+", number) else 0
                found.setdefault(name, set()).add(int(number, base) << int(shift or 0))
    return found


def test_every_constant_is_the_headers() -> None:
    ziglang = pytest.importorskip("ziglang", reason="the compiler that builds the agent")
    known = defined(Path(ziglang.__file__).parent)
    ours = named()
    assert {name: number for name, number in ours.items() if name in known and number not in known[name]} == {}
    assert ours.keys() - known.keys() == COMPOSED


def test_members_are_numbers_to_the_agent_and_in_evidence() -> None:
    assert f"{constants.CLONE.NEWNS}" == str(constants.CLONE.NEWNS) == "131072"
    assert str(constants.PR.SET_NO_NEW_PRIVS) == "38"
