"""The ports that an engine opened on the host for a container, by its own record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def published(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Of a container that Docker or Podman inspected: ("80/tcp", "0.0.0.0:8080") each."""
    ports = (found.get("NetworkSettings") or {}).get("Ports") or {}
    return [
        (str(inside), f"{_address(str(one.get('HostIp') or '0.0.0.0'))}:{one.get('HostPort')}")
        for inside, places in sorted(ports.items())
        for one in places or ()
    ]


def _address(host: str) -> str:
    return f"[{host}]" if ":" in host else host
