"""A mount made outside does not appear inside."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.boxes.host import LOCAL_HOST
from pytest_isolation.boxes.mount_table import Mount, parse
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.outside.objects.mounts import mounted_on_host
from pytest_isolation.outside.shared import places
from pytest_isolation.outside.shared.table import below, join

promise = guarantee(
    "mnt.no-leak-in",
    claim="what is mounted on the host, in whatever directory the box was handed, shows in no mount table of the box",
    sources=("man:mount_namespaces(7)",),
    severity=severity.learns("gets the file systems that the host mounts later"),
    falsified_by=weaken.drop("propagation"),
    kind="per-window",
    distinct="the other way: what the host does, a disk that somebody plugs in, not what the box does",
)


def _meeting(box: Box, pid: int) -> Iterator[str]:
    """Directories of the host where a mount is told to a mount of the box: they are in one peer group, or its slave.

    Not its root, nor a volume that an engine keeps: there nobody mounts but the engine, which lets its own mounts
    follow (moby, daemon/volumes_linux.go).
    """
    host, theirs = (parse(text_of(box.outside.path(f"/proc/{one}/mountinfo"))) for one in ("self", pid))
    groups = {group: ours for ours in host for group in _groups(ours, "shared")}
    for its in theirs:
        for group in [*_groups(its, "shared"), *_groups(its, "master")]:
            if (ours := groups.get(group)) is not None:
                place = join(ours.point, below(its.root, ours.root) or "")
                kept = places.in_store(place) and places.system(place) is None
                if its.point != "/" and not kept:
                    yield place


def _groups(mount: Mount, kind: str) -> list[str]:
    return [tag.partition(":")[2] for tag in mount.tags if tag.startswith(f"{kind}:")]


@promise
def test_mount_stays_outside(box: Box) -> None:
    """In a directory of ours, and in every one that the two tables say is connected."""
    pid = box.parts.init_pid
    if pid is None or not box.parts.shares_kernel:
        raise Unsupported("the box has a mount table of another kernel's: no mount of the host can show in it")
    if box.parts.host is not LOCAL_HOST:
        raise Unsupported("the box stands on another machine, where we mount nothing")
    for place in dict.fromkeys(["/var/tmp", *(one for one in _meeting(box, pid) if one != "/")]):
        with ExitStack() as undo:
            made = mounted_on_host(box, place, undo)
            if made is not None:
                table = text_of(box.outside.path(f"/proc/{pid}/mountinfo"))
                promise.require(os.path.basename(made) not in table, mounted=made)
