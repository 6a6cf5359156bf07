"""What a release of Podman asks of the host beyond what `podman info` tells.

Sources: Podman's RELEASE_NOTES 5.0 and 6.0; containers.conf(5), firewall_driver; netavark's README.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.errors import Unavailable

NFTABLES, UNIFIED_ONLY = 5, 6
"""The first with netavark's nftables driver for its default, and the first without control groups v1."""
PLACES = (
    "/usr/share/containers/containers.conf",
    "/etc/containers/containers.conf",
    "/etc/containers/containers.conf.d",
)
"""containers.conf(5): what comes later counts."""


def check_control_groups(info: Mapping[str, Any], mode: str | None = None) -> None:
    """Raises Unavailable where this release refuses the host's."""
    mode = mode or cgroups.mode()
    if major(info) >= UNIFIED_ONLY and mode in ("v1", "hybrid"):
        raise Unavailable(
            f"Podman {version(info)} needs control groups v2, and this host's are {mode}",
            "boot with systemd.unified_cgroup_hierarchy=1",
        )


def check_firewall(info: Mapping[str, Any]) -> None:
    """Raises Unavailable where a bridge of Podman's cannot have its rules."""
    backend = info["host"].get("networkBackend")
    if major(info) < NFTABLES or backend != "netavark" or firewall_driver() not in ("", "nftables"):
        return
    if shutil.which("nft") is None:
        raise Unavailable(
            f"Podman {version(info)} makes its networks with nft, which is not installed",
            "apt install nftables; or network=none measures it without a network",
        )


def firewall_driver(places: tuple[str, ...] | None = None) -> str:
    """As configured: iptables, nftables, none; empty: the default."""
    found = ""
    for place in map(Path, PLACES if places is None else places):
        for file in sorted(place.glob("*.conf")) if place.is_dir() else [place]:
            with suppress(OSError, ValueError):
                network = tomllib.loads(text_of(file)).get("network", {})
                found = str(network.get("firewall_driver", found))
    return found


def version(info: Mapping[str, Any]) -> str:
    """Of `podman info`: "4.3.1"."""
    return str(info["version"]["Version"])


def major(info: Mapping[str, Any]) -> int:
    """Of `podman info`: 4; 0 where it is no number."""
    found = re.match(r"\d+", version(info))
    return int(found[0]) if found else 0
