"""Where a command's text goes: a file that is replaced in one step, or left as it was; or the standard output."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from pytest_isolation.errors import UsageError
from pytest_isolation.stdout import say

NO_NEW_FILE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EXDEV)
"""A directory that is not ours, a file that is a mount of its own: there it is written over."""

STDOUT = "-"
"""The path that stands for the standard output."""


def check_writable(path: Path, where: str) -> None:
    """Now, and not when minutes have gone by.  `where` begins the message.  Raises UsageError."""
    if path.name == STDOUT:
        raise UsageError(f"{where}: the standard output has other words already; expected the path of a file")
    if os.path.isdir(path):
        raise UsageError(f"{where}: {path} is a directory; expected the path of a file")
    try:
        os.stat(path.parent)
        if not os.path.lexists(path):
            with suppress(FileNotFoundError):
                os.stat(f"{path}.partial")  # the longest name of what may lie beside it
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(
            f"{where}: there is no directory {path.parent}; make it first: mkdir -p {path.parent}"
        ) from None
    except OSError as error:
        raise UsageError(f"{where}: {path} cannot be written: {error.strerror}; choose another path") from None
    place = path if os.path.exists(path) else path.parent
    if os.access(place, os.W_OK):
        return
    if os.statvfs(place).f_flag & os.ST_RDONLY:
        raise UsageError(f"{where}: {path} is on a file system that is read-only; choose another path")
    raise UsageError(f"{where}: {path} cannot be written by this user; choose another path, or change its mode")


def give(path: str, text: str | Iterable[str]) -> None:
    """What a command was asked to write: to the file at `path`, STDOUT for the standard output.  Raises UsageError.

    `text`: whole, or its pieces, of which no more than one is held at a time.
    """
    if path == STDOUT:
        for piece in _pieces(text):
            say(piece)
        return
    try:
        replace_file(Path(path), text)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written: {error.strerror}; expected a file in a directory that is there and has room"
        ) from None


def keep(path: str, text: str) -> None:
    """As `give`, of what took minutes to find out: what no file takes is on the standard output.  Raises UsageError."""
    try:
        give(path, text)
    except UsageError as error:
        if path == STDOUT:
            raise
        say(text)
        raise UsageError(f"{error}; what was found is on the standard output") from None


def replace_file(path: Path, text: str | Iterable[str]) -> None:
    """The file at `path` becomes `text`, or stays as it is.  `text` is as of `give`.  Raises OSError."""
    if path.exists() and not path.is_file():
        with path.open("wb") as file:  # a device, a pipe
            _write(file, text)
        return
    target = Path(os.path.realpath(path))
    new = target.with_name(f".{target.name}.new")
    try:
        new.unlink(missing_ok=True)  # a killed run's
        opened = _new_file(new)
    except OSError as error:
        if not _written_over(error, target):
            raise
        with target.open("wb") as file:
            _write(file, text)
        return
    try:
        with opened as file:
            _write(file, text)
            file.flush()
            os.fsync(file.fileno())
        try:
            if target.exists():
                new.chmod(target.stat().st_mode & 0o7777)
            new.replace(target)
        except OSError as error:
            if not _written_over(error, target):
                raise
            shutil.copyfile(new, target)  # the pieces are used up
            new.unlink()
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise


def _written_over(error: OSError, target: Path) -> bool:
    return error.errno in NO_NEW_FILE and target.exists()


def _pieces(text: str | Iterable[str]) -> Iterable[str]:
    return (text,) if isinstance(text, str) else text


def _write(file: BinaryIO, text: str | Iterable[str]) -> None:
    for piece in _pieces(text):
        file.write(piece.encode("utf-8", "backslashreplace"))


def _new_file(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), "wb")
