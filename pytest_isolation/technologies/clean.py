"""Removes what dead runs of this user left: what is in their registers (boxes/lifetime.py), newest first."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import subprocess
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.lifetime import (
    RUN,
    boot_id,
    forget,
    lock_of_all_runs,
    machine,
    mount_points,
    remove_tree,
    started,
    state_directory,
)
from pytest_isolation.boxes.objects import remove as remove_object
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.errors import BoxError
from pytest_isolation.technologies import undo

OF_THIS_BOOT = ("process", "mount", "cgroup", "ipc")
"""Kinds that a reboot ends: a thing that has their name after it is somebody else's."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """One thing a dead run left: what it was and whether it is gone now."""

    run: str
    kind: str
    handle: str
    outcome: str
    """removed, absent, forgotten, or kept: why."""

    @property
    def daemon(self) -> str:
        """The address of the daemon that has it; "" where it is no daemon's, or the usual one's."""
        return self.handle.partition(" ")[2] if ":" in self.kind else ""


@contextmanager
def _locked(directory: Path) -> Iterator[bool]:
    """Whether nobody holds the run's lock; if so, we do, for as long as the block."""
    try:
        lock = (directory / "lock").open("r+")
    except FileNotFoundError:
        yield directory.exists()  # the run that made the directory died before it made the lock
        return
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another clean-up may have removed it while we opened it.
            free = os.stat(directory / "lock").st_ino == os.fstat(lock.fileno()).st_ino
        except (BlockingIOError, FileNotFoundError):
            free = False
        yield free


@dataclass(frozen=True, slots=True)
class DeadRun:
    """A run that ended without removing what it had made."""

    directory: Path
    boot: str | None
    """The boot it lived in; None when it died before it registered anything."""


@contextmanager
def _dead_run(directory: Path) -> Iterator[DeadRun | None]:
    """The run of `directory`, locked, if it is proven dead."""
    with ExitStack() as held:
        with lock_of_all_runs():
            free = held.enter_context(_locked(directory))
            owner = _read_owner(directory) if free else None
        if not free:
            yield None
        elif owner is None:
            yield DeadRun(directory, None)
        else:
            yield None if _alive(owner) else DeadRun(directory, str(owner.get("boot")))


def _read_owner(directory: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(text_of(directory / "owner.json"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _alive(owner: dict[str, Any]) -> bool:
    """Whether the owner may still live; what we cannot tell counts as alive."""
    if owner.get("boot") != boot_id():
        return owner.get("machine") != machine()
    if owner.get("pid_namespace") != os.readlink("/proc/self/ns/pid"):
        return True
    return bool(started(int(owner["pid"])) == owner["started"])


def clean(forgotten: Collection[str] = ()) -> list[Cleaned]:
    """Remove what dead runs of this user left, newest first, and only that.  Raises BoxError without a register.

    `forgotten`: addresses of daemons that are gone for good: what cannot be removed there is not kept in mind.
    """
    done = []
    for directory in sorted(path for path in state_directory().iterdir() if RUN.fullmatch(path.name)):
        with _dead_run(directory) as dead:
            if dead is not None:
                done += _clean_up(dead, forgotten)
    return done


def _clean_up(dead: DeadRun, forgotten: Collection[str]) -> list[Cleaned]:
    name = dead.directory.name
    results = [
        Cleaned(name, row["kind"], row["handle"], "absent")
        if row["kind"] in OF_THIS_BOOT and dead.boot != boot_id()
        else remove(name, row["kind"], row["handle"])
        for row in reversed(rows_of(dead.directory / "register.jsonl"))
    ]
    results = [
        replace(one, outcome="forgotten")
        if one.outcome.startswith("kept") and one.daemon in set(forgotten) - {""}
        else one
        for one in results
    ]
    if not any(result.outcome.startswith("kept") for result in results):
        try:
            forget(dead.directory)
            results.append(Cleaned(name, "directory", str(dead.directory), "removed"))
        except (OSError, BoxError) as error:
            results.append(Cleaned(name, "directory", str(dead.directory), f"kept: {error}"))
    return results


def rows_of(register: Path) -> list[dict[str, str]]:
    """What was registered, oldest first; what is no whole line was never made."""
    rows = []
    with suppress(FileNotFoundError):
        for line in register.read_text(errors="replace", encoding="utf-8").splitlines():
            with suppress(ValueError, KeyError, TypeError):
                row = json.loads(line)
                rows.append({"kind": str(row["kind"]), "handle": str(row["handle"])})
    return rows


def remove(run: str, kind: str, handle: str) -> Cleaned:
    """One thing of a dead run, and what became of it: `kind` and `handle` are its register's."""
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
            case "ipc":
                gone = remove_object(handle)
            case _:
                gone = undo(kind, handle)
    except Exception as error:  # one thing that resists must not keep the rest
        return Cleaned(run, kind, handle, f"kept: {error}")
    return Cleaned(run, kind, handle, "removed" if gone else "absent")


def _kill(handle: str) -> bool:
    """Kill `pid:start` (see `started`) if that very process still runs."""
    pid, _, start = handle.partition(":")
    try:
        # Held by a descriptor: between the look and the signal the number cannot become another's.
        process = os.pidfd_open(int(pid))
    except ProcessLookupError:
        return False
    try:
        if started(int(pid)) != int(start):
            return False
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, signal.SIGKILL)
        if not select.select([process], [], [], 5)[0]:
            raise BoxError(f"process {pid} does not end")
    finally:
        os.close(process)
    return True


def _unmount(handle: str) -> bool:
    """Every mount on that place: one may lie on another."""
    found = False
    for _ in range(mount_points().count(handle)):
        found = True
        subprocess.run(["umount", "-l", handle], check=True, capture_output=True)
    return found
