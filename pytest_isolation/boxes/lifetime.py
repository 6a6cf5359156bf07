"""What a run started, and how it is removed, by this run or by a later one.

Everything that could outlive us is written down *before* it is made, in a directory of the run's
own that also holds a lock.  A run killed at any point leaves the directory; the next run, or
`--isolation-clean`, finds that its owner is gone and removes what is listed, newest first.

An owner is boot id, PID namespace, pid, start time and a held lock.  What cannot be proven to be
a dead run's is kept.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from pytest_isolation.boxes import cgroups
from pytest_isolation.errors import BoxError


def state_directory() -> Path:
    """Where runs of this user are written down: private, and the same for every run."""
    path = Path(tempfile.gettempdir()) / f"pytest-isolation-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise BoxError(
            f"{path} is not a directory that only you can use; somebody may have put it there. Remove it, or set TMPDIR"
        )
    return path


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _owner() -> dict[str, Any]:
    return {
        "boot": _boot_id(),
        "pid_namespace": os.readlink("/proc/self/ns/pid"),
        "pid": os.getpid(),
        "started": psutil.Process().create_time(),
    }


class Lifetime:
    """The register of one process of a run (a pytest-xdist worker has its own)."""

    def __init__(self, run_id: str | None = None) -> None:
        self.run_id = run_id or secrets.token_hex(6)
        self.directory = state_directory() / f"{self.run_id}-{os.getpid()}"
        self.directory.mkdir(mode=0o700)
        self._lock: IO[str] = (self.directory / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        (self.directory / "owner.json").write_text(json.dumps(_owner()))
        self._register = (self.directory / "register.jsonl").open("a")
        self._exit = ExitStack()
        self.kept: dict[str, Any] = {}
        """What technologies keep for the whole run, by a name of their own: an image that was imported once."""

    def at_end(self, undo: Callable[[], object]) -> None:
        """Call `undo` when the run ends, latest first."""
        self._exit.callback(undo)

    def register(self, kind: str, handle: str, **details: Any) -> None:
        """Write down what is about to be made, so that a later run can remove it.

        Kinds: `process` (pid:start), `cgroup`, `mount`, `file`, `directory`, and a technology's own as
        `technology:kind`, which its `clean` understands.
        """
        self._register.write(json.dumps({"kind": kind, "handle": handle, **details}) + "\n")
        self._register.flush()

    def new_directory(self, prefix: str) -> Path:
        """A directory of the run's own; removed with the run, or by `remove_directory`."""
        return Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=self.directory))

    def remove_directory(self, path: Path) -> None:
        """Remove a directory made by `new_directory`, never across a mount."""
        remove_tree(path)

    def new_group(self, name: str, limits: cgroups.Limits) -> cgroups.Group | None:
        """A control group for one box, under the run's own; None where this user may not make one."""
        path = f"pytest-isolation/{self.run_id}-{os.getpid()}/{name}-{secrets.token_hex(3)}"
        self.register("cgroup", path)
        return cgroups.create(path, limits)

    def close(self) -> None:
        """Forget the run.  Boxes must be closed before."""
        self._exit.close()
        cgroups.remove(f"pytest-isolation/{self.run_id}-{os.getpid()}")
        self._register.close()
        remove_tree(self.directory)
        self._lock.close()


def remove_tree(path: Path) -> None:
    """Remove `path`, unless something is mounted below it: what is mounted may be somebody's."""
    if not path.exists():
        return
    below = os.fsencode(path.resolve()) + b"/"
    for line in Path("/proc/self/mountinfo").read_bytes().splitlines():
        point = line.split(b" ")[4].replace(b"\\040", b" ")
        if (point + b"/").startswith(below):
            raise BoxError(f"{os.fsdecode(point)} is still mounted, so {path} is kept; unmount it and clean again")
    shutil.rmtree(path)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """One thing a dead run left: what it was and whether it is gone now."""

    run: str
    kind: str
    handle: str
    outcome: str
    """removed, absent, or kept: why."""


def dead_runs() -> Iterator[Path]:
    """Directories of runs whose owner is proven gone; their lock is held while the caller has each."""
    for directory in sorted(state_directory().iterdir()):
        try:
            owner = json.loads((directory / "owner.json").read_text())
            lock = (directory / "lock").open("r+")
        except (OSError, ValueError):
            continue
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if not _alive(owner):
                yield directory


def _alive(owner: dict[str, Any]) -> bool:
    """Whether the owner may still live; what we cannot tell counts as alive."""
    if owner.get("boot") != _boot_id():
        return False
    if owner.get("pid_namespace") != os.readlink("/proc/self/ns/pid"):
        return True
    try:
        return bool(abs(psutil.Process(owner["pid"]).create_time() - owner["started"]) < 0.5)
    except psutil.NoSuchProcess:
        return False


def clean() -> list[Cleaned]:
    """Remove what dead runs of this user left, newest first, and only that."""
    done = []
    for directory in dead_runs():
        lines = (
            (directory / "register.jsonl").read_text().splitlines() if (directory / "register.jsonl").exists() else []
        )
        rows = []
        for line in lines:
            with suppress(ValueError):  # the line being written when the run was killed
                rows.append(json.loads(line))
        results = [_undo(directory.name, row) for row in reversed(rows)]
        done += results
        if not any(result.outcome.startswith("kept") for result in results):
            cgroups.remove(f"pytest-isolation/{directory.name}")
            remove_tree(directory)
            done.append(Cleaned(directory.name, "directory", str(directory), "removed"))
    return done


def _undo(run: str, row: dict[str, Any]) -> Cleaned:
    kind, handle = str(row.get("kind")), str(row.get("handle"))
    try:
        match kind:
            case "process":
                gone = _kill(handle)
            case "cgroup":
                gone = cgroups.remove(handle)
            case "mount":
                gone = _unmount(handle)
            case "file":
                gone = Path(handle).exists()
                Path(handle).unlink(missing_ok=True)
            case "directory":
                gone = Path(handle).exists()
                remove_tree(Path(handle))
            case _:
                from pytest_isolation.technologies import technology

                gone = technology(kind.partition(":")[0]).clean(kind.partition(":")[2], handle)
    except Exception as error:  # one thing that resists must not keep the rest
        return Cleaned(run, kind, handle, f"kept: {error}")
    return Cleaned(run, kind, handle, "removed" if gone else "absent")


def _kill(handle: str) -> bool:
    """Kill `pid:start` if that very process still runs."""
    pid, _, started = handle.partition(":")
    try:
        process = psutil.Process(int(pid))
        if abs(process.create_time() - float(started)) > 0.5:
            return False
        process.kill()
        process.wait(5)
    except psutil.NoSuchProcess:
        return False
    return True


def _unmount(handle: str) -> bool:
    import subprocess

    if not any(line.split()[4] == handle for line in Path("/proc/self/mountinfo").read_text().splitlines()):
        return False
    subprocess.run(["umount", "-l", handle], check=True, capture_output=True)
    return True
