"""Limits as changes of a bundle's config.json, where numbers are numbers.  Source: OCI runtime-spec config-linux.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_isolation.boxes.wording import BESIDE, RLIMITS
from pytest_isolation.technologies.wording import Unwritten, Words, disk, pair, whole

Config = dict[str, Any]


def _resources(kind: str, **values: object) -> Config:
    return {"linux": {"resources": {kind: values}}}


def _number(kind: str, name: str) -> Callable[[str], Config]:
    return lambda text: _resources(kind, **{name: whole(text)})


def _text(kind: str, name: str) -> Callable[[str], Config]:
    return lambda text: _resources(kind, **{name: text})


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise Unwritten(f"the format has true and false there, and cannot say {text!r}")
    return text == "true"


def _of_period(text: str) -> Config:
    quota, _, period = text.partition("/")
    return _resources("cpu", quota=whole(quota), period=whole(period))


def _disk(text: str) -> Config:
    rate = whole(text)
    _, major, minor = disk()
    return _resources("blockIO", throttleReadBpsDevice=[{"major": major, "minor": minor, "rate": rate}])


def _rlimit(name: str) -> Callable[[str], Config]:
    def change(text: str) -> Config:
        soft, hard = pair(text)
        return {"process": {"rlimits": [{"type": f"RLIMIT_{name.upper()}", "soft": soft, "hard": hard}]}}

    return change


def _shm(text: str) -> Config:
    options = ["nosuid", "noexec", "nodev", "mode=1777", f"size={text}"]
    return {"mounts": [{"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": options}]}


WORDING: Words[Config] = {
    "memory": _number("memory", "limit"),
    "memory-swap": lambda text: _resources("memory", limit=BESIDE, swap=whole(text)),
    "memory-swap-alone": _number("memory", "swap"),
    "memory-reservation": _number("memory", "reservation"),
    "memory-swappiness": _number("memory", "swappiness"),
    "oom-kill-disable": lambda text: _resources("memory", disableOOMKiller=_flag(text)),
    "oom-score-adj": lambda text: {"process": {"oomScoreAdj": whole(text)}},
    "pids": _number("pids", "limit"),
    "cpu-quota": _number("cpu", "quota"),
    "cpu-period": _number("cpu", "period"),
    "cpu-quota-of-period": _of_period,
    "cpu-shares": _number("cpu", "shares"),
    "cpuset-cpus": _text("cpu", "cpus"),
    "cpuset-mems": _text("cpu", "mems"),
    "blkio-weight": _number("blockIO", "weight"),
    "device-read-bps": _disk,
    "shm-size": _shm,
    **{name: _rlimit(name) for name in RLIMITS},
}
"""Limit -> what is changed of the config; the number of processors has no word of its own."""
