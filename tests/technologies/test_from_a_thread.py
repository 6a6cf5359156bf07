"""A box that a worker thread starts outlives the thread: what Linux calls a parent is a thread (PR_SET_PDEATHSIG)."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.options.boxes import parse
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies import technology
from tests.support import need


@pytest.mark.parametrize("name", ["host", "chroot", "namespaces", "bubblewrap", "nspawn", "runc"])
def test_the_box_answers_when_the_thread_is_gone(name: str) -> None:
    need(name)
    lifetime = Lifetime()
    started: list[Box] = []
    with ExitStack() as undo:
        undo.callback(lifetime.close)

        def start() -> None:
            started.append(undo.enter_context(technology(name).launch(parse(name), lifetime)))

        worker = threading.Thread(target=start)
        worker.start()
        worker.join()
        time.sleep(0.2)  # a signal for the thread's end is there at once
        with started[0].spawn() as child:
            assert child.getpid().ok
