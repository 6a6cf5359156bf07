"""Several processes measure the cells of one run: --isolation-jobs.

Most of a run is waiting: for an engine to start a box, for a window to pass.  So the run forks helpers before it has
started anything.  They begin at the other end of the list; whoever comes to a cell first takes it, and the run asks for
each in its order, measures what nobody has, and waits for what a helper is at.  A helper is a process of the run as a
worker of pytest-xdist is: it has a register and boxes of its own, and shares the controls.

What a cell says does not depend on who measures it: the seed is the run's, and the box is made for whoever measures.
Cells that follow numbers of the whole machine the run measures itself, while helpers wait (`Domain.alone`).
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, NoReturn

import pytest

from pytest_isolation.agent.constants import PR
from pytest_isolation.suite.interrupts import ALL_ENDS, interrupt
from pytest_isolation.suite.messages import Measured, Process
from pytest_isolation.suite.order import is_alone, is_long
from pytest_isolation.suite.plan import cell_of, promise_of
from pytest_isolation.technologies.clean import clean

FEWEST = 8
"""Cells for each process: for fewer, the boxes that a helper starts for itself cost more than it saves."""
PER_PROCESSOR = 2
"""Processes, where nobody says how many: each waits more than half of its time."""
PATIENCE_S = 30.0
"""How long a helper may take to end its boxes when the run is cut short."""
ASKED = "asked"
"""In the file of a cell that the run has asked for: a test that is run again is measured again."""
Measure = Callable[["pytest.Function"], Measured]


@dataclass(slots=True)
class _Helper:
    pid: int
    told: IO[bytes]
    """A pipe: what only the helper knows of its boxes, when it is done; closed without a word when it died."""
    done: bool = False


class Jobs:
    """The helpers of a run; `directory` is the run's own, and holds a file for each cell."""

    def __init__(self, directory: Path, cells: Sequence[pytest.Function], measure: Measure) -> None:
        """`cells`: in the run's order; `measure`: one of them, in this process."""
        self._directory, self._cells, self._measure = directory, cells, measure
        self._numbers = {item.nodeid: number for number, item in enumerate(cells)}
        self._alike: dict[str, list[pytest.Function]] = {}
        """Cells by the first of those that one process measures together: what it finds of an input serves them all."""
        self._firsts: dict[str, str] = {}
        firsts: dict[tuple[str | None, ...], str] = {}
        for item in cells:
            first = self._firsts[item.nodeid] = firsts.setdefault(_inputs_of(item), item.nodeid)
            self._alike.setdefault(first, []).append(item)
        self._helpers: list[_Helper] = []
        self._others_wait = ExitStack()
        """Of the run: what it has locked while it measures alone."""
        self._is_alone = False

    # -- for the run ---------------------------------------------------------------------

    def measured(self, item: pytest.Function) -> Measured:
        """What a helper has measured, else what is measured now.

        While a helper is at it, others of the same box are.
        """
        if is_alone(item):
            self._begin_alone()
        else:
            self._end_alone()
        if (number := self._numbers.get(item.nodeid)) is None:
            return self._measure(item)
        told = self._told(number, item)
        return self._measure(item) if told is None else told

    def _told(self, number: int, item: pytest.Function) -> Measured | None:
        """What a helper has told of a cell; None: nothing, or not all of it (it died, or the disk is full)."""
        others = iter([one for one in self._cells[number + 1 :] if box_of(one) == box_of(item)])
        with suppress(OSError, ValueError), self._turn(item) as turn:
            while not _locked(turn):
                if (other := next(others, None)) is not None:
                    self._take(other)
                else:
                    fcntl.flock(turn, fcntl.LOCK_EX)
            if len(self._alike[self._firsts[item.nodeid]]) > 1:
                self._measure_alike(item)
            with self._file(number) as file:
                known = file.read()
                file.truncate(0)
                file.write(ASKED)
            if known not in ("", ASKED):
                return Measured.from_json(json.loads(known))
        return None

    def finish(self) -> Iterator[Process]:
        """What each helper tells of its boxes; waits until all have come to the end of the list."""
        self._end_alone()
        for helper in self._helpers:
            with suppress(ValueError):  # it died before it had told all of it
                told = Process.from_json(json.loads(helper.told.read()))
                helper.done = True
                yield told

    def close(self) -> None:
        """Wait until the helpers have ended their boxes; those that are not done end what they are at."""
        self._end_alone()
        for helper in self._helpers:
            if not helper.done:
                os.kill(helper.pid, signal.SIGTERM)
        ended = {helper.pid: _ended(helper.pid, PATIENCE_S) for helper in self._helpers}
        for pid in [pid for pid, status in ended.items() if status is None]:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        for helper in self._helpers:
            helper.told.close()
        self._helpers.clear()
        if any(status != 0 for status in ended.values()):
            clean()

    # -- for the helpers -----------------------------------------------------------------

    def fork(
        self, number: int, tell: Callable[[], Process], end: Callable[[], object], *, first: Callable[[], None]
    ) -> None:
        """Start `number` helpers, in which `first` is called first.

        When there is nothing left to measure they `tell` and `end`; what `end` returns could not be ended.
        """
        run = os.getpid()
        if any(map(is_alone, self._cells[:1])):
            self._begin_alone()  # later it would wait for what they had begun
        gc.collect()
        gc.freeze()  # a collection in a helper would write to, and so copy, what it shares with the run
        for which in range(number):
            reader, writer = os.pipe()
            # One that comes between would have a helper go on as the run, or the run not know of it.
            heeded = signal.pthread_sigmask(signal.SIG_BLOCK, ALL_ENDS)
            try:
                pid = os.fork()
                if pid == 0:
                    os.close(reader)
                    for one in self._helpers:
                        one.told.close()
                    begin = len(self._cells) * (which + 1) // (number + 1)
                    _be_helper(run, heeded, first, partial(self._help, begin, writer, tell), end)
                self._helpers.append(_Helper(pid, os.fdopen(reader, "rb")))
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, heeded)
            os.close(writer)

    def _help(self, first: int, writer: int, tell: Callable[[], Process]) -> None:
        """The long ones of the box of cell `first`, which would make the run wait if they were begun late.

        Then from that cell to the end, and those before: in each part, checks that share a box are together.
        """
        long = [item for item in self._cells if is_long(item) and box_of(item) == box_of(self._cells[first])]
        for item in (*long, *self._cells[first:], *self._cells[:first]):
            self._take(item)
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(json.dumps(tell().to_json()).encode())

    def _take(self, item: pytest.Function) -> None:
        """Measure one cell and those like it, unless somebody has, or does so now.

        Not what is measured alone: the run does that, and while it does, this waits.
        """
        if is_alone(item):
            return
        with self._lock("gate") as gate, self._lock("machine") as machine:
            fcntl.flock(gate, fcntl.LOCK_SH)
            fcntl.flock(machine, fcntl.LOCK_SH)
            fcntl.flock(gate, fcntl.LOCK_UN)
            with self._turn(item) as turn:
                if _locked(turn):
                    self._measure_alike(item)

    def _measure_alike(self, item: pytest.Function) -> None:
        """Those of a cell and the cells like it that nobody has measured.  What one raises the run finds for itself."""
        for one in self._alike[self._firsts[item.nodeid]]:
            with self._file(self._numbers[one.nodeid]) as file:
                if not file.read():
                    with suppress(Exception):
                        file.write(json.dumps(self._measure(one).to_json()))

    @contextmanager
    def _turn(self, item: pytest.Function) -> Iterator[IO[str]]:
        """Whoever has locked it measures the cell and those like it; the lock is held until it is closed."""
        with self._lock(str(self._numbers[self._firsts[item.nodeid]])) as file:
            yield file

    @contextmanager
    def _lock(self, name: str) -> Iterator[IO[str]]:
        """A file to lock; it is unlocked at the end, for a process that was forked meanwhile has it, too."""
        with (self._directory / f"{name}.lock").open("a+") as file:
            try:
                yield file
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)

    def _begin_alone(self) -> None:
        """Wait until no helper measures; from then on they wait, until _end_alone()."""
        if self._is_alone:
            return
        self._is_alone = True
        with suppress(OSError):  # a full disk: beside others, then
            # Who waits for the machine keeps the gate, else one helper after the other would go before it.
            for name in ("gate", "machine"):
                fcntl.flock(self._others_wait.enter_context(self._lock(name)), fcntl.LOCK_EX)

    def _end_alone(self) -> None:
        self._others_wait.close()
        self._is_alone = False

    @contextmanager
    def _file(self, number: int) -> Iterator[IO[str]]:
        """Of one cell, at its beginning: for whoever has its turn."""
        with (self._directory / f"{number}.json").open("a+") as file:
            file.seek(0)
            yield file


def how_many(asked: int | None, cells: int) -> int:
    """Helpers for `asked` processes and so many cells; None: for twice as many as there are processors.

    And no helper where threads run: a fork would not take them along.
    """
    if threading.active_count() > 1:
        return 0
    if asked is None:
        asked = PER_PROCESSOR * len(os.sched_getaffinity(0))
    return max(0, min(asked, cells // FEWEST) - 1)


def helpable(items: Sequence[pytest.Item]) -> list[pytest.Function]:
    """The cells that another process may measure as well: of a built-in check, on a box that is started for it.

    A check of the user's own may lean on what his other tests have done; in a box that is there only once two processes
    would be in each other's way; and for pairs all boxes of the run would stand once for each process.
    """
    return [
        item
        for item in items
        if isinstance(item, pytest.Function)
        and item.nodeid.startswith("isolation::")
        and (cell := cell_of(item)) is not None
        and not (cell.proof or cell.spec.attached or cell.sibling is not None)
    ]


def box_of(item: pytest.Item) -> str | None:
    """The name of the box that an item's cell is about; None of a test without a cell."""
    cell = cell_of(item)
    return cell.spec.name if cell is not None else None


def _inputs_of(item: pytest.Function) -> tuple[str | None, ...]:
    """Equal for cells that are asked for the same inputs on the same box, through the same door."""
    promise, cell = promise_of(item), cell_of(item)
    if promise is None or cell is None or promise.inputs == promise.id:
        return (item.nodeid,)
    return promise.inputs, cell.spec.name, cell.spec.door, repr(sorted(promise.box.items()))


def _locked(file: IO[str]) -> bool:
    """Take its lock, unless somebody has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _be_helper(
    run: int,
    heeded: Iterable[int],
    first: Callable[[], None],
    work: Callable[[], None],
    end: Callable[[], object],
) -> NoReturn:
    """`heeded`: the mask of the run; ALL_ENDS are blocked until `first` is done.  Ends with 1 if all is not well."""
    code = 1
    try:
        # A run that is killed takes its helpers along: what they had made is in their registers.
        ctypes.CDLL(None).prctl(PR.SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == run:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, interrupt)
            nowhere = os.open(os.devnull, os.O_RDWR)
            for fd in range(3):
                os.dup2(nowhere, fd)
            first()
            try:
                signal.pthread_sigmask(signal.SIG_SETMASK, heeded)
                work()
                code = 0
            finally:
                for number in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(number, signal.SIG_IGN)
                code = 1 if end() else code
    finally:  # what went wrong nobody would read: a cell that a helper has not told is measured by the run
        os._exit(code)


def _ended(pid: int, seconds: float) -> int | None:
    """What waitpid(2) tells of a child; None: it has not ended within `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(ChildProcessError):
            gone, status = os.waitpid(pid, os.WNOHANG)
            if gone == 0:
                time.sleep(0.01)
                continue
            return status
        return 0  # somebody else has waited for it
    return None
