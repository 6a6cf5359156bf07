"""Running programs of others: on the host, and in a box, where the agent only starts them."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hand.host import here
from pytest_isolation import Box
from pytest_isolation.boxes.image import Entry, Image

BUSYBOX, KEYCTL = "/busybox", "/keyctl"
LOADER = "/ld.so"


@dataclass(frozen=True)
class Said:
    """What other tools say of a guarantee in one box."""

    holds: bool | None
    """None where they do not tell."""
    tool: str
    """The commands."""
    printed: str
    """What they printed, as far as it decides."""


def image() -> Image:
    """busybox, and keyctl(1) with its libraries: what a box has besides the agent.

    Raises SystemExit where one is not installed.
    """
    found = {BUSYBOX: _program("busybox", "busybox-static"), KEYCTL: _program("keyctl", "keyutils")}
    for line in here("ldd", str(found[KEYCTL])).splitlines():
        if path := re.search(r"(/\S+)", line):
            found[LOADER if "ld-linux" in path[1] else f"/{Path(path[1]).name}"] = Path(path[1])
    return Image(
        tuple(
            Entry(path=target.lstrip("/").encode(), kind="file", mode=0o755, data=source.resolve().read_bytes())
            for target, source in sorted(found.items())
        )
    )


def _program(name: str, package: str) -> Path:
    path = shutil.which(name)
    if path is None:
        raise SystemExit(f"{name} is not installed; apt install {package}")
    return Path(path)


def inside(box: Box, *argv: str) -> tuple[int, str]:
    """Exit status and output of a program of busybox in the box."""
    done = box.run((BUSYBOX, *argv), timeout=60)
    said = (done.stdout + done.stderr).decode(errors="replace")
    assert "applet not found" not in said, said  # it would look like a refusal
    return done.code, said


def keyctl(box: Box, *words: str) -> tuple[int, str]:
    """The same of keyctl(1)."""
    done = box.run((LOADER, "--library-path", "/", KEYCTL, *words), timeout=60)
    return done.code, (done.stdout + done.stderr).decode(errors="replace")


def short(text: str, most: int = 60) -> str:
    """The first line of a program's words, fit for a cell of a table."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["nothing"]
    line = " ".join(lines[0].split()).replace("|", "/")
    return line if len(line) <= most else f"{line[: most - 1]}…"


def pid_of(box: Box) -> str | None:
    """As the host numbers the box's first process; None of a box with a kernel of its own."""
    return str(box.parts.init_pid) if box.parts.shares_kernel and box.parts.init_pid is not None else None


def status(box: Box, field: str) -> tuple[str, str]:
    """A line of /proc/self/status inside, and of the first process' by the host: both must agree; and the tools."""
    found = re.search(rf"^{field}:\s*(\S+)", inside(box, "cat", "/proc/self/status")[1], re.MULTILINE)
    value = found[1] if found else "none"
    tool = f"`{field}` of `cat /proc/self/status`"
    if pid := pid_of(box):
        seen = re.search(rf"^{field}:\s*(\S+)", here("cat", f"/proc/{pid}/status"), re.MULTILINE)
        assert seen is not None and seen[1] == value, (field, value, seen)
        tool += ", and of /proc/PID/status on the host"
    return value, tool


@contextmanager
def traced(box: Box, call: str) -> Iterator[list[str]]:
    """Filled with strace's lines of `call` by what the first process starts; empty where the host cannot see it."""
    lines: list[str] = []
    if (pid := pid_of(box)) is None:
        yield lines
        return
    with tempfile.NamedTemporaryFile("r") as log:
        argv = ["strace", "-f", "-o", log.name, "-e", f"trace={call}", "-p", pid]
        with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as strace:
            assert strace.stderr is not None
            strace.stderr.readline()  # that it is attached
            try:
                yield lines
            finally:
                strace.terminate()
                strace.wait(timeout=30)
        lines += log.read().splitlines()
