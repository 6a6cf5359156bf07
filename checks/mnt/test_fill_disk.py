"""What the box writes to its root takes no room on a disk of its machine's: not bytes, and not numbers of files."""

import os
import secrets
from contextlib import ExitStack, suppress
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, family, weaken
from pytest_isolation import severity as reach
from pytest_isolation.agent.client import Proc, Program, Reply
from pytest_isolation.agent.constants import AT, AT_FDCWD
from pytest_isolation.boxes.box import TMPFS_MAGIC
from pytest_isolation.boxes.mount_table import parse
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.outside.limits.stocks import Stock, risen
from pytest_isolation.outside.objects.mounts import place_in_root

IN_MEMORY = {"tmpfs", "ramfs", "devtmpfs", "overlay", "squashfs", "fuse", "nsfs", "proc", "sysfs"}
"""File systems that have no disk of their own, or are made of others."""

NO_ROOM = (0, ENOSPC, EDQUOT, EFBIG)
"""A refusal of any other kind is of the call: the disk is filled by write(2) as well, and files are made by open(2)."""


def _room(box: Box, what: str) -> tuple[int, int]:
    """How much of `what` is used, and there, on all disks of the machine: MiB, or files; statvfs(3)."""
    proc = box.outside.proc
    used = there = 0
    seen: set[str] = set()
    for mount in parse(text_of(box.outside.path("/proc/self/mountinfo"))):
        if mount.fstype in IN_MEMORY or mount.fstype.startswith(("cgroup", "fuse.")) or mount.device in seen:
            continue
        seen.add(mount.device)
        told = proc.statfs(mount.point).data
        if told:
            numbers = [int.from_bytes(told[at : at + 8], "little") for at in range(8, 56, 8)]
            size, blocks, free, _, files, left = numbers
            used += (blocks - free) * size if what == "bytes" else files - left
            there += blocks * size if what == "bytes" else files
    return (used // MIB, there // MIB) if what == "bytes" else (used, there)


def _made_in_memory(box: Box) -> bool:
    """Whether boxes are made in a tmpfs here, as in the root of another release: then none has room of a disk's."""
    if box.lifetime is None:
        return False
    return box.outside.proc.statfs(os.fspath(box.lifetime.directory)).data[:4] == TMPFS_MAGIC


def _place(box: Box, undo: ExitStack) -> str:
    """A directory of the box's root; written down first, as that may be the host's."""
    path = place_in_root(box, f"pytest-isolation-{secrets.token_hex(6)}")
    if box.lifetime is not None:
        box.parts.host.register_directory(box.lifetime, Path(path))
    undo.callback(box.proc.unlinkat, AT_FDCWD, path, AT.REMOVEDIR)
    return path


def _bytes(box: Box, proc: Proc, amount: int, undo: ExitStack) -> list[Reply]:
    """By fallocate(2), a MiB each: nothing is written, and the room is taken all the same."""
    path = _place(box, undo)
    made = proc.mkdirat(AT_FDCWD, path, 0o700)
    if not made.ok:
        return [made]
    file = f"{path}/full"
    undo.callback(box.proc.unlinkat, AT_FDCWD, file)
    program = Program(stop_on_error=True)
    fd = program.openat(AT_FDCWD, file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    steps = [program.fallocate(fd, 0, number * MIB, MIB) for number in range(amount)]
    replies = proc.run(program)
    with suppress(IndexError):
        proc.close(replies[fd].value)  # before it is unlinked: an open file keeps its room
    return [replies[step] for step in steps if replies.ran(step)] or [replies[fd]]


def _files(box: Box, proc: Proc, amount: int, undo: ExitStack) -> list[Reply]:
    path = _place(box, undo)
    made = proc.mkdirat(AT_FDCWD, path, 0o700)
    if not made.ok:
        return [made]
    names = [f"{path}/{number}" for number in range(amount)]
    undo.callback(_unlink, box, names)
    program = Program(stop_on_error=True)
    steps = [program.mknodat(AT_FDCWD, name, 0o100600) for name in names]
    replies = proc.run(program)
    return [replies[step] for step in steps if replies.ran(step)]


def _unlink(box: Box, names: list[str]) -> None:
    program = Program()
    for name in names:
        program.unlinkat(AT_FDCWD, name)
    box.proc.run(program)


SOURCES = (
    "man:statvfs(3)",
    "https://docs.docker.com/reference/cli/docker/container/run/#storage-opt",
    "kernel:filesystems/quota",
)
DISKS = (
    Stock(
        "disk", "MiB of disk", "fills the disk of everybody", _bytes, lambda box: _room(box, "bytes"), 32, 64,
        weaken.drop("own-kernel"), SOURCES, "a disk that is full stops all that write to it",
    ),
    Stock(
        "inodes", "files on its disks", "takes the files that a disk can have", _files,
        lambda box: _room(box, "files"), 300, 500, weaken.drop("own-kernel"), SOURCES,
        "a quota of bytes counts no empty files, and a disk that has no number left takes none",
    ),
)  # fmt: skip

kept = family(
    "mnt.{entry.slug}-not-used-up",
    over=DISKS,
    claim="the machine does not have fewer {entry.what} to give while a file of the box's root has some",
    sources=lambda entry: entry.sources,
    severity=lambda entry: reach.neighbour(entry.does),
    falsified_by=lambda entry: entry.hole,
    kind="per-window",
    intrusive=True,
    distinct="{entry.why}",
)


@kept
@given(data=st.data())
def test_disk_has_as_much_room(box: Box, promise: Guarantee, entry: Stock, data: st.DataObject) -> None:
    amount = data.draw(st.integers(entry.least, entry.most))
    replies, seen = risen(box, entry, amount)
    promise.tried(*replies[:1], vain=() if replies[0].errno in NO_ROOM else (replies[0].errno,))
    if not seen and _made_in_memory(box):
        promise.undecided("what this run makes its boxes of is in memory here, and takes nothing of a disk")
    promise.require(not seen, *replies[:1], taken=amount, seen=f"the disks' account moved with {seen}")
