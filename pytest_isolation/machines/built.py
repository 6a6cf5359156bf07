"""What is built of Debian packages by mmdebstrap(1), once, and kept in the user's cache: a disk, a root."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import BoxError, Unavailable
from pytest_isolation.technologies.program import SBIN, which

if TYPE_CHECKING:
    from pytest_isolation.boxes.lifetime import Lifetime

Variant = Literal["minbase", "extract"]
LEFT_OUT = ("doc", "man", "info", "locale", "bash-completion")
"""Of /usr/share: nobody reads there."""


def cache() -> Path:
    """Where it is kept between runs: XDG_CACHE_HOME/pytest-isolation, readable by this user alone."""
    above = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = above / "pytest-isolation"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place


def once(
    place: Path,
    make: Callable[[], None],
    *,
    what: str,
    tools: Mapping[str, str],
    wanted_mib: int,
    packages: int,
    say: Callable[[str], None],
) -> Path:
    """`place`, which `make` makes unless it is there; of two runs that want it at once, one makes it.

    `what`: a noun; `tools`: program -> Debian's package of it; `wanted_mib`: room for the build.  Raises Unavailable
    without the tools or the room, and what `make` does.
    """
    if place.exists():
        return place
    if missing := sorted({package for program, package in tools.items() if which(program) is None}):
        remedy = f"apt install {' '.join(missing)}"
        raise Unavailable(f"{what} cannot be made: {', '.join(missing)} not installed", remedy)
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():  # another run may have made it while we waited
            free = shutil.disk_usage(place.parent).free // MIB
            if free < wanted_mib:
                raise Unavailable(
                    f"{place.parent} has {free} MiB free, and {what} needs {wanted_mib} while it is made",
                    "make room, or set XDG_CACHE_HOME",
                )
            many = "a Debian package" if packages == 1 else f"{packages} Debian packages"
            say(f"making {what}, {place}, from {many}; this takes some minutes, once")
            make()
    return place


@contextmanager
def whole(kept: Path, kind: Literal["directory", "file"], lifetime: Lifetime) -> Iterator[tuple[Path, Path]]:
    """Where to make it, and a directory for what the making needs: it becomes `kept` when the block ends well.

    Neither outlives the block, and a run that is killed leaves neither to later ones.
    """
    half = kept.with_name(f"{kept.name}.{os.getpid()}.half")
    lifetime.register(kind, os.fspath(half))
    directory = lifetime.new_directory("built")
    try:
        yield half, directory
        half.rename(kept)
    finally:
        if kind == "file":
            half.unlink(missing_ok=True)
        else:
            shutil.rmtree(half, ignore_errors=True)
        lifetime.remove_directory(directory)


def tree(suite: str, packages: Sequence[str], kept: Path, lifetime: Lifetime, *, variant: Variant = "minbase") -> None:
    """Have the files of a release's packages in the directory `kept`; a run that is killed leaves no half of it."""
    with whole(kept, "directory", lifetime) as (half, directory):
        bootstrap(suite, packages, ["--format=directory"], half, directory, variant=variant)


def bootstrap(
    suite: str,
    packages: Sequence[str],
    options: Sequence[str],
    target: Path,
    directory: Path,
    variant: Variant = "minbase",
) -> None:
    """Run mmdebstrap with the machine's own way to Debian's packages (its proxy, its keys).  Raises as `run` does.

    `variant`: of mmdebstrap(1); `extract` unpacks the packages and installs none.
    """
    line = ["mmdebstrap", f"--variant={variant}", f"--include={','.join(packages)}", "--aptopt=Acquire::Languages none"]
    # A snapshot of sid is out of date some days after it was taken, and no less signed.
    line.append('--aptopt=Acquire::Check-Valid-Until "false"')
    line += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT]
    by = []
    if os.geteuid() == 0:
        # In a PID namespace, so that apt and dpkg end with it.  Another user's mmdebstrap makes one itself.
        by = ["setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    run([*line, *options, suite, os.fspath(target)], directory, by=by)


def run(line: Sequence[str], directory: Path, good: Sequence[int] = (0,), by: Sequence[str] = ()) -> None:
    """Run a program that builds, started by the program `by`, with its temporary files in `directory`.

    Raises BoxError with its last twelve lines when it ends with another status than one of `good`.
    """
    # A user's PATH lacks what mmdebstrap, apt and dpkg call: ldconfig, start-stop-daemon, mke2fs.
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', os.defpath)}:{SBIN}"}
    if os.geteuid() == 0:
        # Another user's mmdebstrap works as a user of a range, who cannot enter a directory of ours.
        environment["TMPDIR"] = os.fspath(directory)
    done = subprocess.run(
        [*by, *line],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env=environment,
        start_new_session=True,  # mmdebstrap that fails sends SIGHUP to its whole process group
    )
    if done.returncode not in good:
        said = "\n".join(done.stdout.splitlines()[-12:])
        raise BoxError(f"{line[0]} ended with status {done.returncode}; its last lines:\n{said}")
