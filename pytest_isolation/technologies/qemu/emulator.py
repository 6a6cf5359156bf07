"""Which QEMU runs a machine: this host's, or one of another release with libraries of its own."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from pytest_isolation.boxes.lifetime import started
from pytest_isolation.errors import Unavailable
from pytest_isolation.technologies import program
from pytest_isolation.technologies.qemu.monitor import Monitor

if TYPE_CHECKING:
    from pytest_isolation.boxes.lifetime import Lifetime

BINARY = "qemu-system-x86_64"
ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL")
VERSION = re.compile(r"version (\S+)")
Q35 = re.compile(r"pc-q35-(\d+)\.(\d+)")
TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class Emulator:
    """How a QEMU is started."""

    program: tuple[str, ...]
    """The words before its options: its path; before that, where it has libraries of its own, their loader."""
    options: tuple[str, ...] = ()
    """Where its firmware is, when that is not where it was built for."""
    environment: tuple[str, ...] = ()
    """As execve(2) takes it."""


def binary() -> str:
    """Raises Unavailable when QEMU is not installed."""
    found = shutil.which(BINARY)
    if found is None:
        raise Unavailable(f"{BINARY} is not installed", "Debian: apt install qemu-system-x86")
    return found


def of_this_host() -> Emulator:
    """The one in PATH.  Raises Unavailable."""
    return Emulator((binary(),))


@cache
def version(emulator: Emulator) -> str:
    """ "7.2.22".  Raises Unavailable where it does not say."""
    line, environ = [*emulator.program, "--version"], _environ(emulator)
    try:
        done = program.ended(line, timeout=TIMEOUT_S, env=environ)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{line[0]} --version does not work: {error}", "reinstall it") from None
    found = VERSION.search(done.stdout)
    if found is None:
        said = " ".join((done.stderr or done.stdout).split())[:300]
        raise Unavailable(f"{emulator.program[-1]} --version says no version: {said or 'nothing'}", "reinstall it")
    return found[1]


@contextmanager
def without_machine(emulator: Emulator, lifetime: Lifetime) -> Iterator[Monitor]:
    """The monitor of a QEMU that runs nothing, to be asked what it knows, or to work on disks."""
    program.find(ENDS_WITH_US[0], "util-linux")
    ours, theirs = socket.socketpair()
    monitor = Monitor(ours)
    try:
        line = [*ENDS_WITH_US, *emulator.program, *emulator.options, "-machine", "none", "-nodefaults"]
        line += ["-no-user-config", "-display", "none", "-chardev", f"socket,id=monitor,fd={theirs.fileno()}"]
        process = subprocess.Popen(
            [*line, "-mon", "chardev=monitor,mode=control"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            env=_environ(emulator),
        )
    finally:
        theirs.close()
    lifetime.register("process", f"{process.pid}:{started(process.pid)}")
    try:
        yield monitor
        monitor.quit()
    finally:
        monitor.close()
        process.kill()  # where it has not ended by itself
        process.wait()


def q35_types(emulator: Emulator, lifetime: Lifetime) -> list[str]:
    """The machine types q35 that it knows, each of a version, the newest first: "pc-q35-7.2", ...

    Source: QEMU docs, about/build-platforms and system/target-i386: a versioned type is what a machine that moves has.
    """
    with without_machine(emulator, lifetime) as monitor:
        names = [str(one["name"]) for one in monitor.ask("query-machines")]
    found = [match for name in names if (match := Q35.fullmatch(name))]
    return [match[0] for match in sorted(found, key=lambda match: (int(match[1]), int(match[2])), reverse=True)]


def _environ(emulator: Emulator) -> dict[str, str]:
    given = dict(word.split("=", 1) for word in emulator.environment)
    return {"PATH": os.environ.get("PATH", os.defpath), **given}
