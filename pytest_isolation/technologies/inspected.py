"""What a container was started with, in the words in which Docker and Podman both tell of one (`inspect`).

Source: Docker Engine API v1.41, GET /containers/{id}/json; podman-container-inspect(1).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_isolation.boxes import resources
from pytest_isolation.boxes.cgroups import Limits
from pytest_isolation.boxes.host import LOCAL_HOST, Host
from pytest_isolation.boxes.process_limits import ProcessLimit
from pytest_isolation.technologies.base import PERIOD_US

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


def options_of(host: Mapping[str, Any]) -> dict[str, Any]:
    """Of `HostConfig`, what both engines name alike: rights, a root that may be written, and limits.

    `memory` is in bytes; `cpus` is as recorded, in billionths of a processor or as a quota in µs: it tells whether
    there is a limit.  limits_of() has the limit itself.
    """
    return {
        "cap_add": [name.removeprefix("CAP_") for name in host.get("CapAdd") or ()],
        "cap_drop": [name.removeprefix("CAP_") for name in host.get("CapDrop") or ()],
        "security_opt": host.get("SecurityOpt") or [],
        "read_only": bool(host.get("ReadonlyRootfs")),
        "init": bool(host.get("Init")),
        "memory": host.get("Memory") or None,
        "pids": host.get("PidsLimit") or None,
        "cpus": (host.get("NanoCpus") or host.get("CpuQuota") or 0) or None,
    }


def limits_of(host: Mapping[str, Any]) -> Limits:
    """The limits a container was started with, by the engine's own record: `HostConfig` as it inspects it.

    0 and below is none: docs.docker.com, "Resource constraints".
    """
    memory, pids, nano, quota = (int(host.get(key) or 0) for key in ("Memory", "PidsLimit", "NanoCpus", "CpuQuota"))
    cpus = nano / 1e9 if nano > 0 else quota / (host.get("CpuPeriod") or PERIOD_US) if quota > 0 else None
    return Limits(memory=memory if memory > 0 else None, pids=pids if pids > 0 else None, cpus=cpus)


DISKS = {
    "BlkioDeviceReadBps": resources.READ_BYTES,
    "BlkioDeviceWriteBps": resources.WRITE_BYTES,
    "BlkioDeviceReadIOps": resources.READS,
    "BlkioDeviceWriteIOps": resources.WRITES,
}
"""Of `HostConfig`: a list of {Path, Rate} each."""
USUAL_SHM = (64 << 20, 65_536_000)
"""What Docker, and Podman, give where nothing was asked for."""


def resources_of(host: Mapping[str, Any], machine: Host = LOCAL_HOST) -> dict[str, str]:
    """The further limits (boxes/resources.py) that a container was started with, as limits_of() has the others.

    `machine`: where it runs, and where the paths of disks are looked up.  Without the disks that are gone.
    """
    found = {
        resources.PROCESSORS: str(host.get("CpusetCpus") or ""),
        resources.WEIGHT: _above(host, "CpuShares"),
        resources.SWAP: _above(host, "MemorySwap"),
        resources.SWAPPINESS: _above(host, "MemorySwappiness"),  # 0 is what Podman records where nothing was asked for
        resources.RESERVATION: _above(host, "MemoryReservation"),
        resources.DISK_WEIGHT: _above(host, "BlkioWeight"),
        resources.OOM_KILL: "off" if host.get("OomKillDisable") else "",
        resources.OOM_SCORE: str(host.get("OomScoreAdj") or ""),
        resources.PARENT: str(host.get("CgroupParent") or ""),
        resources.SHM: "" if host.get("ShmSize") in USUAL_SHM else _above(host, "ShmSize"),
    }
    for key, name in DISKS.items():
        pairs = [(_disk(str(one["Path"]), machine), one["Rate"]) for one in host.get(key) or ()]
        found[name] = ", ".join(f"{number} {rate}" for number, rate in pairs if number is not None)
    return {name: text for name, text in found.items() if text}


def process_limits_of(host: Mapping[str, Any]) -> tuple[ProcessLimit, ...]:
    """The limits of its first process that a container was started with, as limits_of() has the others.

    Docker names them nofile, Podman RLIMIT_NOFILE; both have -1 for no limit.
    """
    found = [
        ProcessLimit(
            str(one["Name"]).lower().removeprefix("rlimit_"), int(one["Soft"]) % 2**64, int(one["Hard"]) % 2**64
        )
        for one in host.get("Ulimits") or ()
    ]
    return tuple(sorted(found))


def disks_gone(host: Mapping[str, Any], machine: Host = LOCAL_HOST) -> list[str]:
    """A note for each limit of the record on a disk that its machine no longer has: nobody can ask for it."""
    limited = [(name, str(one["Path"])) for key, name in DISKS.items() for one in host.get(key) or ()]
    return [
        f"its limit {name} is on {path}, which its machine no longer has: it is not measured"
        for name, path in limited
        if _disk(path, machine) is None
    ]


def _disk(path: str, machine: Host) -> str | None:
    """MAJOR:MINOR; None where nothing of that name is left."""
    try:
        number = machine.path(path).stat().st_rdev
    except OSError:
        return None
    return f"{os.major(number)}:{os.minor(number)}"


def _above(host: Mapping[str, Any], key: str) -> str:
    number = int(host.get(key) or 0)
    return str(number) if number > 0 else ""
