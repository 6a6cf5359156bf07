"""The ids of the host that its users own besides their own: subuid(5) and subgid(5)."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Literal

from pytest_isolation.boxes.procfs import text_of

Kind = Literal["uid", "gid"]
KINDS: tuple[Kind, ...] = ("uid", "gid")
DIRECTORY = Path("/etc")


def ranges(kind: Kind) -> list[tuple[str, int, int]]:
    """Whose, as a name or a number; the first id; how many.  Empty where there is no such file."""
    found = []
    with suppress(OSError):
        for line in text_of(DIRECTORY / f"sub{kind}").splitlines():
            name, _, rest = line.partition(":")
            first, _, count = rest.partition(":")
            if first.isdigit() and count.isdigit():
                found.append((name, int(first), int(count)))
    return found


def owners(kind: Kind) -> set[str]:
    """The users who have any, by name or number."""
    return {name for name, _, _ in ranges(kind)}
