"""A report's file: replaced in one step, or left as it was."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytest_isolation.errors import UsageError

NO_NEW_FILE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EXDEV)
"""A directory that is not ours, a file that is a mount of its own: there it is written over."""


def give(path: str, text: str) -> None:
    """What a command was asked to write: to the file at `path`, `-` for the standard output.  Raises UsageError."""
    if path == "-":
        print(text, end="")
        return
    try:
        replace_file(Path(path), text)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written: {error.strerror}; expected a file in a directory that is there and has room"
        ) from None


def replace_file(path: Path, text: str) -> None:
    """The file at `path` becomes `text`, or stays as it is.  Raises OSError."""
    data = text.encode("utf-8", "backslashreplace")
    if path.exists() and not path.is_file():
        path.write_bytes(data)  # a device, a pipe
        return
    target = Path(os.path.realpath(path))
    new = target.with_name(f".{target.name}.new")
    try:
        new.unlink(missing_ok=True)  # a killed run's
        with _new_file(new) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if target.exists():
                os.fchmod(file.fileno(), target.stat().st_mode & 0o7777)
        new.replace(target)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        if error.errno not in NO_NEW_FILE or not target.exists():
            raise
        target.write_bytes(data)


def _new_file(path: Path) -> Any:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), "wb")
