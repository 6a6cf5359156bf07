"""Two sides of a search: an actor, which runs senders, and a watcher, which runs receivers, many in one message."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from pytest_isolation.agent import wire
from pytest_isolation.agent.client import Proc, Program, Replies
from pytest_isolation.agent.memory import Step
from pytest_isolation.errors import BoxError, ProcLost
from pytest_isolation.suite.flow import probes
from pytest_isolation.suite.flow.acts import ACTS, Act, Place, Undo
from pytest_isolation.suite.flow.grammar import Sender
from pytest_isolation.suite.flow.probes import Probe

TIMEOUT = 30.0


@dataclass(slots=True)
class Side:
    """One side of a search: the host, a box, its sibling."""

    name: str
    proc: Proc
    """Makes the calls of senders and receivers."""
    spawn: Callable[[], Proc]
    """A new process there, to try what may end one; Proc.end() ends it."""
    place: Place
    foreign: frozenset[str] = frozenset()
    """Of uts, ipc, mnt: what is the host's own here, so that acts which leave a name in it are not offered."""


class Repeated(Program):
    """A program that is sent again and again: it is laid out once."""

    _laid_out: wire.Frame | None = None

    def frame(self, machine: str) -> wire.Frame:
        """Made once: nothing may be added after the first time."""
        if self._laid_out is None:
            self._laid_out = Program.frame(self, machine)
            self._laid_out.laid_out = self._laid_out.payload()
        return self._laid_out


class Actor:
    """Runs senders in a process of its side, and undoes them."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._proc = side.proc
        self._undo: list[tuple[Undo, int]] = []
        self._programs: dict[Sender, tuple[Program, list[tuple[Step, Undo]]]] = {}
        self._idle: dict[int, Program] = {}
        self.paces: dict[Sender, float] = {}
        """Seconds that a sender takes: see differ.py."""
        self.acts = self._working()

    def act(self, sender: Sender) -> Replies:
        """Its replies.  What it made is held until undo().  Raises BoxError where the process is lost."""
        program, held = self._program(sender)
        replies = self._proc.run(program, timeout=TIMEOUT)
        self._undo += [(undo, replies[step].value) for step, undo in held if replies.ran(step) and replies[step].ok]
        return replies

    def pretend(self, sender: Sender) -> None:
        """As many calls as the sender makes, which do nothing."""
        size = len(self._program(sender)[0])
        if not size:
            return
        if size not in self._idle:
            self._idle[size] = program = Repeated()
            for _ in range(size):
                program.getpid()
        self._proc.run(self._idle[size], timeout=TIMEOUT)

    def undo(self) -> None:
        """Gives back what is held, the last first."""
        if not self._undo:
            return
        program = Program()
        for undo, value in reversed(self._undo):
            undo(program, value)
        self._undo.clear()
        if len(program):
            self._proc.run(program, timeout=TIMEOUT)

    def close(self) -> None:
        """As undo(), of a process that may have been lost."""
        with suppress(BoxError):
            self.undo()

    def _program(self, sender: Sender) -> tuple[Program, list[tuple[Step, Undo]]]:
        known = self._programs.get(sender)
        if known is None:
            program, held, number = Repeated(), [], 0
            for name, times in sender.acts:
                for _ in range(times):
                    held += ACTS[name].make(program, self._side.place, number)
                    number += 1
            if len(self._programs) > 512:
                self._programs.clear()
            known = self._programs[sender] = program, held
        return known

    def _working(self) -> Mapping[str, Act]:
        """Those acts that do something here: what is refused, or ends the process that tries it, is left out."""
        wanted = [act for act in ACTS.values() if act.needs not in self._side.foreign]
        steady, self._proc = self._proc, self._side.spawn()
        try:
            return self._those_that_work(wanted)
        except ProcLost:  # one of them ends it: one by one
            found: dict[str, Act] = {}
            for act in wanted:
                self._undo.clear()
                with suppress(ProcLost):
                    self._proc = self._side.spawn()
                    found |= self._those_that_work([act])
                with suppress(BoxError):
                    self._proc.end()
            return found
        finally:
            with suppress(BoxError):
                self._proc.end()
            self._undo.clear()
            self._proc = steady

    def _those_that_work(self, wanted: Sequence[Act]) -> dict[str, Act]:
        program, held = Program(), []
        for act in wanted:
            held += [(act, step, undo) for step, undo in act.make(program, self._side.place, 0)]
        replies = self._proc.run(program, timeout=TIMEOUT)
        self._undo = [(undo, replies[step].value) for _, step, undo in held if replies[step].ok]
        self.undo()
        return {act.name: act for act, step, _ in held if replies[step].ok}


@dataclass(slots=True)
class _Group:
    program: Program
    reads: list[tuple[int, probes.Read]]


class Watcher:
    """Runs receivers in a process of its side: all in as few messages as the agent takes."""

    def __init__(self, side: Side, wanted: Sequence[Probe]) -> None:
        self._proc = side.proc
        self._place = side.place
        self.probes: list[Probe] = []
        self._fds: list[int] = []
        self._open(wanted)
        self._all = self._groups(range(len(self.probes)))
        self._single: dict[tuple[int, ...], list[_Group]] = {}

    def look(self, numbers: Sequence[int] | None = None) -> list[bytes]:
        """What every receiver answers now; or those of these numbers, in their order."""
        if numbers is None:
            groups = self._all
        else:
            key = tuple(numbers)
            if key not in self._single:
                self._single[key] = self._groups(key)
            groups = self._single[key]
        found: list[bytes] = []
        for group in groups:
            replies = self._proc.run(group.program, timeout=TIMEOUT)
            found += [read(replies) for _, read in group.reads]
        return found

    def close(self) -> None:
        """Close what it holds open in its process, which may have been lost."""
        program = Program()
        for fd in {*self._fds} - {-1}:
            program.close(fd)
        with suppress(BoxError):
            self._proc.run(program, timeout=TIMEOUT)

    def _open(self, wanted: Sequence[Probe]) -> None:
        """Of each probe what it reads; what cannot be opened is left out."""
        for at in range(0, len(wanted), 256):
            program = Program()
            steps = [(probe, probes.opened(program, probe) if probe.path else None) for probe in wanted[at : at + 256]]
            replies = self._proc.run(program, timeout=TIMEOUT)
            for probe, step in steps:
                if step is None:
                    self.probes.append(probe)
                    self._fds.append(-1)
                elif replies[step].ok:
                    self.probes.append(probe)
                    self._fds.append(replies[step].value)
                elif replies[step].errno == errno.EMFILE:
                    return

    def _groups(self, numbers: Sequence[int]) -> list[_Group]:
        groups: list[_Group] = []
        for number in numbers:
            if not groups or not groups[-1].program.has_room(calls=300, outputs=8, memory=70_000):
                groups.append(_Group(Repeated(), []))
            read = self.probes[number].add(groups[-1].program, self._fds[number], self._place)
            groups[-1].reads.append((number, read))
        return groups


@contextmanager
def between(
    sender: Side, receiver: Side, wanted: Sequence[Probe], *, receiver_first: bool = False
) -> Iterator[tuple[Actor, Watcher]]:
    """An actor and a watcher; which of the two is there first is said."""
    made: list[Actor | Watcher] = []
    try:
        if receiver_first:
            watcher = Watcher(receiver, wanted)
            made.append(watcher)
            actor = Actor(sender)
            made.append(actor)
        else:
            actor = Actor(sender)
            made.append(actor)
            watcher = Watcher(receiver, wanted)
            made.append(watcher)
        yield actor, watcher
    finally:
        for one in made:
            one.close()
