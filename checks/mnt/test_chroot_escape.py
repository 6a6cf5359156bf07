"""A second chroot(2) does not lead out of the first."""

import os

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.strategies import tokens

promise = guarantee(
    "mnt.chroot-escape-blocked",
    claim="chroot into a directory, walk up, chroot again: no file of the host is there",
    sources=("man:chroot(2)", "man:pivot_root(2)"),
    falsified_by=weaken.drop("pivot"),
)


@promise
@given(depth=st.integers(2, 30), name=tokens())
def test_double_chroot_stays_inside(box: Box, depth: int, name: str) -> None:
    with box.outside.directory() as directory, box.spawn() as proc:
        (directory / name).write_bytes(b"")
        inside = f"{box.scratch}/{name}"
        told = [
            proc.mkdirat(-100, inside, 0o700),
            proc.chroot(inside),
            proc.chdir("../" * depth),
            proc.chroot("."),
        ]
        seen = proc.faccessat(-100, os.path.join(directory, name), os.F_OK)
        box.proc.unlinkat(-100, inside, 0x200)
        promise.require(not seen.ok, *told, seen)
