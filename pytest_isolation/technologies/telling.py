"""What a program said when it failed: the error, and not the warning before it."""

from __future__ import annotations

import re

WARNING = re.compile(r"level=(warning|info|debug)|^\W*(?i:warn(ing)?|info|debug|notice|note)\b|\bWARN(ING)?\b")
ERROR = re.compile(
    r"error|fail|fatal|cannot|can't|could not|unable|denied|refus|not (found|permitted|supported|allowed|exist)|"
    r"no such|invalid|unknown|unsupported",
    re.IGNORECASE,
)
LINES = 3
SHOWN = 500


def telling(data: str | bytes) -> str:
    """One line of `data`: without its warnings where there is more, and of many lines those that tell of an error."""
    text = data.decode(errors="replace") if isinstance(data, bytes) else data
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    kept = [line for line in lines if not WARNING.search(line)] or lines
    if len(kept) > LINES:
        kept = ([line for line in kept if ERROR.search(line)] or kept)[-LINES:]
    said = " ".join(kept)
    return said if len(said) <= SHOWN else f"{said[: SHOWN - 3]}..."


def quoted(data: str | bytes) -> str:
    """The same behind what has failed: "; it said: …", and nothing where nothing was said."""
    said = telling(data)
    return f"; it said: {said}" if said else ""
