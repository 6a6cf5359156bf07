"""A thread that lasts as long as the process: for children that are to die with it.

What Linux calls the parent of a child is the thread that made it: PR_SET_PDEATHSIG sends its signal when that thread
ends, though the program lives (prctl(2)).  A test may start a box in a worker thread and use it after the thread.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_asked: dict[int, queue.SimpleQueue[Callable[[], None]]] = {}
"""Process id -> what its thread is to do: a forked process has its parent's memory and none of its threads."""


def by_lasting_thread(start: Callable[[], T]) -> T:
    """`start()`, called by a thread that ends with this process: its value, or what it raised."""
    if threading.current_thread() is threading.main_thread():
        return start()
    answer: Future[T] = Future()

    def work() -> None:
        try:
            answer.set_result(start())
        except BaseException as error:
            answer.set_exception(error)

    _queue().put(work)
    return answer.result()


def _queue() -> queue.SimpleQueue[Callable[[], None]]:
    with _lock:
        if os.getpid() not in _asked:
            asked: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
            _asked.clear()
            _asked[os.getpid()] = asked
            threading.Thread(target=_serve, args=[asked], name="pytest-isolation-starts", daemon=True).start()
        return _asked[os.getpid()]


def _serve(asked: queue.SimpleQueue[Callable[[], None]]) -> None:
    while True:
        asked.get()()
