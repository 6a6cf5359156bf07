"""The disk of a machine: Debian packages and nothing else, made once by mmdebstrap(1) and kept in the user's cache."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.boxes.spec import MIB
from pytest_isolation.machines import apparmor, built, release

if TYPE_CHECKING:
    from pytest_isolation.boxes.lifetime import Lifetime

TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "genext2fs": "genext2fs",
    "resize2fs": "e2fsprogs",
    "tune2fs": "e2fsprogs",
    "unshare": "util-linux",
}
"""Program -> Debian's package of it."""
SIZE = 8192 * MIB
"""Of the disk; the file takes what is written to it."""
DISK = "a machine's disk"
WANTED_MIB = 3000
"""Room for the build: the tree, its archive and the image at once."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is on the disk."""

    suite: str = "bookworm"
    packages: tuple[str, ...] = (
        "docker.io", "tini", "iptables", "iproute2", "kmod", "procps", "ca-certificates",
        "runc", "crun", "bubblewrap", "python3", "docker-compose", "make", "openssl", apparmor.PACKAGE,
    )  # fmt: skip
    version: int = 1
    """Another number: the disk is made anew."""

    @property
    def key(self) -> str:
        """Names the disk: another recipe has another key."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


def of_release(suite: str | None) -> Recipe:
    """With all engines of a release, as a root has them; of None, Docker's.  Raises UsageError for another suite."""
    if suite is None:
        return Recipe()
    return Recipe(suite=suite, packages=(*release.packages(suite), apparmor.PACKAGE))


def place_of(recipe: Recipe) -> Path:
    """Where the disk of `recipe` is, or will be."""
    return built.cache() / f"machine-{recipe.key}.ext4"


def image(lifetime: Lifetime, recipe: Recipe | None = None, say: Callable[[str], None] = lambda _: None) -> Path:
    """The disk of `recipe`, an ext4 file system without a partition; made now unless it is in the cache.

    Takes some minutes and the network when it is made.  Raises Unavailable without the tools or the room, BoxError with
    what mmdebstrap said.
    """
    recipe = recipe or Recipe()
    kept = place_of(recipe)
    return built.once(
        kept,
        lambda: _make(recipe, kept, lifetime),
        what=DISK,
        tools=TOOLS,
        wanted_mib=WANTED_MIB,
        packages=len(recipe.packages),
        say=say,
    )


def _make(recipe: Recipe, kept: Path, lifetime: Lifetime) -> None:
    options = ["--format=ext2"]
    options += ['--customize-hook=: >"$1/etc/resolv.conf"', '--customize-hook=echo machine >"$1/etc/hostname"']
    with built.whole(kept, "file", lifetime) as (half, directory):
        built.bootstrap(recipe.suite, recipe.packages, options, half, directory)
        # genext2fs makes the oldest kind there is: overlay2 needs the types of files in their directories, and a
        # file's times need inodes with room for their nanoseconds.
        for line in (
            ["tune2fs", "-O", "filetype,extents,dir_index,sparse_super"],
            ["e2fsck", "-fyD"],
            ["tune2fs", "-I", "256"],
            ["e2fsck", "-fy"],
            ["resize2fs"],
            ["tune2fs", "-j", "-c", "0"],
        ):
            if line == ["resize2fs"]:
                os.truncate(half, SIZE)
            # e2fsck's 1: it mended something.
            built.run([*line, os.fspath(half)], directory, good=(0, 1) if line[0] == "e2fsck" else (0,))
