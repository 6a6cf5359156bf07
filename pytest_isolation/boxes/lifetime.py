"""The register of what a run started, from which this run removes it, or a later one (technologies/clean.py).

Everything that could outlive us is written down *before* it is made, in a directory of the run's
own that also holds a lock.  A run killed at any point leaves the directory; the next run, or
`--isolation-clean`, finds that its owner is gone and removes what is listed, newest first.

An owner is boot id, PID namespace, pid, start time and a held lock.  What cannot be proven to be
a dead run's is kept.

A run's directory is made, locked and signed under one lock of all runs.  Whoever holds that lock
and meets a directory without a signature knows that its maker died half-way, and registered nothing.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import platform
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from pytest_isolation.boxes import cgroups, making_groups
from pytest_isolation.boxes.mount_table import parse
from pytest_isolation.boxes.procfs import stat_of, text_of
from pytest_isolation.errors import BoxError, UsageError, in_one_line

RUN = re.compile(r"[0-9a-f]+-[0-9]+")
"""The name of a run's directory."""


def state_directory() -> Path:
    """Where runs of this user are written down: private, and the same for every run.  Raises BoxError."""
    _check_proc()
    with _told("keep its register of runs in the temporary directory"):
        path = Path(tempfile.gettempdir()) / f"pytest-isolation-{os.getuid()}"
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise BoxError(
            f"{path} is not a directory that only you can use; somebody may have put it there. Remove it, or set TMPDIR"
        )
    return path


def _check_proc() -> None:
    """Whose processes live, and whose boxes are whose, is read there."""
    try:
        shown = os.readlink("/proc/self")
    except OSError as error:
        shown = f"nothing ({error.strerror})"
    if shown != str(os.getpid()):
        raise BoxError(
            f"/proc is not of this PID namespace: it says {shown} of this process, which is {os.getpid()}. "
            "Mount one: mount -t proc proc /proc, or unshare --mount-proc"
        )


ROOM = 4 << 20
"""Bytes of the temporary directory below which no run is begun: registers, trees of boxes, what Hypothesis keeps."""


def check_room() -> None:
    """Raises UsageError where a run could not keep what it has to write: now, and not in the middle of a row."""
    path = state_directory()
    found = os.statvfs(path)
    if found.f_bavail * found.f_frsize < ROOM or (found.f_files and not found.f_favail):
        raise UsageError(
            f"the temporary directory {tempfile.gettempdir()} has no room: {found.f_bavail * found.f_frsize >> 10} KiB "
            f"are free, expected {ROOM >> 20} MiB. Set TMPDIR to a directory with room"
        )
    with _told("write to its register of runs"), tempfile.TemporaryFile(dir=path) as file:
        file.write(b"\0" * 4096)


@contextmanager
def _told(what: str) -> Iterator[None]:
    """What the disk refuses, in words: without a register nothing is started."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise BoxError(
            f"pytest-isolation could not {what}: {error.strerror}{where}. "
            "Set TMPDIR to a directory that you can write to and that has room"
        ) from error


def boot_id() -> str:
    """Of the running kernel: another after each boot (random(4))."""
    return text_of(Path("/proc/sys/kernel/random/boot_id")).strip()


def machine() -> str:
    """Tells two machines that share a temporary directory apart."""
    with suppress(OSError):
        return f"{platform.node()} {text_of(Path('/etc/machine-id')).strip()}"
    return platform.node()


def started(pid: int) -> int | None:
    """When a process started, in clock ticks since the boot (no change of the clock moves it); None when it ended.

    Source: man:proc_pid_stat(5), fields 3 and 22.
    """
    try:
        fields = stat_of(Path(f"/proc/{pid}"))
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _owner() -> dict[str, Any]:
    return {
        "boot": boot_id(),
        "machine": machine(),
        "pid_namespace": os.readlink("/proc/self/ns/pid"),
        "pid": os.getpid(),
        "started": started(os.getpid()),
    }


@contextmanager
def lock_of_all_runs() -> Iterator[Path]:
    """Held for the moments in which a run's directory is made, or judged."""
    top = state_directory()
    with (top / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield top


class Lifetime:
    """The register of one process of a run (a pytest-xdist worker has its own)."""

    def __init__(self, run_id: str | None = None) -> None:
        """Raises BoxError where no register can be kept."""
        self.run_id = run_id or secrets.token_hex(6)
        self._exit = ExitStack()
        self._groups: set[str] = set()
        self.resisted: list[str] = []
        """What could not be removed, and why: the register stays, and a later clean-up removes what it lists."""
        self.kept: dict[str, Any] = {}
        """What technologies keep for the whole run, by a name of their own: an image that was imported once."""
        with _told("begin a register"), lock_of_all_runs() as top:
            self.directory = top / f"{self.run_id}-{os.getpid()}"
            self.directory.mkdir(mode=0o700)
            with ExitStack() as undo:
                undo.callback(shutil.rmtree, self.directory, ignore_errors=True)
                self._lock: IO[str] = undo.enter_context((self.directory / "lock").open("w"))
                fcntl.flock(self._lock, fcntl.LOCK_EX)
                self._register: IO[bytes] = undo.enter_context(
                    (self.directory / "register.jsonl").open("ab", buffering=0)
                )
                (self.directory / "owner.json").write_text(json.dumps(_owner()), encoding="utf-8")
                undo.pop_all()

    def at_end(self, undo: Callable[[], object]) -> None:
        """Call `undo` when the run ends, latest first."""
        self._exit.callback(undo)

    def register(self, kind: str, handle: str, **details: Any) -> None:
        """Write down what is about to be made, so that a later run can remove it.

        Kinds: `process` (pid:start, see `started`), `cgroup`, `mount`, `file`, `directory`, `ipc` (see objects.py), and
        a technology's own as `technology:kind`, which its `clean` understands.  Raises BoxError when it cannot be
        written: then it must not be made.
        """
        line = json.dumps({"kind": kind, "handle": handle, **details})
        with _told(f"write down the {kind} it was about to make, so it was not made"):
            # Between line ends: a line that was cut short by a full disk spoils no other.
            written = self._register.write(data := f"\n{line}\n".encode())
            if written < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def resists(self, what: str) -> None:
        """Remember that something of this run could not be removed: `what` says which, and why."""
        if what not in self.resisted:
            self.resisted.append(what)

    def new_directory(self, prefix: str) -> Path:
        """A directory of the run's own; removed with the run, or by `remove_directory`."""
        with _told("make a directory"):
            return Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=self.directory))

    def remove_directory(self, path: Path) -> None:
        """Remove a directory made by `new_directory`, never across a mount."""
        remove_tree(path)

    def new_group(self, name: str, limits: cgroups.Limits, *, within: str | None = None) -> cgroups.Group | None:
        """A control group for one box, under the run's own; None where this user may not make one.

        `within`: a group that this user was given, where it is to be instead of in the root.
        """
        runs = "/".join(filter(None, (within, cgroups.TOP, f"{self.run_id}-{os.getpid()}")))
        if runs not in self._groups:
            # Before what is in it, and so removed after it.
            self.register("cgroup", runs)
            self._groups.add(runs)
        path = f"{runs}/{name}-{secrets.token_hex(3)}"
        self.register("cgroup", path)
        return making_groups.create(path, limits)

    def close(self) -> None:
        """Forget the run, unless something resisted.  Boxes must be closed before.  The lock is the last to go."""
        with ExitStack() as undo:
            undo.callback(self._lock.close)
            undo.callback(self._forget)
            undo.callback(self._register.close)
            for runs in self._groups:
                undo.callback(self._try, cgroups.remove, runs)
            undo.callback(self._try, self._exit.close)

    def leave(self) -> None:
        """In a process that was forked off: this register is not its own, and its lock none that it holds."""
        self._lock.close()
        self._register.close()

    def _try(self, undo: Callable[..., object], *arguments: object) -> None:
        try:
            undo(*arguments)
        except Exception as error:  # one thing that resists must not keep the rest
            self.resists(in_one_line(error))

    def _forget(self) -> None:
        if not self.resisted:
            self._try(forget, self.directory)


def mount_points() -> list[str]:
    """Where something is mounted now, oldest first: paths, and so as the locale decodes them."""
    return [mount.point for mount in parse(os.fsdecode(Path("/proc/self/mountinfo").read_bytes()))]


def forget(directory: Path) -> None:
    """Remove a run's directory.  Half of one must not be met: it would look like one that was just begun."""
    with lock_of_all_runs():
        remove_tree(directory)


def remove_tree(path: Path) -> None:
    """Remove `path`, unless something is mounted below it: what is mounted may be somebody's."""
    if not path.exists():
        return
    below = os.fspath(path.resolve()) + "/"
    for point in mount_points():
        if f"{point}/".startswith(below):
            raise BoxError(f"{point} is still mounted, so {path} is kept; unmount it and clean again")
    shutil.rmtree(path)
