"""What LXC knows of a container, and what it leaves: asked for by name and container path, as its own commands do."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

from pytest_isolation.boxes.lifetime import remove_tree, state_directory
from pytest_isolation.boxes.procfs import stat_of
from pytest_isolation.errors import BoxError
from pytest_isolation.technologies import launcher, program


def ask(command: str, place: Path | str, name: str, *arguments: str) -> str:
    """What an LXC program says of a container; raises BoxError with its words when it fails."""
    done = _run(command, place, name, *arguments)
    if done.returncode:
        raise BoxError(f"{' '.join(done.args)}: {' '.join(done.stderr.split())}")
    return done.stdout


def _run(command: str, place: Path | str, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [program.find(command, "lxc"), "-P", os.fspath(place), "-n", name, *arguments]
    env = environ()
    return program.ended(argv, timeout=60, env=env)


def environ() -> dict[str, str]:
    """What LXC's programs have.  A user's locks are where XDG_RUNTIME_DIR says, root's are in /run."""
    return {"PATH": launcher.PATH, "HOME": "/", "XDG_RUNTIME_DIR": os.fspath(state_directory())}


def runs(place: str, name: str) -> bool:
    """Whether a container answers by that name; LXC knows ours, which have no file it looks for, while they run."""
    done = _run("lxc-info", place, name, "-sH")
    return done.returncode == 0 and done.stdout.strip() != "STOPPED"


def _locks(place: Path) -> Path:
    """Where LXC keeps a lock for each container of this path; it removes none."""
    return _lock_tree() / "lock" / os.fspath(place).lstrip("/")


def _lock_tree() -> Path:
    return (Path("/run") if os.geteuid() == 0 else state_directory()) / "lxc"


def hold_locks(place: Path) -> None:
    """Make the directory of this container path's locks: what is not empty no other run takes away."""
    path = _locks(place)
    for _ in range(100):
        with suppress(FileNotFoundError):  # an empty parent was taken away meanwhile
            path.mkdir(parents=True, exist_ok=True)
            return
    raise BoxError(f"{path} cannot be made: its parents go away again and again")


def forget_locks(place: Path) -> bool:
    """Remove the locks of a container path, and what LXC made above them as far as it is empty."""
    locks = _locks(place)
    there = locks.is_dir()
    remove_tree(locks)
    for above in locks.parents:
        if _lock_tree() not in (above, *above.parents):
            break
        try:
            above.rmdir()
        except OSError:
            break
    return there


def descends(pid: int | None, ancestor: int) -> bool:
    """Whether `ancestor` is `pid` or above it."""
    while pid not in (None, 0, 1):
        if pid == ancestor:
            return True
        fields = stat_of(Path(f"/proc/{pid}"))
        pid = int(fields[1])
    return False
