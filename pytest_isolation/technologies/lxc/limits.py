"""Lines of a user's own LXC configuration that set a limit, taken as what they mean: memory, pids, cpus.

Source: lxc.container.conf(5), lxc.cgroup.[controller].[file] and lxc.cgroup2.[controller].[file]; the files' values
are the kernel's, cgroup-v2.rst and cgroup-v1/memory.rst.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_isolation.errors import UsageError
from pytest_isolation.technologies.base import PERIOD_US, give, texts

if TYPE_CHECKING:
    from pytest_isolation.boxes.spec import BoxSpec

KEY = re.compile(r"lxc\.cgroup2?\.(memory\.limit_in_bytes|memory\.max|pids\.max|cpu\.max|cpu\.cfs_(?:quota|period)_us)")
SUFFIXES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
"""Those memparse() of the kernel knows, as far as a box needs them."""


def meant(spec: BoxSpec) -> BoxSpec:
    """`spec` with such lines in its fields, the others as they are.  Raises UsageError for two that say the same."""
    kept: list[str] = []
    period, quota, line_of_quota = PERIOD_US, None, ""
    for line in texts(spec, "config"):
        key, _, value = (part.strip() for part in line.partition("="))
        match = KEY.fullmatch(key)
        if match is None:
            kept.append(line)
        elif match[1].startswith("memory"):
            spec = give(spec, "memory", _number(line, value, SUFFIXES), line)
        elif match[1] == "pids.max":
            spec = give(spec, "pids", _number(line, value, {"": 1}), line)
        elif match[1] == "cpu.max":
            most, _, whole = value.partition(" ")
            part = _number(line, most, {"": 1})
            spec = give(
                spec, "cpus", part and part / (_number(line, whole or str(PERIOD_US), {"": 1}) or PERIOD_US), line
            )
        elif match[1] == "cpu.cfs_period_us":
            period = _number(line, value, {"": 1}) or PERIOD_US
        else:
            quota, line_of_quota = _number(line, value, {"": 1}), line
    if line_of_quota:
        spec = give(spec, "cpus", quota and quota / period, line_of_quota)
    if len(kept) == len(texts(spec, "config")):
        return spec
    options = [(key, value) for key, value in spec.options if key != "config"]
    return replace(spec, options=tuple(sorted([*options, *([("config", tuple(kept))] if kept else [])])))


def _number(line: str, text: str, suffixes: dict[str, int]) -> int | None:
    """None: no limit.  Raises UsageError."""
    if text in ("max", "-1"):
        return None
    match = re.fullmatch(r"([0-9]{1,18})([a-z]?)", text.lower())
    if match is None or match[2] not in suffixes:
        raise UsageError(f"lxc: config has {line!r}; expected a number, or max for no limit")
    return int(match[1]) * suffixes[match[2]]
