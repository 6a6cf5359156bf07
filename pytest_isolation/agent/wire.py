"""The protocol between us and the agent: frames, programs, replies.

The other side is hostile: whatever runs in a box may answer in the agent's place.  So every
length is bounded before it is believed, every id is checked by the caller, nothing is allocated
because a frame claims it, and anything else is one typed error, `WireError`.

A frame is a 20-byte header and a payload.  The *path* in the header names a process of the
agent: empty for the first one, then one slot per generation of children.  All numbers are
little-endian, as on both architectures the agent is built for.

    PROGRAM  u16 ops, u16 outs, u32 arena, u32 init, op[ops], out[outs], init bytes
    REPLY    u32 done, i64 result[done], then per out: u32 length, bytes
    GONE     nothing: the process named by the path has ended, or became another program
    HELLO    u32 version << 16 | architecture
    REFUSED  u32 errno: the frame could not be carried out as a whole
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum

from pytest_isolation.errors import WireError

VERSION = 1
FRAME_MAX = 2 << 20
ARENA_MAX = 1 << 20
OPS_MAX = 4096
OUTS_MAX = 1024
DEPTH_MAX = 4
KIDS_MAX = 1024

# Of the structs header, shape, op and out of agent.c; WORD is the payload of HELLO and of REFUSED.
HEADER = struct.Struct("<IIBB4HH")
SHAPE = struct.Struct("<HHII")
OP = struct.Struct("<iB6B5x6Q")
OUT = struct.Struct("<IIi")
WORD = struct.Struct("<I")

Path = tuple[int, ...]
"""Names a process of the agent: the slots of its ancestors and its own."""


class Kind(IntEnum):
    """What a frame is."""

    PROGRAM = 1
    REPLY = 2
    GONE = 3
    HELLO = 4
    REFUSED = 5


class Pseudo(IntEnum):
    """Operations of the agent itself, numbered below every system call."""

    SPAWN = -1
    STORE = -2
    LOAD = -3
    LOOP = -4
    DROP = -5
    CHANNEL = -6


class Arg(IntEnum):
    """How the agent makes an argument from the number it is given."""

    CONST = 0
    ARENA = 1
    RESULT = 2


ARCHITECTURES = {1: "x86_64", 2: "aarch64"}


@dataclass(frozen=True, slots=True)
class Header:
    """What comes before the payload of each frame; `length` is the payload's, in bytes."""

    length: int
    id: int
    kind: Kind
    path: Path


@dataclass(frozen=True, slots=True)
class Op:
    """One call: its number, its arguments as (how, number) pairs, and whether an error ends it all."""

    nr: int
    args: tuple[tuple[Arg, int], ...]
    stop_on_error: bool = False

    def pack(self) -> bytes:
        """As the agent reads it: OP."""
        padded = (*self.args, *(((Arg.CONST, 0),) * (6 - len(self.args))))
        return OP.pack(
            self.nr,
            int(self.stop_on_error),
            *(int(how) for how, _ in padded),
            *(number & 0xFFFF_FFFF_FFFF_FFFF for _, number in padded),
        )


@dataclass(frozen=True, slots=True)
class Out:
    """Arena bytes to send back: all `length`, or as many as operation `result` returned."""

    offset: int
    length: int
    result: int = -1


@dataclass(slots=True)
class Frame:
    """What a program is before it has an address."""

    ops: list[Op] = field(default_factory=list)
    outs: list[Out] = field(default_factory=list)
    arena: int = 0
    init: bytes = b""
    laid_out: bytes = b""
    """The payload, where the frame is sent again and again."""

    def pack(self, request: int, path: Path) -> bytes:
        """Raises WireError when the program is larger than the agent takes."""
        payload = self.laid_out or self.payload()
        return pack_header(Kind.PROGRAM, request, path, len(payload)) + payload

    def payload(self) -> bytes:
        """What follows the header.  Raises WireError as pack()."""
        if len(self.ops) > OPS_MAX or len(self.outs) > OUTS_MAX or self.arena > ARENA_MAX:
            raise WireError(
                f"a program of {len(self.ops)} calls, {len(self.outs)} outputs and {self.arena} bytes "
                f"of memory; the agent takes {OPS_MAX}, {OUTS_MAX} and {ARENA_MAX}: split it"
            )
        return b"".join(
            (
                SHAPE.pack(len(self.ops), len(self.outs), self.arena, len(self.init)),
                *(op.pack() for op in self.ops),
                *(OUT.pack(out.offset, out.length, out.result) for out in self.outs),
                self.init,
            )
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back of a program: one result for each call that ran, then the bytes asked for."""

    results: tuple[int, ...]
    outs: tuple[bytes, ...]


def pack_header(kind: Kind, request: int, path: Path, length: int) -> bytes:
    """As the agent reads it.  Raises WireError for a process too deep to be reached."""
    if len(path) > DEPTH_MAX:
        raise WireError(f"a process {len(path)} generations deep; the agent routes {DEPTH_MAX}")
    slots = (*path, 0, 0, 0, 0)[:DEPTH_MAX]
    return HEADER.pack(length, request, kind, len(path), *slots, 0)


def unpack_header(data: bytes) -> Header:
    """Raises WireError unless `data` can be the head of a frame of the agent."""
    if len(data) != HEADER.size:
        raise WireError(f"a header of {len(data)} bytes, expected {HEADER.size}")
    length, request, kind, depth, *slots, reserved = HEADER.unpack(data)
    if length > FRAME_MAX:
        raise WireError(f"a frame of {length} bytes, expected at most {FRAME_MAX}")
    if kind not in (Kind.REPLY, Kind.GONE, Kind.HELLO, Kind.REFUSED):
        raise WireError(f"a frame of kind {kind}, expected REPLY, GONE, HELLO or REFUSED")
    if depth > DEPTH_MAX or reserved:
        raise WireError(f"a path of {depth} slots, expected at most {DEPTH_MAX}")
    return Header(length, request, Kind(kind), tuple(slots[:depth]))


def unpack_word(payload: bytes) -> int:
    """The one number that HELLO and REFUSED carry."""
    if len(payload) != WORD.size:
        raise WireError(f"a payload of {len(payload)} bytes, expected {WORD.size}")
    return int(WORD.unpack(payload)[0])


def unpack_answer(payload: bytes, sent: Frame) -> Answer:
    """The answer to `sent`; raises WireError unless it can be one."""
    if len(payload) < 4:
        raise WireError(f"an answer of {len(payload)} bytes, expected at least 4")
    done = int(WORD.unpack_from(payload)[0])
    if done > len(sent.ops):
        raise WireError(f"results of {done} calls, expected at most {len(sent.ops)}")
    at = 4 + 8 * done
    if len(payload) < at:
        raise WireError(f"an answer of {len(payload)} bytes, too short for {done} results")
    results = struct.unpack_from(f"<{done}q", payload, 4)
    outs = []
    for asked in sent.outs:
        if len(payload) < at + 4:
            raise WireError("an answer that ends inside its outputs")
        size = int(WORD.unpack_from(payload, at)[0])
        at += 4
        if size > asked.length or size > len(payload) - at:
            raise WireError(f"an output of {size} bytes, expected at most {asked.length}")
        outs.append(payload[at : at + size])
        at += size
    if at != len(payload):
        raise WireError(f"{len(payload) - at} bytes after the end of an answer")
    return Answer(results, tuple(outs))
