"""The standard output of our commands: a terminal, a file, a pipe whose reader may have enough; or closed."""

from __future__ import annotations

import os
import sys

from pytest_isolation.errors import UsageError


def is_terminal() -> bool:
    """Whether it is one; it may be closed."""
    return sys.stdout is not None and sys.stdout.isatty()


def say(text: str) -> None:
    """`text`, at once.  A reader that has enough (`| head`) ends nothing: what the command found is its exit status.

    Raises UsageError where there is no room for it.
    """
    if sys.stdout is None:  # closed: `>&-`
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _discard()
    except OSError as error:
        _discard()
        raise UsageError(f"the standard output cannot be written: {error.strerror}; make room for it") from None


def _discard() -> None:
    """What is left in the stream's buffer: at the end of the process it would fail once more."""
    nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
