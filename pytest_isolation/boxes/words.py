"""How an option's mistake is put: what was given, what was expected, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


PROOF = "proof"
"""The word of --isolation-require for rows that hold: their controls must have fired."""


def in_utf8(value: Any) -> Any:
    """`value`, plain data, as what speaks JSON is to get it: bytes of a command line that this process' locale has no
    signs for (LANG=C) are the letters that they stand for in UTF-8, and \ufffd where they stand for none.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if type(value) is dict:  # an object of the SDK's is one, too, and stays what it is
        return {in_utf8(key): in_utf8(inner) for key, inner in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(in_utf8, value))
    return value


def choice(given: str, known: Iterable[str]) -> str:
    """ "did you mean 'docker'? expected one of chroot, docker, host": the end of a message about a wrong word."""
    from difflib import get_close_matches

    known = sorted(known)
    if not known:
        return "there are none"
    close = get_close_matches(given, known, n=1)
    guess = f"did you mean {close[0]!r}? " if close else ""
    return f"{guess}expected one of {', '.join(known)}"


def nearest(given: str, known: Iterable[str]) -> str:
    """As `choice`, of guarantees, of which there are too many to name."""
    from difflib import get_close_matches

    known = sorted(known)
    close = get_close_matches(given, known, n=3, cutoff=0.4)
    guess = f"did you mean {close[0]!r}? " if close else ""
    others = f"near it: {', '.join(close[1:])}; " if close[1:] else ""
    return f"{guess}{others}`pytest --isolation-list` shows all {len(known)}"
