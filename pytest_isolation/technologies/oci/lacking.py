"""What cannot be had, as changes of a bundle's config.json.

Source: OCI runtime-spec 1.0, config.md and config-linux.md.
"""

from __future__ import annotations

from typing import Any

from pytest_isolation.boxes.spec import Unobtainable
from pytest_isolation.technologies.lacking import TAKEN, Words

MAJOR, RATE = 511, 1 << 20
"""Of a disk's number: the last that the kernel gives out; and bytes a second."""

Config = dict[str, Any]


def change(config: Config, changes: Config) -> None:
    """`changes`, in place: an object is changed within, a list has these as well."""
    for key, value in changes.items():
        if isinstance(value, dict):
            change(config.setdefault(key, {}), value)
        elif isinstance(value, list):
            config[key] = [*config.get(key, ()), *value]
        else:
            config[key] = value


def _device(one: Unobtainable) -> Config:
    place = f"/dev/{one.name}"
    return {"mounts": [{"destination": place, "type": "bind", "source": place, "options": ["bind", "rw"]}]}


def _disk(one: Unobtainable) -> Config:
    slowed = [{"major": MAJOR, "minor": one.number, "rate": RATE}]
    return {"linux": {"resources": {"blockIO": {"throttleReadBpsDevice": slowed}}}}


WORDS: Words[Config] = {
    "filter": lambda one: {"linux": {"seccomp": {"defaultAction": f"SCMP_ACT_{one.name.upper()}"}}},
    "apparmor": lambda one: {"process": {"apparmorProfile": one.name}},
    "selinux": lambda one: {"process": {"selinuxLabel": f"system_u:system_r:{one.name}_t:s0"}},
    "device": _device,
    "rlimit": lambda one: {"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": one.number, "hard": one.number}]}},
    "processors": lambda one: {"linux": {"resources": {"cpu": {"cpus": str(one.number)}}}},
    "disk": _disk,
    "namespace": lambda one: {"linux": {"namespaces": [{"type": "ipc", "path": f"/run/netns/{one.name}"}]}},
    "sysctl": lambda one: {"linux": {"sysctl": {f"net.{one.name}": "1"}}},
    TAKEN: lambda _: {},  # no part of the config: the runtime's last word
    "hook": lambda one: {"hooks": {"createRuntime": [{"path": f"/{one.name}"}]}},
}
"""Layer -> what is changed of the config."""
