"""The disk of a machine: Debian packages and nothing else, made once by mmdebstrap(1) and kept in the user's cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import BoxError, Unavailable

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
LEFT_OUT = ("doc", "man", "info", "locale", "bash-completion")
"""Of /usr/share: nobody reads there."""
SIZE = 8192 * MIB
"""Of the disk; the file takes what is written to it."""
WANTED_MIB = 1500
"""Room for the build: the tree, its archive and the image at once."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is on the disk."""

    suite: str = "bookworm"
    packages: tuple[str, ...] = (
        "docker.io", "tini", "iptables", "iproute2", "kmod", "procps", "ca-certificates",
        "runc", "crun", "bubblewrap", "python3", "docker-compose", "make", "openssl",
    )  # fmt: skip
    version: int = 1
    """Another number: the disk is made anew."""

    @property
    def key(self) -> str:
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]

    def command(self, target: Path) -> list[str]:
        """mmdebstrap's, with the machine's own way to Debian's packages (its proxy, its keys)."""
        line = ["mmdebstrap", "--variant=minbase", f"--include={','.join(self.packages)}", "--format=ext2"]
        line += ["--aptopt=Acquire::Languages none"]
        line += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT]
        line += ['--customize-hook=: >"$1/etc/resolv.conf"', '--customize-hook=echo machine >"$1/etc/hostname"']
        return [*line, self.suite, os.fspath(target)]


def cache() -> Path:
    """Where disks are kept between runs: XDG_CACHE_HOME/pytest-isolation, readable by this user alone."""
    above = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = above / "pytest-isolation"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place


def place_of(recipe: Recipe) -> Path:
    """Where the disk of `recipe` is, or will be."""
    return cache() / f"machine-{recipe.key}.ext4"


def check_can_build() -> None:
    """Raises Unavailable when a tool is missing."""
    missing = sorted({package for program, package in TOOLS.items() if shutil.which(program) is None})
    if missing:
        raise Unavailable(
            f"a machine's disk cannot be made: {', '.join(missing)} not installed", f"apt install {' '.join(missing)}"
        )


def image(lifetime: Lifetime, recipe: Recipe | None = None, say: Callable[[str], None] = lambda _: None) -> Path:
    """The disk of `recipe`, an ext4 file system without a partition; made now unless it is in the cache.

    Takes some minutes and the network when it is made.  Raises Unavailable without the tools, BoxError with what
    mmdebstrap said.
    """
    recipe = recipe or Recipe()
    kept = place_of(recipe)
    if kept.is_file():
        return kept
    check_can_build()
    with alone(kept):
        if not kept.is_file():  # another run may have made it while we waited
            say(f"making the disk {kept} from {len(recipe.packages)} Debian packages; this takes some minutes, once")
            _make(recipe, kept, lifetime)
    return kept


@contextmanager
def alone(kept: Path) -> Iterator[None]:
    """Wait until no other run makes `kept`, and keep others waiting for as long as the block."""
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(recipe: Recipe, kept: Path, lifetime: Lifetime) -> None:
    free = shutil.disk_usage(kept.parent).free // MIB
    if free < WANTED_MIB:
        raise Unavailable(
            f"{kept.parent} has {free} MiB free, and a machine's disk needs {WANTED_MIB} while it is made",
            "make room, or set XDG_CACHE_HOME",
        )
    half = kept.with_suffix(f".{os.getpid()}.ext2")
    lifetime.register("file", os.fspath(half))
    directory = lifetime.new_directory("disk")
    try:
        run(recipe.command(half), directory, by=dying_with_us())
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
            run([*line, os.fspath(half)], directory, good=(0, 1) if line[0] == "e2fsck" else (0,))
        half.rename(kept)
    finally:
        half.unlink(missing_ok=True)
        lifetime.remove_directory(directory)


def dying_with_us() -> list[str]:
    """What to start mmdebstrap by.

    As root: in a PID namespace, so that apt and dpkg end with it.  Another user's mmdebstrap makes one itself.
    """
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]


def run(line: list[str], directory: Path, good: tuple[int, ...] = (0,), by: Sequence[str] = ()) -> None:
    """Run a program that makes a disk or a root, started by the program `by`, its temporary files in `directory`.

    Raises BoxError with its last twelve lines when it ends with another status than one of `good`.
    """
    environment = dict(os.environ)
    if os.geteuid() == 0:
        # Another user's mmdebstrap works as a user of a range, who cannot enter a directory of ours.
        environment["TMPDIR"] = os.fspath(directory)
    done = subprocess.run(
        [*by, *line],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        start_new_session=True,  # mmdebstrap that fails sends SIGHUP to its whole process group
    )
    if done.returncode not in good:
        said = "\n".join(done.stdout.splitlines()[-12:])
        raise BoxError(f"{line[0]} ended with status {done.returncode}; its last lines:\n{said}")
