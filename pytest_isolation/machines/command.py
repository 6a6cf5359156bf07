"""`pytest-isolation docker-vm`, `in-vm` and `in-root`: a machine or a root for as long as what is run there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.errors import UsageError
from pytest_isolation.machines import root
from pytest_isolation.machines.docker import start
from pytest_isolation.machines.suite import run_inside
from pytest_isolation.stdout import say
from pytest_isolation.technologies.clean import clean


def keep(program: Sequence[str], *, memory: int, processors: int, internet: bool, suite: str | None) -> int:
    """The exit status of `program`; without one, 0 once somebody asked for the end (SIGINT, SIGTERM).

    Raises what `start` does, UsageError for a program that is not there.
    """
    if program and shutil.which(program[0]) is None:
        raise UsageError(f"there is no command {program[0]!r}; expected a program in PATH and its arguments")
    with (
        _lifetime() as lifetime,
        start(lifetime, memory=memory, processors=processors, internet=internet, suite=suite, say=_say) as machine,
    ):
        if program:
            return _run(program, machine.address)
        say(f"export DOCKER_HOST={machine.address}\n")
        _say("the machine ends with this program: Ctrl-C")
        try:
            while True:
                signal.pause()
        except KeyboardInterrupt:
            return 0


def inside(
    arguments: Sequence[str], checks: Path, *, memory: int, processors: int, suite: str | None, minutes: int
) -> int:
    """As `suite.run_inside`, printing what pytest prints; 130 when somebody asked for the end."""
    with suppress(KeyboardInterrupt), _lifetime() as lifetime:
        return run_inside(
            lifetime,
            arguments,
            checks,
            memory=memory,
            processors=processors,
            suite=suite,
            timeout=60.0 * minutes,
            say=_say,
            out=_out,
        )
    return 128 + signal.SIGINT


def in_root(suite: str, arguments: Sequence[str], checks: Path) -> int:
    """As `root.run_inside`."""
    with _lifetime() as lifetime:
        return root.run_inside(lifetime, suite, arguments, checks, say=_say)


@contextmanager
def _lifetime() -> Iterator[Lifetime]:
    for one in (signal.SIGTERM, signal.SIGHUP):  # a terminal that is closed; nohup(1) has it ignored
        if signal.getsignal(one) is not signal.SIG_IGN:
            signal.signal(one, _end)
    clean()  # what an earlier run of this user was killed before it could remove
    lifetime = Lifetime()
    try:
        yield lifetime
    finally:
        lifetime.close()


def _run(program: Sequence[str], address: str) -> int:
    try:
        with subprocess.Popen(program, env=os.environ | {"DOCKER_HOST": address}) as child:
            while True:
                try:
                    return child.wait()
                except KeyboardInterrupt:  # the terminal has told the command as well: its answer counts
                    continue
    except OSError as error:
        raise UsageError(f"the command {program[0]!r} does not start: {error.strerror}") from None


def _end(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _out(text: str) -> None:
    try:
        say(text)
    except UsageError as error:  # once: the run goes on, for its reports
        _say(str(error))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
