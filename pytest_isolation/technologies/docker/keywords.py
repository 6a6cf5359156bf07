"""The user's keywords of containers.run() of the SDK: which there are, and each value as the SDK wants it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes import values
from pytest_isolation.errors import UsageError
from pytest_isolation.technologies.docker import flags, written

if TYPE_CHECKING:
    from pytest_isolation.boxes.spec import BoxSpec

OURS = {
    "auto_remove": "every container is removed when its box ends",
    "command": "the agent is the command",
    "detach": "the agent's channel is attached",
    "entrypoint": "the agent is the entry point",
    "log_config": "the agent's traffic is never logged",
    "name": "the name says which run it belongs to; put the box's own before the = of --box",
    "restart_policy": "a box that ended stays ended",
    "stdin_open": "the agent is spoken to over it",
    "tty": "a terminal would change the agent's bytes",
    "use_config_proxy": "nothing is fetched in a box",
    "version": "the API's version is agreed with the daemon",
}
"""Keywords of containers.run() that are not the user's, and why."""

COMMON = {
    "environment": "env",
    "hostname": "hostname",
    "image": "image",
    "network_mode": "network",
    "working_dir": "workdir",
}
"""Keywords that have a word every technology knows: that one is to be used."""

STRUCTURED = frozenset((
    "blkio_weight_device", "device_read_bps", "device_read_iops", "device_requests", "device_write_bps",
    "device_write_iops", "healthcheck", "lxc_conf", "networking_config",
))  # fmt: skip
BOOLEAN = frozenset((
    "init", "network_disabled", "oom_kill_disable", "privileged", "publish_all_ports",
))  # fmt: skip
NUMBER = frozenset((
    "blkio_weight", "cpu_count", "cpu_percent", "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime",
    "cpu_shares", "mem_swappiness", "nano_cpus", "oom_score_adj", "pids_limit",
))  # fmt: skip
LIST = frozenset((
    "device_cgroup_rules", "dns", "dns_opt", "dns_search", "group_add", "volumes_from",
))  # fmt: skip
READERS: dict[str, Callable[[str], Any]] = {
    "cap_add": written.capability,
    "cap_drop": written.capability,
    "devices": written.device,
    "mounts": written.mount,
    "security_opt": written.security,
    "ulimits": written.ulimit,
    "volumes": written.volume,
}
MAP = {"extra_hosts": ":", "labels": "=", "links": ":", "ports": "=", "storage_opt": "=", "sysctls": "=", "tmpfs": ":"}
"""Keyword -> what stands between a key and its value, as the docker command writes it."""


@cache
def known_keywords() -> tuple[frozenset[str], frozenset[str]]:
    """What containers.run() takes: of the container, and of its host configuration."""
    from docker.models.containers import RUN_CREATE_KWARGS, RUN_HOST_CONFIG_KWARGS

    return frozenset(RUN_CREATE_KWARGS), frozenset(RUN_HOST_CONFIG_KWARGS) | {"ports", "volumes"}


def check_keywords(spec: BoxSpec) -> None:
    """Raises UsageError for a keyword, or a value, that the SDK would not take."""
    user_keywords(spec)


def user_keywords(spec: BoxSpec) -> dict[str, Any]:
    """The user's keywords with their values as the SDK wants them.  Raises UsageError."""
    create, host = known_keywords()
    found: dict[str, Any] = {}
    for key, value in spec.options:
        if key == "host":
            continue
        if spec.attached:
            if key == "container":
                continue
            raise UsageError(f"docker: {key}={value}: a running container is as it is; leave it out with container=")
        if key in OURS:
            raise UsageError(f"docker: {key} cannot be set: {OURS[key]}; leave it out")
        if key in COMMON:
            raise UsageError(f"docker: write {COMMON[key]}={value} for {key}: every technology knows that word")
        if key in STRUCTURED:
            raise UsageError(f"docker: {key} takes a structure that KEY=VALUE cannot say; leave it out")
        if (told := flags.told(key)) is not None:
            raise UsageError(f"docker has no keyword {key!r}; {told}")
        if key not in create | host:
            words = {*COMMON.values(), *values.COMMON, "host"}
            near = [
                *difflib.get_close_matches(key, sorted(words), 1),
                *difflib.get_close_matches(key, sorted((create | host) - set(OURS)), 1),
            ]
            hint = f"did you mean {near[0]!r}? " if near else ""
            hint += "expected a word that every box has, or a keyword of containers.run() of the Docker SDK"
            raise UsageError(f"docker has no keyword {key!r}; {hint}")
        found[key] = _typed(key, value)
    for keyword, word, asked in (
        ("mem_limit", "memory", spec.memory),
        ("pids_limit", "pids", spec.pids),
        ("nano_cpus", "cpus", spec.cpus),
        ("cpu_quota", "cpus", spec.cpus),
        ("user", "uid", spec.uid or spec.gid or None),
    ):
        if keyword in found and asked is not None:
            raise UsageError(f"docker: {word}={asked} and {keyword}={found[keyword]} set the same; give one of them")
    return found


def _typed(key: str, value: Any) -> Any:
    """`value` is a text, or a tuple of texts for a list."""
    texts = list(map(str, value)) if isinstance(value, tuple | list) else [str(value)]
    if key in READERS:
        return list(map(READERS[key], texts))
    if key in LIST:
        return texts
    if key in MAP:
        return dict(_pair(key, text, MAP[key]) for text in texts)
    if len(texts) != 1:
        raise UsageError(f"docker: {key} is a list ({', '.join(texts)}); expected one value")
    text = texts[0]
    if key in BOOLEAN:
        if text.lower() not in ("true", "false"):
            raise UsageError(f"docker: {key}={text}: expected true or false")
        return text.lower() == "true"
    if key in NUMBER:
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise UsageError(f"docker: {key}={text}: expected a whole number")
        return int(text)
    if key in written.TEXTS:
        return written.text(key, text)
    return text


def _pair(key: str, text: str, separator: str) -> tuple[str, str]:
    name, found, value = text.partition(separator)
    if not name or not (found or key == "tmpfs"):
        raise UsageError(f"docker: {key} has {text!r}; expected NAME{separator}VALUE")
    if key == "tmpfs" and not name.startswith("/"):
        raise UsageError(f"docker: tmpfs has {text!r}; expected a path in the box, for example /run:size=16m")
    return name, value
