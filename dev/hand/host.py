"""Things of this machine that a box is asked about, made by its own tools: nothing of the plugin is imported here."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def here(*argv: str) -> str:
    """Standard output of a program of the host; empty where it fails."""
    return subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=60, check=False).stdout


@contextmanager
def sleeping(name: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the host with `name` for its first argument."""
    one = subprocess.Popen([name, "600"], executable="/bin/sleep")
    try:
        time.sleep(0.1)
        yield one
    finally:
        one.kill()
        one.wait()


def lives(signalled: Callable[[str], object]) -> bool:
    """Whether a process of the host lives on when `signalled` was given its number."""
    with sleeping("by-hand") as one:
        signalled(str(one.pid))
        time.sleep(0.3)
        return one.poll() is None


def came(called: Callable[[str], object]) -> bool:
    """Whether anybody came to a listener of the host, on its loopback, when `called` was given the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(1)
        called(str(listener.getsockname()[1]))
        try:
            listener.accept()[0].close()
        except TimeoutError:
            return False
        return True


@contextmanager
def segment() -> Iterator[Callable[[str], bool]]:
    """A segment of System V's shared memory; tells whether the text of a /proc/sysvipc/shm has it."""
    made = re.search(r"(\d+)", here("ipcmk", "-M", "4096", "-p", "0666"))
    assert made is not None
    number = made[1]
    try:
        yield lambda text: re.search(rf"^\s*-?\d+\s+{number}\s+666\s+4096\s", text, re.MULTILINE) is not None
    finally:
        here("ipcrm", "-m", number)
