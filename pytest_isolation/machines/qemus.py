"""QEMU of another Debian release, on this kernel: its package and the libraries that it needs, in the user's cache.

Nothing of it is installed: the program is started by the release's own loader, with the release's own libraries.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.errors import BoxError, Unavailable
from pytest_isolation.machines import built, release
from pytest_isolation.technologies.qemu.emulator import BINARY, Emulator

if TYPE_CHECKING:
    from pytest_isolation.boxes.lifetime import Lifetime

PACKAGES = ("qemu-system-x86",)
TOOLS = {"mmdebstrap": "mmdebstrap", "setpriv": "util-linux", "unshare": "util-linux"}
"""Program -> Debian's package of it."""
WANTED_MIB = 1500
"""Room for the build."""
LIBRARIES = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")
LOADERS = ("usr/lib64/ld-linux-x86-64.so.2", "lib64/ld-linux-x86-64.so.2", f"{LIBRARIES[0]}/ld-linux-x86-64.so.2")
FIRMWARE = ("usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu")
MODULES = "usr/lib/x86_64-linux-gnu/qemu"
"""Below the tree: the loader's search path, itself, and what Debian's QEMU looks for at its own places."""


@dataclass(frozen=True, slots=True)
class Release:
    """Whose QEMU it is."""

    suite: str
    """One of release.SUITES."""
    version: int = 1
    """Another number: it is fetched anew."""

    @property
    def place(self) -> Path:
        """Where its files are, or will be."""
        key = hashlib.sha256(repr((self, PACKAGES)).encode()).hexdigest()[:16]
        return built.cache() / f"qemu-{self.suite}-{key}"


def fetched(suite: str, lifetime: Lifetime, say: Callable[[str], None]) -> Emulator:
    """The QEMU of a release; fetched now unless it is in the cache: a minute or two, and the network.

    Raises UsageError for another suite, Unavailable without the tools, the room or root, BoxError with what mmdebstrap
    said.
    """
    release.check(suite)
    kept = Release(suite).place
    if not kept.exists() and os.geteuid() != 0:
        # The tree is written as it is unpacked, with root's owners; another user reads it.
        remedy = f"run it once as root with XDG_CACHE_HOME={shlex.quote(os.fspath(kept.parent.parent))}"
        raise Unavailable(f"the QEMU of {suite} is not in {kept.parent}, and root alone fetches it", remedy)
    built.once(
        kept,
        lambda: built.tree(suite, PACKAGES, kept, lifetime, variant="extract"),
        what=f"the QEMU of {suite}",
        tools=TOOLS,
        wanted_mib=WANTED_MIB,
        packages=len(PACKAGES),
        say=say,
    )
    return in_tree(kept)


def kept() -> dict[str, Emulator]:
    """Those that are in the cache: suite -> QEMU."""
    return {suite: in_tree(place) for suite in release.SUITES if (place := Release(suite).place).exists()}


def in_tree(tree: Path) -> Emulator:
    """The QEMU whose package and libraries are below `tree`.  Raises BoxError."""
    loader = next((tree / name for name in LOADERS if (tree / name).is_file()), None)
    program = tree / "usr/bin" / BINARY
    if loader is None or not program.is_file():
        lacks = program if loader is not None else "a loader (ld-linux-x86-64.so.2)"
        raise BoxError(f"{tree} has no {lacks}; remove the directory, and it is fetched anew")
    libraries = ":".join(os.fspath(tree / name) for name in LIBRARIES)
    return Emulator(
        (os.fspath(loader), "--library-path", libraries, os.fspath(program)),
        tuple(word for name in FIRMWARE for word in ("-L", os.fspath(tree / name))),
        (f"QEMU_MODULE_DIR={tree / MODULES}",),
    )
