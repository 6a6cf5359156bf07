"""The values of the keys every box has: text to a BoxSpec's fields, and back.

A reader raises ValueError whose message is what it expected: "expected a size, for example 64M".
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from pytest_isolation.door import Door

if TYPE_CHECKING:
    from collections.abc import Callable

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
HOST_NAME_MAX = 64
"""sethostname(2)."""
LAST_ID = 2**32 - 2
"""-1 means "no change" to chown(2) and setresuid(2): it is nobody's id."""


def size(text: str) -> int:
    """Bytes: 65536, 64K, 64M, 64MiB, 1G; powers of 1024."""
    match = re.fullmatch(r"([0-9]{1,15})([kKmMgGtT]?)(?:i?[bB])?", text, re.ASCII)
    number = int(match[1]) * UNITS[match[2].upper()] if match else 0
    if not 0 < number < 1 << 63:
        raise ValueError("expected a number of bytes above 0, with K, M, G or T for powers of 1024: 64M")
    return number


def count(text: str) -> int:
    """A whole number, 1 to 999999999."""
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) or int(text) == 0:
        raise ValueError("expected a whole number above 0")
    return int(text)


def identity(text: str) -> int:
    """A numeric user or group id, 0 to LAST_ID."""
    if not re.fullmatch(r"[0-9]{1,10}", text, re.ASCII) or int(text) > LAST_ID:
        raise ValueError(f"expected a numeric id from 0 to {LAST_ID}")
    return int(text)


def processors(text: str) -> float:
    """Processors' worth of time: 0.5, 2."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not (math.isfinite(number) and number > 0):
        raise ValueError("expected processors' worth of time above 0: 0.5 is half of one")
    return number


def truth(text: str) -> bool:
    """true, yes, on, 1; false, no, off, 0; in either case."""
    if text.lower() in ("true", "yes", "on", "1"):
        return True
    if text.lower() in ("false", "no", "off", "0"):
        return False
    raise ValueError("expected true or false")


def word(text: str) -> str:
    """Any text but the empty one."""
    if not text or "\0" in text:
        raise ValueError("expected some text")
    return text


def directory(text: str) -> str:
    """An absolute path in the box."""
    if not text.startswith("/") or "\0" in text:
        raise ValueError("expected a path in the box that begins with /")
    return text


def hostname(text: str) -> str:
    """Letters, digits, dots and dashes, as many as the kernel takes."""
    if not re.fullmatch(rf"[A-Za-z0-9.-]{{1,{HOST_NAME_MAX}}}", text, re.ASCII):
        raise ValueError(f"expected 1 to {HOST_NAME_MAX} letters, digits, dots and dashes")
    return text


def door(text: str) -> Door:
    """start, exec, or both."""
    if text not in [*Door]:
        raise ValueError("expected start (the agent is the first process), exec (it enters a running box) or both")
    return Door(text)


def variable(text: str) -> tuple[str, str]:
    """NAME=VALUE, as both."""
    name, equals, value = text.partition("=")
    if not (name and equals) or "\0" in text:
        raise ValueError("expected NAME=VALUE")
    return name, value


SCALARS: dict[str, Callable[[str], Any]] = {
    "image": word,
    "memory": size,
    "pids": count,
    "cpus": processors,
    "network": word,
    "read_only": truth,
    "uid": identity,
    "gid": identity,
    "workdir": directory,
    "hostname": hostname,
    "door": door,
    "intrusive": truth,
}
"""Key -> its reader; the keys are BoxSpec's fields."""

LISTS = ("env", "weaken")
COMMON = (*SCALARS, *LISTS)


def written(key: str, value: Any) -> str:
    """The inverse of a key's reader."""
    if isinstance(value, bool):
        return str(value).lower()
    if key == "memory":
        unit = max((unit for unit in UNITS if value % UNITS[unit] == 0), key=UNITS.__getitem__)
        return f"{value // UNITS[unit]}{unit}"
    return str(value)
