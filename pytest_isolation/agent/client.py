"""Talking to an agent: one round trip carries a whole program.

    agent = Agent(channel)
    agent.proc.getpid()                       one call, one round trip
    with a Program, many calls in one:
        program = Program(); fd = program.openat(AT_FDCWD, "/etc/passwd", O_RDONLY)
        data = program.read(fd, 4096); program.close(fd)
        replies = agent.proc.run(program);  replies[data].data

errno is a value: a refusal is the answer a check came for.  Only a lost agent or process raises.
"""

from __future__ import annotations

import errno as errno_module
import itertools
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import SupportsIndex, overload

from pytest_isolation.agent import foreign, numbers, wire
from pytest_isolation.agent.channel import Channel
from pytest_isolation.agent.memory import At, In, OutBuffer, Pointers, Step, Struct, Value
from pytest_isolation.agent.syscalls import Syscalls
from pytest_isolation.errors import AgentLost, BoxError, ProcLost, WireError

CALL_TIMEOUT_S = 20.0
"""A call that may block is bounded by what it waits for; this bounds everything else."""


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
        return step.index < len(self)

    @property
    def calls(self) -> tuple[str, ...]:
        """Every system call as text, in the order made: evidence."""
        return tuple(str(reply) for reply in self if reply.name not in ("store", "load"))


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

    def _call(self, name: str, *args: Value) -> Step:
        return self._append(None, name, args)

    def syscall(self, nr: int, *args: Value) -> Step:
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


class Proc(Syscalls[Reply]):
    """A process in the box whose system calls we make.

    `pid` is its id as its parent in the box sees it; 0 for the agent's first process, which can
    answer getpid() for itself.
    """

    def __init__(self, agent: Agent, path: wire.Path, pid: int, parent: Proc | None) -> None:
        self.agent, self.path, self.pid, self.parent = agent, path, pid, parent
        self._slots = itertools.count()

    def run(self, program: Program, *, timeout: float = CALL_TIMEOUT_S) -> Replies:
        """Make all calls of `program` and wait for what they answered.

        Raises ProcLost when this process ended, AgentLost when the agent did or is silent for
        `timeout` seconds.
        """
        return self.start(program).result(timeout=timeout)

    def start(self, program: Program) -> Pending:
        """Send `program` without waiting: for calls that block until somebody else acts."""
        return self.agent.submit(self, program)

    def _call(self, name: str, *args: Value) -> Reply:
        program = Program()
        step = program._call(name, *args)
        return self.run(program)[step]

    def syscall(self, nr: int, *args: Value) -> Reply:
        """Any system call by its number on the box's architecture."""
        program = Program()
        step = program.syscall(nr, *args)
        return self.run(program)[step]

    def spawn(self, flags: int = 0) -> Proc:
        """A child made by clone(2) with `flags`, with its own place on the channel.

        Raises BoxError with the errno when the box refuses.
        """
        child, reply = self.try_spawn(flags)
        if child is None:
            raise BoxError(f"the box refused a child process: {reply}")
        return child

    def try_spawn(self, flags: int = 0) -> tuple[Proc | None, Reply]:
        """Like spawn, but a refusal is an answer: (None, the reply)."""
        program = Program()
        slot = next(self._slots)
        step = program.spawn(slot, flags)
        reply = self.run(program)[step]
        if not reply.ok:
            return None, reply
        return Proc(self.agent, (*self.path, slot), reply.value, self), reply

    @property
    def alive(self) -> bool:
        """Whether the process still answers on the channel, as far as was heard."""
        return not self.agent.is_gone(self.path)

    def end(self) -> None:
        """End this process and wait for it; quiet when it has ended already."""
        if self.parent is None:
            return
        program = Program()
        program.drop(self.path[-1])
        if self.pid > 0:
            program.kill(self.pid, 9)
            program.wait4(self.pid, 0x40000000)  # __WALL: a clone child may signal nothing
        try:
            self.parent.run(program)
        except BoxError:
            pass

    def __enter__(self) -> Proc:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


class Pending:
    """A program on its way."""

    def __init__(self, agent: Agent, proc: Proc, program: Program, request: int, frame: wire.Frame) -> None:
        self._agent, self._proc, self._program, self._request, self._frame = agent, proc, program, request, frame

    def result(self, *, timeout: float = CALL_TIMEOUT_S) -> Replies:
        """Raises ProcLost, AgentLost."""
        try:
            answer = self._agent.wait(self._proc, self._request, self._frame, timeout)
        except (AgentLost, ProcLost):
            self._agent.unanswered = self._program
            raise
        replies = self._program.replies(answer)
        self._agent.trace.add(replies)
        return replies

    def ready(self) -> bool:
        """Whether the answer, or the end of its process, has arrived."""
        return self._agent.has_answer(self._proc, self._request)


class Trace:
    """The last replies of an agent, while somebody wants them."""

    LIMIT = 400

    def __init__(self, *, keeping: bool = False) -> None:
        self._kept: deque[Replies] | None = deque(maxlen=self.LIMIT) if keeping else None

    def add(self, replies: Replies) -> None:
        if self._kept is not None:
            self._kept.append(replies)

    def calls(self) -> list[str]:
        """As text, in the order made."""
        return [call for replies in self._kept or () for call in replies.calls]


class Agent:
    """The host's end of one agent: numbers the requests and sorts the answers."""

    def __init__(self, channel: Channel, *, hello_timeout: float = 20.0, machine: str | None = None) -> None:
        """Raises AgentLost unless an agent says hello within `hello_timeout` seconds.

        `machine`: of an agent that has said its hello before, to somebody else.
        """
        self._channel = channel
        self.undo = ExitStack()
        """What ends with it, when its channel is closed."""
        self._requests = itertools.count(1)
        self._answers: dict[int, tuple[wire.Header, bytes]] = {}
        self._waiting: dict[int, wire.Path] = {}
        self._abandoned: set[int] = set()
        self._gone: set[wire.Path] = set()
        self._broken: str | None = None
        self._halfway: wire.Header | None = None
        self.trace = Trace()
        self.unanswered: Program | None = None
        """The last program whose process ended over it, or never answered."""
        self._greeted = machine is not None
        self.machine = machine or self._hello(hello_timeout)
        self._greeted = True
        self.proc = Proc(self, (), 0, None)

    def _hello(self, timeout: float) -> str:
        deadline = time.monotonic() + timeout
        try:
            header, payload = self._frame(deadline)
        except TimeoutError:
            said = foreign.words(foreign.rest(self._channel), first=True)
            raise self._lost(said or f"no hello from the agent within {timeout:g} s") from None
        if header.kind is not wire.Kind.HELLO:
            raise self._lost(f"the agent's first frame is {header.kind.name}, expected HELLO", WireError)
        word = wire.unpack_word(payload)
        if word >> 16 != wire.VERSION or word & 0xFFFF not in wire.ARCHITECTURES:
            raise self._lost(f"the agent speaks version {word >> 16}, expected {wire.VERSION}", WireError)
        return wire.ARCHITECTURES[word & 0xFFFF]

    @contextmanager
    def traced(self) -> Iterator[Trace]:
        """Keep every reply until the block ends: the program that an example was."""
        outer, self.trace = self.trace, Trace(keeping=True)
        try:
            yield self.trace
        finally:
            self.trace = outer

    def submit(self, proc: Proc, program: Program) -> Pending:
        if self._broken:
            raise AgentLost(self._broken)
        if self.is_gone(proc.path):
            raise ProcLost("the process has ended, or became another program")
        request = next(self._requests) & 0xFFFF_FFFF
        frame = program.frame(self.machine)
        packed = frame.pack(request, proc.path)
        self._waiting[request] = proc.path
        try:
            self._channel.send(packed)
        except AgentLost as error:
            self.unanswered = program
            raise self._lost(str(error)) from None
        return Pending(self, proc, program, request, frame)

    def wait(self, proc: Proc, request: int, sent: wire.Frame, timeout: float) -> wire.Answer:
        deadline = time.monotonic() + timeout
        while request not in self._answers:
            if self.is_gone(proc.path):
                self._abandoned.add(request)  # its parent may still answer in its place
                raise ProcLost("the process ended before it answered")
            try:
                self._take(deadline)
            except TimeoutError:
                raise self._lost(f"the box stopped answering: no answer within {timeout:g} s") from None
        header, payload = self._answers.pop(request)
        if header.kind is wire.Kind.REFUSED:
            number = wire.unpack_word(payload)
            if number == errno_module.ENOENT:
                self._gone.add(proc.path)
                raise ProcLost("the process has ended")
            raise self._lost(f"the agent refused a program: {errno_module.errorcode.get(number, number)}", WireError)
        try:
            return wire.unpack_answer(payload, sent)
        except WireError as error:
            raise self._lost(str(error), WireError) from None

    def has_answer(self, proc: Proc, request: int) -> bool:
        try:
            while request not in self._answers and not self.is_gone(proc.path):
                self._take(time.monotonic() + 0.001)
        except TimeoutError:
            return False
        return True

    def is_gone(self, path: wire.Path) -> bool:
        return any(path[:depth] in self._gone for depth in range(1, len(path) + 1)) if self._gone else False

    def _take(self, deadline: float) -> None:
        header, payload = self._frame(deadline)
        if header.kind is wire.Kind.GONE:
            self._gone.add(header.path)
        elif header.kind is wire.Kind.HELLO or self._waiting.get(header.id) is None:
            raise self._lost(f"a {header.kind.name} frame nobody asked for", WireError)
        else:
            # A refusal comes from whichever ancestor could not pass the program on.
            path = self._waiting.pop(header.id)
            if header.path != path[: len(header.path)]:
                raise self._lost(f"an answer from process {header.path} to a question to {path}", WireError)
            if header.id in self._abandoned:
                self._abandoned.discard(header.id)
            else:
                self._answers[header.id] = header, payload

    def _frame(self, deadline: float) -> tuple[wire.Header, bytes]:
        if self._broken:
            raise AgentLost(self._broken)
        head = b""
        try:
            if self._halfway is None:
                head = self._channel.receive(wire.HEADER.size, deadline)
                self._halfway = wire.unpack_header(head)
            payload = self._channel.receive(self._halfway.length, deadline)
        except AgentLost as error:
            raise self._lost(self._instead(head, error), type(error)) from None
        header, self._halfway = self._halfway, None
        return header, payload

    def _instead(self, head: bytes, error: AgentLost) -> str:
        """Why no frame could be read: what was written in its place, when that is a text."""
        if self._halfway is not None:
            return str(error)
        said = foreign.words(head + foreign.rest(self._channel), first=not self._greeted)
        if said is None:
            return str(error)
        return said if isinstance(error, WireError) else f"{said}; then {error}"

    def _lost(self, reason: str, kind: type[AgentLost] = AgentLost) -> AgentLost:
        """Remember why: whoever asks next gets the same answer, not a puzzle."""
        self._broken = self._broken or reason
        return kind(reason)

    def move(self, fd: int, channel: Channel) -> int:
        """Speak over `channel` from now on, whose other end is descriptor `fd` in the box; the old one is closed.

        Returns the descriptor the agent keeps.  Raises BoxError when the agent refuses, and closes `channel`.
        """
        program = Program()
        moved = program.channel(fd)
        with ExitStack() as undo:
            undo.callback(channel.close)
            reply = self.proc.run(program)[moved]
            if not reply.ok:
                raise BoxError(f"the agent did not change its channel: {reply}")
            undo.pop_all()
        old, self._channel = self._channel, channel
        old.close()
        return reply.value

    def close(self) -> None:
        self._broken = self._broken or "the box was closed"
        with self.undo:
            self._channel.close()


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
