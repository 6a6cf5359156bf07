"""Whoever started a box is told how its first process has ended."""

import signal
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, Unsupported, family, severity, weaken
from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import PR
from pytest_isolation.boxes.host import send_signal
from pytest_isolation.errors import BoxError
from pytest_isolation.technologies.attach import filters

KILLED = 128
"""What is added to a signal's number: POSIX.1-2024, sh, 2.8.2."""
KILLS = struct.pack("<HBBI", filters.BPF_RET_K, 0, 0, 0x8000_0000)
"""A filter of one instruction, SECCOMP_RET_KILL_PROCESS: seccomp(2)."""


def _exits(box: Box, number: int) -> int:
    with suppress(BoxError):
        box.init.exit_group(number)
    return number


def _is_killed(box: Box, number: int) -> int:
    """From the host, by SIGKILL, or by a filter of its own, which ends a first process as well: signal(7)."""
    pid = box.parts.init_pid
    if number % 2 and pid is not None:
        with box.parts.host.start() as one:
            send_signal(one.proc, pid, signal.SIGKILL)
        return KILLED + signal.SIGKILL
    program = Program()
    program.prctl(PR.SET_NO_NEW_PRIVS, 1)
    filters.lay_on(program, filters.Filter(KILLS, 0))
    program.getpid()
    with suppress(BoxError):
        box.init.run(program)
    return KILLED + signal.SIGSYS


@dataclass(frozen=True)
class End:
    slug: str
    how: str
    does: str
    why: str
    ends: Callable[[Box, int], int]
    """Ends the box's first process; what is to be told of it."""


ENDS = (
    End("exit-status", "exits with a number, that number", "ends with a number that nobody is told",
        "its own word of how it ended", _exits),
    End("killed-status", "is ended by a signal, 128 and the signal's number",
        "is ended by a signal that nobody is told of", "an end that it did not choose", _is_killed),
)  # fmt: skip

told = family(
    "life.{entry.slug}-kept",
    over=ENDS,
    claim="where the first process of the box {entry.how} is told to whoever started it",
    sources=("man:wait(2)", "man:podman-run(1), Exit Status", "https://docs.docker.com/engine/containers/run/"),
    severity=lambda entry: severity.portability(entry.does),
    falsified_by=weaken.drop("exit-status"),
    kind="per-box",
    distinct="{entry.why}",
)


@told
@given(number=st.integers(1, 255))  # 0 is what a launcher says that knows nothing of it
def test_it_is_told(box: Box, promise: Guarantee, entry: End, number: int) -> None:
    with box.fresh(awaited=False, stop_signal="SIGTERM") as other:
        if (status := other.parts.life.status) is None:
            raise Unsupported(f"{box.spec.technology} has no way to tell how the box's first process ended")
        expected = entry.ends(other, number)
        if other.alive:
            promise.undecided("the box's first process is not to be ended so")
        found = status()
    promise.require(found == expected, f"ended with {expected}", told=found)
