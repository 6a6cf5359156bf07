"""What a program asks of an agent, and what it answers: calls in one round trip, and their replies."""

from __future__ import annotations

import errno as errno_module
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import SupportsIndex, overload

from pytest_isolation.agent import numbers, wire
from pytest_isolation.agent.memory import At, In, OutBuffer, Pointers, Step, Struct, Value
from pytest_isolation.agent.syscalls import Syscalls


@dataclass(frozen=True, slots=True)
class Reply:
    """What one system call answered.

    `value` is the raw result of the kernel: negative errno when refused.  `outs` are the bytes of
    the call's output buffers, in the order of its arguments.
    """

    name: str
    arguments: tuple[Value, ...]
    value: int
    outs: tuple[bytes, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the kernel returned no errno (syscalls(2): -4095 to -1 are errors)."""
        return not -4096 < self.value < 0

    @property
    def errno(self) -> int:
        """The positive errno, or 0."""
        return 0 if self.ok else -self.value

    @property
    def data(self) -> bytes:
        """The bytes of the first output buffer; empty when the call failed or has none."""
        return self.outs[0] if self.ok and self.outs else b""

    def __str__(self) -> str:
        answer = str(self.value) if self.ok else f"-1 {errno_module.errorcode.get(self.errno, self.errno)}"
        return f"{self.name}({', '.join(map(_show, self.arguments))}) = {answer}"


class Replies(tuple[Reply, ...]):
    """The replies of one program; indexed by the Step a call returned, or by number.

    A program with `stop_on_error` may end early: the calls that did not run are absent.
    """

    __slots__ = ()

    @overload
    def __getitem__(self, key: Step | SupportsIndex) -> Reply: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[Reply, ...]: ...
    def __getitem__(self, key: Step | SupportsIndex | slice) -> Reply | tuple[Reply, ...]:
        return super().__getitem__(key.index if isinstance(key, Step) else key)

    def ran(self, step: Step) -> bool:
        """Whether the program came as far as this step: one that stops at an error leaves the rest out."""
        return step.index < len(self)

    @property
    def made(self) -> tuple[Reply, ...]:
        """The replies of system calls, in the order made; what the agent did to its own memory is left out."""
        return tuple(reply for reply in self if reply.name not in ("store", "load"))

    @property
    def calls(self) -> tuple[str, ...]:
        """Those as text."""
        return tuple(map(str, self.made))


class Program(Syscalls[Step]):
    """Calls to be made in one round trip; each method returns the Step whose result later calls may use."""

    def __init__(self, *, stop_on_error: bool = False) -> None:
        self._stop = stop_on_error
        self._ops: list[_Call] = []
        self._outs: list[wire.Out] = []
        self._owners: list[int] = []
        self._memory = bytearray()

    def __len__(self) -> int:
        return len(self._ops)

    def has_room(self, *, calls: int, outputs: int, memory: int) -> bool:
        """Whether the agent takes so many calls, outputs and bytes more in this program."""
        return (
            len(self._ops) + calls <= wire.OPS_MAX
            and len(self._outs) + outputs <= wire.OUTS_MAX
            and len(self._memory) + memory <= wire.ARENA_MAX
        )

    # -- laying out memory -------------------------------------------------------------

    def place(self, value: Value) -> At:
        """Lay `value` out in the program's memory and return its address, for several calls to use."""
        stores: list[_Store] = []
        how, number = self._argument(value, stores, [])
        if how is not wire.Arg.ARENA:
            raise TypeError(f"place() takes bytes, a path or a buffer, not {value!r}")
        self._write(stores)
        return At(number)

    def load(self, at: At, size: int, offset: int = 0) -> Step:
        """The number stored at `at`, as the result of a step; a `size` of -4 keeps the sign."""
        return self._append(wire.Pseudo.LOAD, "load", (at.offset + offset, size))

    def store(self, at: At, value: int | Step | At, size: int = 8, offset: int = 0) -> Step:
        """Write a number, an earlier result or an address to memory."""
        return self._append(wire.Pseudo.STORE, "store", (at.offset + offset, size, value))

    def peek(self, at: At, size: int) -> Step:
        """Have `size` bytes at `at` sent back as they are when the program ends: the data of this step."""
        step = self.load(at, 1)
        self._outs.append(wire.Out(at.offset, size))
        self._owners.append(step.index)
        return step

    def loop(self, to: Step, times: int = 0, seconds: float = 0.0) -> Step:
        """Repeat from `to` until `times` rounds were made or `seconds` have passed; its result: the rounds."""
        return self._append(wire.Pseudo.LOOP, "loop", (to.index, times, int(seconds * 1e9)))

    def spawn(self, slot: int, flags: int) -> Step:
        """clone(2) a process of the agent at `slot`; Proc.spawn keeps account of the slots."""
        return self._append(wire.Pseudo.SPAWN, "clone", (slot, flags))

    def drop(self, slot: int) -> Step:
        """Close the channel of the process at `slot`, which ends it."""
        return self._append(wire.Pseudo.DROP, "drop", (slot,))

    def channel(self, fd: int | Step) -> Step:
        """After this program the agent speaks over `fd`."""
        return self._append(wire.Pseudo.CHANNEL, "channel", (fd,))

    # -- the rest ----------------------------------------------------------------------

    def call(self, name: str, *args: Value) -> Step:
        """As Calls.call(), added to the program."""
        return self._append(None, name, args)

    def syscall(self, nr: int, *args: Value) -> Step:
        """Any system call by its number on the box's architecture; see syscall(2)."""
        return self._append(nr, f"syscall_{nr}", args)

    def _append(self, nr: int | None, name: str, args: tuple[Value, ...]) -> Step:
        stores: list[_Store] = []
        outs: list[OutBuffer] = []
        packed = tuple(self._argument(value, stores, outs) for value in args)
        self._write(stores)
        index = len(self._ops)
        self._ops.append(_Call(nr, name, args, packed))
        for number, out in enumerate(outs, len(self._outs) - len(outs)):
            if out.filled:
                room = self._outs[number]
                self._outs[number] = wire.Out(room.offset, room.length, index)
            self._owners.append(index)
        return Step(index)

    def _write(self, stores: list[_Store]) -> None:
        """An address is known only inside the agent, so the agent writes it, before the call that needs it."""
        for offset, how, number in stores:
            packed = ((wire.Arg.CONST, offset), (wire.Arg.CONST, 8), (how, number))
            self._ops.append(_Call(wire.Pseudo.STORE, "store", (), packed))

    def _reserve(self, size: int) -> int:
        at = -(-len(self._memory) // 16) * 16
        self._memory.extend(bytes(at + size - len(self._memory)))
        return at

    def _bytes(self, data: bytes) -> int:
        at = self._reserve(len(data))
        self._memory[at : at + len(data)] = data
        return at

    def _argument(self, value: Value, stores: list[_Store], outs: list[OutBuffer]) -> tuple[wire.Arg, int]:
        match value:
            case None:
                return wire.Arg.CONST, 0
            case int():
                return wire.Arg.CONST, int(value)
            case Step():
                return wire.Arg.RESULT, (value.plus & 0xFFFF_FFFF) << 32 | value.index
            case At():
                return wire.Arg.ARENA, value.offset
            case In():
                return wire.Arg.ARENA, self._bytes(value.data)
            case OutBuffer():
                at = self._reserve(value.size)
                self._memory[at : at + len(value.data)] = value.data
                self._outs.append(wire.Out(at, value.size))
                outs.append(value)
                return wire.Arg.ARENA, at
            case Pointers(items):
                return wire.Arg.ARENA, self._words([self._argument(item, stores, outs) for item in items], stores)
            case Struct(pieces):
                words = [p if isinstance(p, bytes) else self._argument(p, stores, outs) for p in pieces]
                return wire.Arg.ARENA, self._words(words, stores)
            case str() | bytes() | os.PathLike():
                return wire.Arg.ARENA, self._bytes(encoded(value) + b"\0")
        raise TypeError(f"a system call argument is a number, a path, bytes or a buffer, not {value!r}")

    def _words(self, words: Sequence[bytes | tuple[wire.Arg, int]], stores: list[_Store]) -> int:
        at = self._reserve(sum(len(word) if isinstance(word, bytes) else 8 for word in words))
        offset = at
        for word in words:
            if isinstance(word, bytes):
                self._memory[offset : offset + len(word)] = word
                offset += len(word)
            else:
                stores.append((offset, *word))
                offset += 8
        return at

    def frame(self, machine: str) -> wire.Frame:
        """The program as the agent of `machine` takes it."""
        ops = [wire.Op(call.number(machine), call.packed, self._stop) for call in self._ops]
        return wire.Frame(ops, self._outs, len(self._memory), bytes(self._memory))

    def replies(self, answer: wire.Answer) -> Replies:
        """What the agent answered, a Reply for each step that ran."""
        outs: dict[int, list[bytes]] = {}
        for owner, data in zip(self._owners, answer.outs, strict=True):
            outs.setdefault(owner, []).append(data)
        return Replies(
            Reply(call.name, call.args, value, tuple(outs.get(index, ())))
            for index, (call, value) in enumerate(zip(self._ops, answer.results, strict=False))
        )


_Store = tuple[int, wire.Arg, int]


@dataclass(frozen=True, slots=True)
class _Call:
    nr: int | None
    """None: looked up by name when the agent's architecture is known."""
    name: str
    args: tuple[Value, ...]
    packed: tuple[tuple[wire.Arg, int], ...]

    def number(self, machine: str) -> int:
        return numbers.number(self.name, machine) if self.nr is None else self.nr


def encoded(value: str | bytes | os.PathLike[str]) -> bytes:
    """The bytes of a path or a text, as the box gets them: UTF-8, whatever this process's locale is."""
    text = os.fspath(value)
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def _show(value: Value) -> str:
    match value:
        case None:
            return "NULL"
        case int():
            return str(value) if abs(value) < 1 << 20 else hex(value)
        case str() | bytes() | os.PathLike():
            text = os.fsdecode(value)
            return repr(text if len(text) <= 120 else text[:117] + "...")
        case Step(index=index):
            return f"${index}"
        case In(data):
            return f"<{len(data)} bytes>"
        case OutBuffer():
            return "<out>"
    return "<memory>"
