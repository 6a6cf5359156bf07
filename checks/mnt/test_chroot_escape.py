"""A second chroot(2) does not lead out of the first."""

import os

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.client import Proc
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.shortcuts import read
from pytest_isolation.outside.objects.mounts import STATX_MNT_ID
from pytest_isolation.strategies import tokens

promise = guarantee(
    "mnt.chroot-escape-blocked",
    claim="chroot into a directory, walk up, chroot again: no file of the host can be read there",
    sources=("man:chroot(2)", "man:pivot_root(2)", "man:landlock(7)"),
    severity=severity.host("walks out of its root to the host's files"),
    falsified_by=weaken.drop("pivot"),
)


@promise
@given(depth=st.integers(2, 30), which=st.integers(0, 30), name=tokens())
def test_double_chroot_stays_inside(box: Box, depth: int, which: int, name: str) -> None:
    if not box.directories:
        promise.undecided("the box has no directory below its root")
    with box.outside.directory() as directory, box.spawn() as proc:
        (directory / name).write_bytes(contents := f"in {name}".encode())
        shown = contents in read(proc, os.path.join(directory, name)).data
        root = _root(proc)
        told = [
            proc.chroot(box.directories[which % len(box.directories)]),
            proc.chdir("../" * depth),
            proc.chroot("."),
        ]
        promise.tried(told[0])
        seen, named = read(proc, os.path.join(directory, name)), proc.faccessat(AT_FDCWD, directory / name, os.F_OK)
        if named.ok and not seen.ok:
            # Landlock is of this kind: it hides contents, not names.
            promise.remark("the name of a file of the host is found there; to read it is refused")
        # A box may be shown the host's files in a root of its own: who comes to that root has left nothing.
        told_apart = root, _root(proc), _root(box.outside.proc)
        if shown and contents in seen.data and None in told_apart:
            promise.undecided("the box is shown that file anyway, and statx(2) does not tell one root from another")
        left = not shown or _left(*told_apart)
        promise.held("refused" if named.ok or not told[0].ok else "absent")
        promise.require(not left or contents not in seen.data, *told, seen)


def _left(before: bytes | None, after: bytes | None, hosts: bytes | None) -> bool:
    return after != before or before == hosts


def _root(proc: Proc) -> bytes | None:
    """Which directory the process's root is: mount, device and inode, as statx(2) has them.

    None where that is refused, or has no number of the mount: before Linux 5.8.
    """
    reply = proc.statx(AT_FDCWD, "/")
    data = reply.data
    if not reply.ok or not int.from_bytes(data[:4], "little") & STATX_MNT_ID:
        return None
    return data[32:40] + data[136:152]
