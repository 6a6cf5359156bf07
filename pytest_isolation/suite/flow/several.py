"""A search by several processes at once, each with boxes and chance of its own; what they found is told as one row.

Looking goes on beside each other; what was found is proven by one after another, while nobody looks: what another
process's sender moves would else hide what this one's does.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from pytest_isolation.agent.constants import PR
from pytest_isolation.report.further import BoxFlow, FlowFinding, FlowKnown

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

ENDING_S = 30.0
"""For a helper to end its boxes after it was interrupted."""
Searching: TypeAlias = "Callable[[int, Turns], BoxFlow]"
"""A search by the helper of this number, from 1.  Pickled where a process is not forked."""


class Turns:
    """Who looks holds it with others, who proves holds it alone: by flock(2), so that a dead process holds nothing."""

    def __init__(self, path: str) -> None:
        self._path = path

    @contextmanager
    def looking(self) -> Iterator[None]:
        """With others."""
        yield from self._held(fcntl.LOCK_SH)

    @contextmanager
    def proving(self) -> Iterator[None]:
        """Alone."""
        yield from self._held(fcntl.LOCK_EX)

    def _held(self, how: int) -> Iterator[None]:
        fd = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, how)
            yield
        finally:
            os.close(fd)


class Helpers:
    """`many` further processes that search beside this one, from entering on."""

    def __init__(self, searching: Searching, many: int) -> None:
        self._searching, self._many = searching, many
        self._started: list[tuple[BaseProcess, Connection]] = []
        # It has no name: nothing stays of it after SIGKILL.
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        # Opened by this path it is another open file description, as flock(2) wants for each who waits.
        self.turns = Turns(f"/proc/{os.getpid()}/fd/{self._file.fileno()}")

    def __enter__(self) -> Self:
        # Where threads run, as under pytest-xdist, a fork would copy their locks as they are.
        context: Any = multiprocessing.get_context("fork" if threading.active_count() == 1 else "forkserver")
        try:
            for number in range(1, self._many + 1):
                mine, its = context.Pipe(duplex=False)
                process = context.Process(target=_search, args=(self._searching, number, self.turns, its))
                process.start()
                its.close()
                self._started.append((process, mine))
        except BaseException:
            self.__exit__(*sys.exc_info())  # those that run already: a terminal's Control-C does not reach them
            raise
        return self

    def rows(self) -> list[BoxFlow]:
        """What each found; of one that died, nothing."""
        found: list[BoxFlow] = []
        for _, mine in self._started:
            with suppress(EOFError, OSError):
                found.append(mine.recv())
        return found

    def interrupt(self) -> None:
        """They end what they are at, and tell what they know."""
        for process, _ in self._started:
            if process.pid is not None and process.is_alive():
                os.kill(process.pid, signal.SIGINT)

    def __exit__(self, *raised: object) -> None:
        if raised[0] is not None:
            self.interrupt()
        for process, mine in self._started:
            mine.close()
            process.join(ENDING_S)
            if process.is_alive():
                process.kill()
                process.join()
        self._file.close()


def _search(searching: Searching, number: int, turns: Turns, told: Connection) -> None:
    """In a process of its own: a terminal's Ctrl-C is for the run, which passes it on once."""
    import ctypes

    ctypes.CDLL(None).prctl(PR.SET_PDEATHSIG, signal.SIGKILL)  # what it made is in its register
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with suppress(BrokenPipeError):
        told.send(searching(number, turns))


def merged(rows: Sequence[BoxFlow]) -> BoxFlow:
    """One row of several about the same direction, the first one's for what is theirs alone.

    Of findings of the same acts in the same receiver, the shortest.
    """
    first, *_ = rows
    findings: dict[tuple[str, tuple[str, ...]], FlowFinding] = {}
    for one in sorted((one for row in rows for one in row.findings), key=lambda one: (len(one.sender), one.chance)):
        findings.setdefault((one.receiver_name, one.acts), one)
    return replace(
        first,
        processes=len(rows),
        senders=sum(row.senders for row in rows),
        pairs=sum(row.pairs for row in rows),
        pairs_per_second=round(sum(row.pairs_per_second for row in rows), 1),
        findings=tuple(findings.values()),
        not_seen_again=sum(row.not_seen_again for row in rows),
        unproven=sum(row.unproven for row in rows),
        known=_known(rows),
        cut_short=any(row.cut_short for row in rows),
        reason=next((row.reason for row in rows if row.reason), None),
    )


def _known(rows: Sequence[BoxFlow]) -> tuple[FlowKnown, ...]:
    found: dict[str, FlowKnown] = {}
    for one in (one for row in rows for one in row.known):
        other = found.get(one.what, one)
        found[one.what] = replace(one, asked=one.asked or other.asked, found=one.found or other.found)
    return tuple(found.values())
