"""What cannot be had, in the words of the SDK's containers.run()."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pytest_isolation.technologies.lacking import TAKEN, Words

RATE = 1 << 20
"""Bytes a second."""

WORDS: Words[Mapping[str, Any]] = {
    "filter": lambda one: {
        "security_opt": ["seccomp=" + json.dumps({"defaultAction": f"SCMP_ACT_{one.name.upper()}"})]
    },
    "apparmor": lambda one: {"security_opt": [f"apparmor={one.name}"]},
    "selinux": lambda one: {"security_opt": [f"label=type:{one.name}_t"]},
    "user": lambda one: {"user": one.name},
    "device": lambda one: {"devices": [f"/dev/{one.name}:/dev/{one.name}:rwm"]},
    "rlimit": lambda one: {"ulimits": [{"Name": "nofile", "Soft": one.number, "Hard": one.number}]},
    "processors": lambda one: {"cpuset_cpus": str(one.number)},
    "disk": lambda one: {"device_read_bps": [{"Path": f"/dev/{one.name}", "Rate": RATE}]},
    "network": lambda one: {"network_mode": one.name},
    "namespace": lambda one: {"pid_mode": f"container:{one.name}"},
    "sysctl": lambda one: {"sysctls": {f"net.{one.name}": "1"}},
    TAKEN: lambda _: {},  # no keyword of the SDK's create_host_config: Start gives it
    "capability": lambda one: {"cap_drop": [one.name.upper()]},
}
"""Layer -> keywords of the call, each with its value."""
