"""Pausing a box: by its technology's own command, or, as a hole, by a signal to its first process alone."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

from pytest_isolation.boxes.handle import Pausing
from pytest_isolation.boxes.host import send_signal

if TYPE_CHECKING:
    from pytest_isolation.boxes.host import Host

__all__ = ["pausing"]


def pausing(
    pause: Callable[[], object], resume: Callable[[], object], *, whole: bool, pid: int | None, host: Host
) -> Pausing:
    """`pause` and `resume` where the box is paused `whole`; else signals to `pid`, its first process on `host`."""
    if whole or pid is None:
        return Pausing(pause, resume)
    return Pausing(lambda: _signal(host, pid, signal.SIGSTOP), lambda: _signal(host, pid, signal.SIGCONT))


def _signal(host: Host, pid: int, sig: int) -> None:
    with host.start() as one:
        send_signal(one.proc, pid, sig)
