"""A machine's state on its way from QEMU into a file, and back.

Through a pipe: a QEMU that is handed a plain file as `fd:` warns since 9.1, and `file:` is unknown before 8.2.
Source: QEMU docs, about/deprecated, "fd: URI when used for file migration".
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pytest_isolation.errors import BoxError

if TYPE_CHECKING:
    from pytest_isolation.technologies.qemu.monitor import Monitor

SAVE_TIMEOUT_S = 60.0
AT_ONCE = 1 << 20


def write(monitor: Monitor, file: Path) -> None:
    """Have QEMU write the state of its machine, which is stopped, into `file`.  Raises BoxError."""
    reader, writer = _pipe()
    failed: list[OSError] = []
    with file.open("wb") as opened:
        pump = _pumping(os.fdopen(reader, "rb", buffering=0), opened, failed)
        try:
            monitor.give("snapshot", writer)
        finally:
            os.close(writer)  # the last one is QEMU's
        monitor.ask("migrate-set-parameters", **{"max-bandwidth": 1 << 34})
        monitor.ask("migrate", uri="fd:snapshot")
        deadline = time.monotonic() + SAVE_TIMEOUT_S
        while (found := monitor.ask("query-migrate")).get("status") != "completed":
            status = found.get("status")
            if failed or status in ("failed", "cancelled") or time.monotonic() > deadline:
                why = failed[0] if failed else found.get("error-desc", status)
                raise BoxError(f"QEMU did not keep the machine's state: {why}")
            time.sleep(0.01)
        pump.join(SAVE_TIMEOUT_S)
    if failed or pump.is_alive():
        raise BoxError(f"the machine's state was not written to {file}: {failed[0] if failed else 'it does not end'}")


def opened(file: Path) -> int:
    """A descriptor that QEMU can read the state of, the caller's from now on."""
    reader, writer = _pipe()
    _pumping(file.open("rb", buffering=0), os.fdopen(writer, "wb", buffering=0), [])
    return reader


def _pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    try:
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, AT_ONCE)
    except OSError:
        pass  # this user has as much in pipes as one may have: it goes in smaller pieces
    return reader, writer


def _pumping(source: BinaryIO, to: BinaryIO, failed: list[OSError]) -> threading.Thread:
    """Closes both.  Where QEMU has ended before it took all, it says why itself."""

    def pump() -> None:
        try:
            with source, to:
                shutil.copyfileobj(source, to, AT_ONCE)
        except (BrokenPipeError, ValueError):  # the second: who waited has gone, and closed the file
            pass
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=pump, name="state", daemon=True)
    thread.start()
    return thread
