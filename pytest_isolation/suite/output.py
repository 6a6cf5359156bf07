"""Where a command writes its result: the terminal, or the file of its option -o."""

from __future__ import annotations

from pathlib import Path

from pytest_isolation.errors import UsageError


def check_writable(path: Path | None) -> None:
    """Now, and not when minutes have gone by.  Raises UsageError."""
    if path is None:
        return
    if path.is_dir():
        raise UsageError(f"-o {path}: Is a directory; expected a file that can be written")
    if not path.parent.is_dir():
        raise UsageError(f"-o {path}: there is no directory {path.parent}; make it, or name another file")


def write(path: Path | None, written: str) -> None:
    """To `path`, or to the terminal.  Raises UsageError."""
    if path is None:
        print(written, end="")
        return
    try:
        path.write_text(written, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"-o {path}: {error.strerror}; expected a file that can be written") from None
