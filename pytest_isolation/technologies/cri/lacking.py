"""What cannot be had, as fields of the CRI's messages.

Source: kubernetes/cri-api, api.proto, LinuxContainerSecurityContext.
"""

from __future__ import annotations

from typing import Any

from pytest_isolation.technologies.lacking import Words

LOCALHOST, TARGET = 2, 3
"""SecurityProfile.ProfileType, NamespaceMode."""

WORDS: Words[dict[str, Any]] = {
    "filter": lambda one: {"seccomp": {"profile_type": LOCALHOST, "localhost_ref": f"/{one.name}.json"}},
    "apparmor": lambda one: {"apparmor": {"profile_type": LOCALHOST, "localhost_ref": one.name}},
    "selinux": lambda one: {"selinux_options": {"type": f"{one.name}_t"}},
    "user": lambda one: {"run_as_username": one.name},
    "namespace": lambda one: {"namespace_options": {"pid": TARGET, "target_id": one.name}},
    "capability": lambda one: {"capabilities": {"drop_capabilities": [one.name.upper()]}},
    "device": lambda one: {"devices": [{"container_path": f"/dev/{one.name}", "host_path": f"/dev/{one.name}"}]},
    "processors": lambda one: {"resources": {"cpuset_cpus": str(one.number)}},
    "sysctl": lambda one: {"sysctls": {f"net.{one.name}": "1"}},
}
"""Layer -> fields of the container's security context, and three that are of other messages: settings.py."""
