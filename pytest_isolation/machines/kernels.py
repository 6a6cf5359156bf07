"""The kernel of a Debian release, with its modules: unpacked from its packages, and installed nowhere."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pytest_isolation.errors import BoxError
from pytest_isolation.machines import built, release

if TYPE_CHECKING:
    from pytest_isolation.boxes.lifetime import Lifetime

PACKAGE = "linux-image-cloud-amd64"
"""The release's newest.  What it needs brings the modules, which Debian 14 has in packages of their own."""
WITH_9P = "linux-image-amd64"
"""The cloud kernels know no 9p."""
KEPT = (("boot",), ("lib", "modules"), ("usr", "lib", "modules"))
"""Of all that is unpacked."""
TOOLS = {"mmdebstrap": "mmdebstrap"}
WANTED_MIB = 1500
"""Room for the packages, the archive of what is in them, and the kernel."""
VERSION = 1
"""Another number: the kernel is unpacked anew."""


def place_of(suite: str, package: str = PACKAGE) -> Path:
    """The directory where the kernel of a release is, or will be."""
    key = hashlib.sha256(repr((suite, package, VERSION)).encode()).hexdigest()[:16]
    return built.cache() / f"kernel-{suite}-{key}"


def image(suite: str, lifetime: Lifetime, say: Callable[[str], None], package: str = PACKAGE) -> Path:
    """The kernel image of a release, its modules in the same tree; unpacked now unless it is in the cache.

    Takes a minute and the network then.  Raises UsageError for another suite, Unavailable without mmdebstrap or the
    room, BoxError with what mmdebstrap said.
    """
    release.check(suite)
    kept = place_of(suite, package)
    built.once(
        kept,
        lambda: _make(suite, package, kept, lifetime),
        what="a kernel",
        tools=TOOLS,
        wanted_mib=WANTED_MIB,
        packages=1,
        say=say,
    )
    return in_tree(kept)


def in_tree(tree: Path) -> Path:
    """The image in a tree of unpacked packages: in /boot, or since Debian 14 with its modules.  Raises BoxError."""
    found = sorted([*tree.glob("boot/vmlinuz-*"), *tree.glob("usr/lib/modules/*/vmlinuz")])
    if not found:
        raise BoxError(f"{tree} has no kernel, boot/vmlinuz-* or usr/lib/modules/*/vmlinuz; remove that directory")
    return found[-1]


def _make(suite: str, package: str, kept: Path, lifetime: Lifetime) -> None:
    with built.whole(kept, "directory", lifetime) as (half, directory):
        archive = directory / "kernel.tar"
        # As an archive: a directory that another user's mmdebstrap makes belongs to users of a range.
        built.bootstrap(suite, (package,), ["--format=tar"], archive, directory, variant="extract")
        unpack(archive, half)
        in_tree(half)


def unpack(archive: Path, target: Path) -> None:
    """The files of an archive that are a kernel's, as files of this user's, in the new directory `target`."""
    target.mkdir()
    with tarfile.open(archive) as packed:
        for member in packed:
            parts = tuple(part for part in PurePosixPath(member.name).parts if part != ".")
            if not member.isfile() or ".." in parts or not any(parts[: len(one)] == one for one in KEPT):
                continue
            file = packed.extractfile(member)
            assert file is not None  # of a file there is one
            path = target.joinpath(*parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as copy:
                shutil.copyfileobj(file, copy)
