"""Asking for limits in a technology's own words, as its users write them: `32m`, `-1`, `0-1`, `2048:1024`.

Further.wording of a technology that can be asked has for each limit of boxes/wording.py what it is told when somebody
writes a text.  What engines make of the texts: docs/limits.md.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_isolation.boxes.weakenings import WRITTEN_LIMITS, lossy
from pytest_isolation.boxes.wording import BESIDE, LIMITS, RLIMITS
from pytest_isolation.errors import Unsupported
from pytest_isolation.technologies.base import further

if TYPE_CHECKING:
    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.boxes.weakenings import Weakening
    from pytest_isolation.technologies.base import Technology
    from pytest_isolation.technologies.opens import Opener

__all__ = [
    "BY_OPTION",
    "Unwritten",
    "check_worded",
    "disk",
    "limits_a_group",
    "lossy_words",
    "pair",
    "whole",
    "worded",
    "worded_lines",
    "wording_of",
]

T = TypeVar("T")
Words = Mapping[str, Callable[[str], T]]

SYSTEM_BLOCK = Path("/sys/block")


class Unwritten(Unsupported):
    """The format has no way to write this text: a number's field takes no suffix."""


def wording_of(technology: Technology) -> Words[Any]:
    """Limit -> its words; empty where the technology cannot be asked."""
    return further(technology).wording


def check_worded(technology: Technology, spec: BoxSpec) -> None:
    """Raises Unsupported where `spec` asks for a limit that the technology has no words for: never passed over."""
    known = wording_of(technology)
    if missing := [limit for limit, _ in spec.worded if limit not in known]:
        raise Unsupported(f"{spec.technology} has no words for {', '.join(missing)}")


def lossy_words(words: Words[Any], by: Opener) -> dict[Weakening, Opener]:
    """The holes that lose one of these limits on the way: lines of a table OPENS."""
    return {lossy(f"limit-{name}"): by for name in WRITTEN_LIMITS if name in words}


def limits_a_group(spec: BoxSpec) -> bool:
    """Whether `spec` asks in words for a limit that only a control group can have."""
    return any(LIMITS[limit].of_group for limit, _ in spec.worded)


def worded(spec: BoxSpec, words: Words[T]) -> list[T]:
    """What to tell the engine, by `words`; without what a hole loses on the way.  Raises Unwritten."""
    lost = {str(hole.what) for hole in spec.weakenings if hole.kind == "lossy"}
    return [words[limit](text) for limit, text in spec.worded if f"limit-{limit}" not in lost]


def worded_lines(spec: BoxSpec, words: Words[list[str]]) -> list[str]:
    """The same of words that are options, or lines, in order.  Raises Unwritten."""
    return [line for some in worded(spec, words) for line in some]


def whole(text: str) -> int:
    """For a format whose field is a number.  Raises Unwritten."""
    if not re.fullmatch(r"-?[0-9]+", text):
        raise Unwritten(f"the format has a whole number there, and cannot say {text!r}")
    return int(text)


def pair(text: str) -> tuple[int, int]:
    """SOFT:HARD, or one number for both, of such a format.  Raises Unwritten."""
    soft, _, hard = text.partition(":")
    both = whole(soft), whole(hard or soft)
    if min(both) < 0:
        raise Unwritten(f"the format has numbers without a sign there, and cannot say {text!r}")
    return both


def disk() -> tuple[str, int, int]:
    """A disk of this machine: its path, major and minor number.  Raises Unsupported where it has none."""
    for place in sorted(SYSTEM_BLOCK.iterdir()) if SYSTEM_BLOCK.is_dir() else ():
        path = Path("/dev", place.name)
        if (place / "device").exists() and path.is_block_device():
            number = path.stat().st_rdev
            return os.fspath(path), os.major(number), os.minor(number)
    raise Unsupported("this machine has no disk to limit the reading of")


def _option(name: str) -> Callable[[str], list[str]]:
    return lambda text: [f"--{name}={text}"]


BY_OPTION: Words[list[str]] = {
    **{name: _option(name) for name in LIMITS if name not in RLIMITS},
    **{name: _option(f"ulimit={name}") for name in RLIMITS},
    "pids": _option("pids-limit"),
    "memory-swap": lambda text: [f"--memory={BESIDE}", f"--memory-swap={text}"],
    "memory-swap-alone": _option("memory-swap"),
    "cpu-quota-of-period": lambda text: [
        f"--{name}={part}" for name, part in zip(("cpu-quota", "cpu-period"), text.split("/"), strict=True)
    ],
    "device-read-bps": lambda text: [f"--device-read-bps={disk()[0]}:{text}"],
}
"""Options of docker-run(1) and podman-run(1)."""
