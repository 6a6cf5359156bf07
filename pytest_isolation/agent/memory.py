"""What an argument of a system call can be besides a number or a path."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Step:
    """The place of a call in its program; as an argument of a later call it means: its result."""

    index: int
    plus: int = 0

    def __add__(self, other: int) -> Step:
        return Step(self.index, self.plus + other)


@dataclass(frozen=True, slots=True)
class In:
    """Bytes a call reads, passed by address."""

    data: bytes


@dataclass(frozen=True, slots=True)
class OutBuffer:
    """Room a call writes to, passed by address and sent back.

    `filled` says how much is sent back: the whole room, or as many bytes as the call returned.
    `data` is what the room holds before the call.
    """

    size: int
    filled: bool = False
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Pointers:
    """An array of addresses (argv, iovec-like): each item is laid out and pointed to; None is NULL."""

    items: tuple[Value | None, ...]


@dataclass(frozen=True, slots=True)
class At:
    """The address of an earlier memory argument: `Program.place` returns it."""

    offset: int


@dataclass(frozen=True, slots=True)
class Struct:
    """Memory made of pieces, in order: bytes as they are, everything else as one 8-byte word."""

    pieces: tuple[Value, ...]


Value: TypeAlias = "int | str | bytes | os.PathLike[str] | In | OutBuffer | Pointers | Struct | At | Step | None"
