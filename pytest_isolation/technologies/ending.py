"""Boxes that are ended while the run goes on: it waits for the last of them at its end, and for nothing before."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore

from pytest_isolation.boxes.host import LOCAL_HOST
from pytest_isolation.errors import in_one_line
from pytest_isolation.outside.box import Box

THREADS = 3
MOST = 6
"""Boxes that are being ended at one time: whoever ends one more waits, so that they do not gather."""


class Ending:
    """Ends boxes in threads of its own; what could not be ended is told to `resisted`.

    A box stays in its run's register until it has ended, so a run that is killed meanwhile leaves nothing unknown.
    """

    def __init__(self, resisted: Callable[[str], None]) -> None:
        self._resisted = resisted
        self._threads: ThreadPoolExecutor | None = None
        self._room = BoundedSemaphore(MOST)

    def end(self, box: Box) -> None:
        """End a box that nobody uses any more: at once where its end needs what is not for two threads.

        That is the agent on the machine of a daemon elsewhere, which all boxes there share, and a box that was started
        by its owner.
        """
        if box.spec.attached or box.parts.host is not LOCAL_HOST:
            self._end(box)
            return
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, "ending")
        self._room.acquire()
        self._threads.submit(self._end, box).add_done_callback(lambda _: self._room.release())

    def wait(self) -> None:
        """Until every box has ended."""
        if self._threads is not None:
            self._threads.shutdown()
            self._threads = None

    def _end(self, box: Box) -> None:
        """What cannot be taken away now (its daemon was stopped) a later clean-up will take."""
        try:
            box.close()
        except Exception as error:  # one thing that resists must not keep the rest
            self._resisted(f"{box.spec.id}: {in_one_line(error)}")
