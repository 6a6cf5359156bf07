"""The host's fingerprint: what we own or could have made, to compare before and after.

Minus what drifts by itself: processes that were there before and end, other people's files.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.mount_table import parse
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.errors import Unavailable
from pytest_isolation.technologies.docker import daemon
from pytest_isolation.technologies.podman.engine import is_of_a_store

Fingerprint = dict[str, frozenset[str]]

SETTLE_S = 15.0
"""Daemons free namespaces, veth pairs and control groups some time after a box is gone."""


def fingerprint() -> Fingerprint:
    """Kind -> the things of that kind there are now, as text."""
    return {kind: frozenset(read()) for kind, read in _READERS.items()}


def differences(before: Fingerprint, after: Fingerprint) -> list[str]:
    """One line for each thing that came or went; empty when the host is as it was."""
    lines = []
    for kind in before:
        lines += [f"{kind}: {thing} was left behind" for thing in sorted(after[kind] - before[kind])]
        if kind not in _MAY_END:
            lines += [f"{kind}: {thing} is gone" for thing in sorted(before[kind] - after[kind])]
    return lines


def settled_differences(before: Fingerprint, *, seconds: float = SETTLE_S) -> list[str]:
    """The differences that remain after `seconds`, or none as soon as there are none."""
    deadline = time.monotonic() + seconds
    while (lines := differences(before, fingerprint())) and time.monotonic() < deadline:
        time.sleep(0.2)
    return lines


def _processes() -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            # Kernel threads come and go as the kernel likes; they have no command line.
            if process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {process.create_time()} {process.name()}")
        except psutil.Error:
            continue
    return found


def _mounts() -> list[str]:
    """Without Podman's of its store: any command of it, whoever's, makes that one, and any that fails leaves it."""
    mounts = parse(text_of(Path("/proc/self/mountinfo")))
    return [f"{one.root} {one.point}" for one in mounts if not is_of_a_store(one.point)]


def _links() -> list[str]:
    return [name for _, name in socket.if_nameindex()]


def _routes() -> list[str]:
    lines = text_of(Path("/proc/net/route")).splitlines()[1:]
    return [" ".join(line.split()[:4]) for line in lines] + _addresses()


def _addresses() -> list[str]:
    return [f"{name} {one.address}" for name, every in psutil.net_if_addrs().items() for one in every]


def _groups() -> list[str]:
    return [os.fspath(place) for root in set(cgroups.hierarchies().values()) for place in cgroups.tree(root)]


def _handed_down() -> list[str]:
    """Which controllers the groups of v2 hand to those below them."""
    root = cgroups.hierarchies().get("unified")
    found = []
    for place in cgroups.tree(root) if root is not None else ():
        with suppress(OSError):
            told = text_of(place / "cgroup.subtree_control")
            found.append(f"{place}: {told.strip()}")
    return found


def _sysctls() -> list[str]:
    found = []
    for top in ("kernel", "net", "fs", "vm", "user"):
        for folder, _, names in os.walk(f"/proc/sys/{top}"):  # a link's may go while we look
            for path in (Path(folder, name) for name in names):
                if any(part in _DRIFTING for part in path.parts):
                    continue
                with suppress(OSError):
                    found.append(f"{path} = {text_of(path).strip()}")
    return found


def _netns() -> list[str]:
    return os.listdir("/run/netns") if os.path.isdir("/run/netns") else []


def _loops() -> list[str]:
    """Each with its file: loop devices are in no namespace, and whose one is can be seen by that alone."""
    found = []
    for path in Path("/sys/block").glob("loop*/loop/backing_file"):
        with suppress(OSError):  # it was detached while we looked
            backing = text_of(path).strip()
            found.append(f"{path.parent.parent.name} of {backing}")
    return found


def _modules() -> list[str]:
    listed = Path("/proc/modules")
    return [line.split()[0] for line in text_of(listed).splitlines()] if listed.exists() else []


def _files() -> list[str]:
    places = [Path("/tmp"), Path("/dev/shm"), Path("/dev/mqueue"), Path("/var/tmp"), Path("/run"), Path("/mnt")]
    return [os.fspath(found) for place in places if place.is_dir() for found in place.iterdir()]


def _docker() -> list[str]:
    import docker

    try:
        client = daemon.client(timeout=10)
        found = [f"container {one.id}" for one in client.containers.list(all=True)]
        found += [f"image {one.id}" for one in client.images.list()]
        found += [f"volume {one.id}" for one in client.volumes.list()]
        found += [f"network {one.id}" for one in client.networks.list()]
        client.close()
    except (Unavailable, docker.errors.DockerException, OSError):
        return []
    return found


def _ipc() -> list[str]:
    return [
        f"{kind} {line.split()[0]} {line.split()[1]}"
        for kind in ("shm", "sem", "msg")
        for line in text_of(Path("/proc/sysvipc", kind)).splitlines()[1:]
    ]


_READERS: dict[str, Callable[[], list[str]]] = {
    "process": _processes,
    "mount": _mounts,
    "link": _links,
    "route or address": _routes,
    "control group": _groups,
    "controllers handed down by": _handed_down,
    "module": _modules,
    "sysctl": _sysctls,
    "network namespace": _netns,
    "loop device": _loops,
    "file": _files,
    "docker": _docker,
    "System V object": _ipc,
}

_MAY_END = frozenset({"process", "file"})

_DRIFTING = frozenset(
    [
        "random",
        "file-nr",
        "inode-nr",
        "inode-state",
        "dentry-state",
        "aio-nr",
        "pty",
        "quota",  # counters of what disk quotas did
        "nr",
        "ns_last_pid",
        "sched_domain",
        "neigh",
        "nf_conntrack_count",
        "stat_refresh",
        "compact_memory",
        "drop_caches",
        "route",
        "flush",
        "epoll",
        "keys-limits",
        "nf_conntrack_buckets",
    ]
)
