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
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from pytest_isolation.agent import foreign, wire
from pytest_isolation.agent.channel import Channel
from pytest_isolation.agent.constants import W
from pytest_isolation.agent.memory import Value
from pytest_isolation.agent.program import Program, Replies, Reply, encoded
from pytest_isolation.agent.syscalls import Syscalls
from pytest_isolation.errors import AgentLost, BoxError, ProcLost, WireError

__all__ = ["CALL_TIMEOUT_S", "Agent", "Pending", "Proc", "Program", "Replies", "Reply", "Trace", "encoded"]

CALL_TIMEOUT_S = 20.0
"""A call that may block is bounded by what it waits for; this bounds everything else."""


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

    def call(self, name: str, *args: Value) -> Reply:
        """As Calls.call(), made at once."""
        program = Program()
        step = program.call(name, *args)
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
            program.wait4(self.pid, W.ALL)  # a clone child may signal nothing
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
        """Keep the replies of one program; nothing while nobody wants them."""
        if self._kept is not None:
            self._kept.append(replies)

    def made(self) -> list[Reply]:
        """The replies of system calls, in the order made."""
        return [reply for replies in self._kept or () for reply in replies.made]


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
        self.last_words: Callable[[], str] = str
        """What else is known of an end that nobody asked for: for the error that tells of it."""
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
        """Send `program` for `proc`, and wait for nothing.  Raises AgentLost, ProcLost."""
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
        """The answer to `request`, within `timeout` seconds.  Raises AgentLost, ProcLost, WireError."""
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
        """Whether wait() would wait no longer; the end of `proc` counts."""
        try:
            while request not in self._answers and not self.is_gone(proc.path):
                self._take(time.monotonic() + 0.001)
        except TimeoutError:
            return False
        return True

    def is_gone(self, path: wire.Path) -> bool:
        """Whether the process, or one of its ancestors, is known to have ended."""
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
        """Remember the reason, so that each later call raises the same error."""
        if self._broken is None:
            words = self.last_words()
            self._broken = f"{reason}; {words}" if words else reason
        return kind(self._broken)

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

    def released(self) -> Channel:
        """Its channel, the caller's from now on: for another end that speaks to the same agent."""
        self._broken = self._broken or "its channel was given away"
        return self._channel

    def close(self) -> None:
        """Close the channel, by which the agent ends, and undo what its owner left for its end."""
        self._broken = self._broken or "the box was closed"
        with self.undo:
            self._channel.close()
