"""Limits as fields of LinuxContainerResources, where numbers are numbers.  Source: kubernetes/cri-api, api.proto."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_isolation.boxes.wording import BESIDE
from pytest_isolation.technologies.wording import Unwritten, Words, whole

MOST = 1 << 63
"""Fields are int64; protobuf takes no more."""


def _whole(text: str) -> int:
    number = whole(text)
    if not -MOST <= number < MOST:
        raise Unwritten(f"the format has 64 bits there, and cannot say {text}")
    return number


def _number(name: str) -> Callable[[str], dict[str, Any]]:
    return lambda text: {name: _whole(text)}


def _of_period(text: str) -> dict[str, Any]:
    quota, _, period = text.partition("/")
    return {"cpu_quota": _whole(quota), "cpu_period": _whole(period)}


WORDING: Words[dict[str, Any]] = {
    "memory": _number("memory_limit_in_bytes"),
    "memory-swap": lambda text: {"memory_limit_in_bytes": BESIDE, "memory_swap_limit_in_bytes": _whole(text)},
    "memory-swap-alone": _number("memory_swap_limit_in_bytes"),
    "oom-score-adj": _number("oom_score_adj"),
    "cpu-quota": _number("cpu_quota"),
    "cpu-period": _number("cpu_period"),
    "cpu-quota-of-period": _of_period,
    "cpu-shares": _number("cpu_shares"),
    "cpuset-cpus": lambda text: {"cpuset_cpus": text},
    "cpuset-mems": lambda text: {"cpuset_mems": text},
}
"""Limit -> fields."""
