"""A second chroot(2) does not lead out of the first."""

import os

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.shortcuts import read
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
        told = [
            proc.chroot(box.directories[which % len(box.directories)]),
            proc.chdir("../" * depth),
            proc.chroot("."),
        ]
        promise.tried(told[0])
        seen, named = read(proc, os.path.join(directory, name)), proc.faccessat(-100, directory / name, os.F_OK)
        if named.ok and not seen.ok:
            # Landlock is of this kind: it hides contents, not names.
            promise.remark("the name of a file of the host is found there; to read it is refused")
        promise.held("refused" if named.ok or not told[0].ok else "absent")
        promise.require(contents not in seen.data, *told, seen)
