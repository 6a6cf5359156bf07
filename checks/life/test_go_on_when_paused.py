"""While a box is paused, none of its processes goes on: not one that its first process made, not one that entered."""

import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from pytest_isolation import Box, Guarantee, family, severity, weaken
from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.agent.shortcuts import set_name
from pytest_isolation.boxes.procfs import stat_of
from pytest_isolation.outside.limits.exercised import group_of

WINDOW, BUSY, IDLE = 0.25, 0.03, 0.02
"""Seconds: how long a paused box is looked at; processor time that is work; and that is none: it is told in 0.01."""
SHARE, BUSIEST = 3, 3
"""The window is so many times as long as it took to have BUSY; a machine that needs more seconds for it is too busy."""
LONG, AGAIN = 300, 120
"""Seconds: for how long the processes would work; how long they may take to go on, on a machine that others use."""
TICKS = 100
"""Of /proc/PID/stat, a second: man:proc_pid_stat(5), USER_HZ."""


@dataclass(frozen=True)
class Whose:
    slug: str
    name: str
    does: str
    of: Callable[[Box], Proc]
    why: str


WHOSE = (
    Whose("started", "that its first process has made, with a daemon among them", "runs on while it is paused",
          lambda box: box.init, "its own processes"),
    Whose("entered", "that have entered it, with a daemon among them", "runs what has entered it while it is paused",
          lambda box: box.enter(), "who enters may be in another control group, which nobody freezes"),
)  # fmt: skip

stopped = family(
    "life.pause-stops-{entry.slug}",
    over=WHOSE,
    claim="while the box is paused, the host gives no processor time to processes {entry.name}; then they go on",
    sources=("man:cgroups(7), freezer", "oci:runtime-spec runtime, pause and resume"),
    severity=lambda entry: severity.use(entry.does),
    falsified_by=weaken.drop("pause"),
    kind="per-window",
    distinct="{entry.why}",
)


@stopped
def test_nobody_goes_on(box: Box, promise: Guarantee, entry: Whose) -> None:
    name = secrets.token_hex(7)
    if box.parts.pausing is None:
        with box.paused():  # says why not
            pass
    with ExitStack() as undo:
        parent = entry.of(box)
        busy = [undo.enter_context(parent.spawn()) for _ in range(2)]
        busy[1].setsid()
        pending = []
        for proc in busy:
            set_name(proc, name)
            program = Program()
            program.loop(program.getrandom(4096), seconds=LONG)
            pending.append(proc.start(program))
        took = _works(box, name, BUSY, BUSIEST)
        if took is None:
            promise.undecided("the box's processes did not keep a processor busy")
        window = max(WINDOW, SHARE * took)  # what others leave them may be little: in that time they would have had it
        with box.paused():
            before = _used(box, name)
            time.sleep(window)
            during = _used(box, name) - before
        goes_on = _works(box, name, IDLE, AGAIN) is not None
        if not goes_on and any(one.ready() for one in pending):
            promise.undecided("the machine was so busy that the box's processes came to their end")
    promise.require(during <= IDLE, f"paused for {window:.2f} s", processor_seconds=round(during, 3))
    promise.require(goes_on, "resumed", processor_seconds=0)


def _works(box: Box, name: str, seconds: float, within: float) -> float | None:
    """How long, by the clock, the processes take to have `seconds` of a processor; None: not within that time."""
    before, started = _used(box, name), time.monotonic()
    while (took := time.monotonic() - started) < within:
        if _used(box, name) - before >= seconds:
            return took
        time.sleep(0.01)
    return None


def _used(box: Box, name: str) -> float:
    """Processor time, in seconds, by the host's account: of the processes, or of all of a box with its own kernel."""
    if not box.parts.shares_kernel:
        return group_of(box).cpu_seconds()
    found = 0.0
    for pid in box.outside.named(name):
        try:
            words = stat_of(box.outside.path(f"/proc/{pid}"))
        except OSError:
            continue
        found += (int(words[11]) + int(words[12])) / TICKS
    return found
