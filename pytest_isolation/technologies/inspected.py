"""What a container is given, in the words in which Docker and Podman both tell of one (`inspect`).

Source: Docker Engine API v1.41, GET /containers/{id}/json; podman-container-inspect(1).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_isolation.boxes.host import LOCAL_HOST, Host

OTHERS = ("container:", "ns:")
"""How a NetworkMode begins that is the network of another container, or of some process."""


def published(found: Mapping[str, Any]) -> list[tuple[str, str]] | None:
    """The ports of the host that lead into the container: ("80/tcp", "0.0.0.0:8080") each.

    None where its network is its host's or somebody else's, and the record has none: that tells nothing of ports.
    """
    ports = (found.get("NetworkSettings") or {}).get("Ports") or {}
    listed = [
        (str(inside), f"{_address(str(one.get('HostIp') or '0.0.0.0'))}:{one.get('HostPort')}")
        for inside, places in sorted(ports.items())
        for one in places or ()
    ]
    mode = str((found.get("HostConfig") or {}).get("NetworkMode") or "")
    return None if not listed and (mode == "host" or mode.startswith(OTHERS)) else listed


def _address(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def address_of(found: Mapping[str, Any]) -> str | None:
    """The container's IPv4 address; None without a network of its own."""
    settings = found.get("NetworkSettings") or {}
    networks = [*(settings.get("Networks") or {}).values(), settings]
    return next((one["IPAddress"] for one in networks if one.get("IPAddress")), None)


def merged_root(found: Mapping[str, Any], host: Host = LOCAL_HOST) -> Path | None:
    """The root of the container, as a path of `host`; None where we cannot read it."""
    merged = ((found.get("GraphDriver") or {}).get("Data") or {}).get("MergedDir")
    if not merged:
        return None
    root = host.path(merged)
    readable = os.access(merged, os.R_OK | os.X_OK) if host is LOCAL_HOST else root.is_dir()
    return Path(root) if readable else None
