"""The SDK's own words for a limit, taken as what they mean: mem_limit=64m is memory=64M.

So a check that brings a limit of its own sets it aside, claims see it, and the rows about what the box was asked to
have find it.  Source: docs.docker.com, "Resource constraints"; docker-py's containers.run().
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_isolation.errors import UsageError
from pytest_isolation.technologies.base import give, quota, taken

if TYPE_CHECKING:
    from pytest_isolation.boxes.spec import BoxSpec

UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
WINDOWS = ("cpu_count", "cpu_percent")
"""Keywords that limit nothing on Linux, docker-py says."""


def meant(spec: BoxSpec) -> BoxSpec:
    """`spec` with limits in the fields that every box has.  Raises UsageError for two that say the same, and for none.

    0 is no limit, and for pids_limit and cpu_quota -1 as well.
    """
    if spec.attached:
        return spec
    for key in WINDOWS:
        if spec.option(key) is not None:
            raise UsageError(f"docker: {key}={spec.option(key)} is for Windows and limits nothing here; give cpus=N")
    spec, memory = taken(spec, "mem_limit")
    if memory is not None:
        spec = give(spec, "memory", bytes_of("mem_limit", memory) or None, f"mem_limit={memory}")
    spec, pids = taken(spec, "pids_limit")
    if pids is not None:
        spec = give(spec, "pids", max(_whole("pids_limit", pids), 0) or None, f"pids_limit={pids}")
    spec, nano = taken(spec, "nano_cpus")
    if nano is not None:
        spec = give(spec, "cpus", max(_whole("nano_cpus", nano), 0) / 1e9 or None, f"nano_cpus={nano}")
    spec = quota(spec)
    check_swap(spec, "memswap_limit")
    return spec


def check_swap(spec: BoxSpec, key: str) -> None:
    """Raises UsageError for a limit on memory and swap together that is below the one on memory, or without it."""
    text = spec.option(key)
    if text is None or isinstance(text, tuple | list):
        return
    both = bytes_of(key, str(text))
    if spec.memory is None and both > 0:
        raise UsageError(
            f"{spec.technology}: {key}={text} is memory and swap together, and needs memory=SIZE beside it"
        )
    if spec.memory is not None and 0 < both < spec.memory:
        raise UsageError(
            f"{spec.technology}: {key}={text} is memory and swap together, and memory={spec.memory} is more; "
            "expected at least as much"
        )


def swap_of(memory: int, text: Any) -> int:
    """What a box with this limit on memory has with its swap; nothing given: no swap.  A check may bring more."""
    if text is None:
        return memory
    both = bytes_of("memswap_limit", str(text))
    return -1 if both < 0 else max(both, memory)


def bytes_of(key: str, text: str) -> int:
    """-1 is no limit, where the keyword has that.  Raises UsageError."""
    match = re.fullmatch(r"([0-9]{1,18}|-1)([bkmgt]?)b?", text.lower())
    if match is None or (match[1] == "-1" and (match[2] or key == "mem_limit")):
        raise UsageError(f"docker: {key} is {text!r}; expected a number of bytes, with k, m or g behind it: 64m")
    return int(match[1]) * UNITS[match[2]]


def _whole(key: str, text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise UsageError(f"docker: {key}={text}: expected a whole number")
    return int(text)
