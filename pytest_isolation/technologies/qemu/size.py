"""What QEMU makes of the size of a machine, as users write it: memory and processors of one that stands still."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_isolation.boxes.lifetime import started
from pytest_isolation.errors import BoxError
from pytest_isolation.technologies import program
from pytest_isolation.technologies.qemu.emulator import ENDS_WITH_US, Emulator
from pytest_isolation.technologies.qemu.monitor import Monitor

if TYPE_CHECKING:
    from pytest_isolation.boxes.lifetime import Lifetime

OPTIONS: Mapping[str, str] = {"memory": "-m", "cpus": "-smp"}
"""Limit, as boxes/wording.py calls it -> the option that is nearest to it: an amount that a machine has, no limit."""


def size(emulator: Emulator, limit: str, text: str | None, lifetime: Lifetime) -> str:
    """Bytes of memory or a number of processors that a machine has whose `limit` is written as `text`; None: unasked.

    The machine is made and does not run.  Raises BoxError with QEMU's words where it is not made.
    """
    program.find(ENDS_WITH_US[0], "util-linux")
    ours, theirs = socket.socketpair()
    directory = lifetime.new_directory("size")
    said = directory / "said"
    try:
        asked = [] if text is None else [OPTIONS[limit], text]
        line = [*ENDS_WITH_US, *emulator.program, *emulator.options, "-machine", "q35", "-accel", "tcg", "-S", *asked]
        line += ["-nodefaults", "-no-user-config", "-display", "none"]
        line += ["-chardev", f"socket,id=monitor,fd={theirs.fileno()}", "-mon", "chardev=monitor,mode=control"]
        with said.open("wb") as errors:
            process = subprocess.Popen(
                line, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, pass_fds=(theirs.fileno(),)
            )
        theirs.close()
        lifetime.register("process", f"{process.pid}:{started(process.pid)}")
        monitor = Monitor(ours)
        try:
            return _of(monitor, limit)
        except BoxError:
            process.kill()
            process.wait()
            words = said.read_text(encoding="utf-8", errors="replace")
            raise BoxError(" ".join(words.split()) or "QEMU ended without a word") from None
        finally:
            monitor.quit()
            monitor.close()
            process.kill()
            process.wait()
    finally:
        lifetime.remove_directory(directory)


def _of(monitor: Monitor, limit: str) -> str:
    if limit == "memory":
        return str(monitor.ask("query-memory-size-summary")["base-memory"])
    count = len(monitor.ask("query-cpus-fast"))
    return f"{count} processor{'s' if count > 1 else ''}"
