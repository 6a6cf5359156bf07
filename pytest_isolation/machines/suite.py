"""The suite itself inside a machine: its host side runs there, on pure control groups v2, with nothing to be hurt.

This installation, with the libraries it needs, goes on a disk of its own; the machine's Python runs it from there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import AgentLost, BoxError
from pytest_isolation.machines import carried, release
from pytest_isolation.machines.carried import PLACE, REPORTS
from pytest_isolation.machines.docker import DockerMachine, check, start
from pytest_isolation.machines.recipe import image, of_release
from pytest_isolation.technologies import program

if TYPE_CHECKING:
    from pytest_isolation.boxes.lifetime import Lifetime

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "PYTHONPATH": PLACE, "COLUMNS": "100"}
TIMEOUT_S = 3600.0


def run_inside(
    lifetime: Lifetime,
    arguments: Sequence[str],
    checks: Path,
    *,
    memory: int = 2048 * MIB,
    processors: int = 2,
    suite: str | None = None,
    timeout: float = TIMEOUT_S,
    say: Callable[[str], None],
    out: Callable[[str], None],
) -> int:
    """`pytest --isolation ARGUMENTS…` in a new machine; returns its exit status.

    `checks`: the directory of the built-in ones.  Reports that the arguments ask for are written here, where they say;
    until then the rows so far are in `carried.partial_of` a report.  `suite`: as for `start`.  `timeout`: of pytest, in
    seconds.  `out` is given what pytest prints, as it comes.  Raises what `start` and `disk` do, BoxError when the
    machine breaks.
    """
    check(memory, processors)
    own = disk(lifetime, checks, python_of(image(lifetime, of_release(suite), say)))
    with start(lifetime, memory=memory, processors=processors, suite=suite, disks=(own,), say=say) as machine:
        return run_in(machine, arguments, timeout=timeout, out=out)


def run_in(
    machine: DockerMachine, arguments: Sequence[str], *, timeout: float = TIMEOUT_S, out: Callable[[str], None]
) -> int:
    """The same in a machine that was started with the `disk` as its first further one."""
    words, reports = carried.reports_there(arguments, REPORTS)
    mount(machine)
    if (before := carried.since_asked(arguments)) is not None:
        machine.box.write_file(f"{REPORTS}/{carried.SINCE_THERE}", Path(before).read_bytes())
    line = ["/usr/bin/python3", "-m", "pytest", "--isolation", "-p", "no:cacheprovider", *carried.since_there(words)]
    partial = {os.fspath(carried.partial_of(Path(there))): carried.partial_of(here) for there, here in reports.items()}
    for here in partial.values():
        if before is None or not _same(here, Path(before)):
            here.unlink(missing_ok=True)  # an earlier run's, whose rows are not this one's
    try:
        status = machine.follow(
            line,
            env=ENVIRONMENT,
            directory=REPORTS,
            timeout=timeout,
            out=out,
            meanwhile=lambda: _fetch(machine, partial),
        )
    except (AgentLost, TimeoutError) as error:
        kept = next((f"; {carried.SINCE} {here} goes on from there" for here in partial.values() if here.exists()), "")
        raise BoxError(f"the run in the machine was lost: {error}{kept}") from None
    for there, here in reports.items():
        if machine.box.proc.faccessat(AT_FDCWD, there, os.R_OK).ok:
            here.write_bytes(machine.box.read_file(there))
            carried.partial_of(here).unlink(missing_ok=True)
    return status


def _fetch(machine: DockerMachine, partial: Mapping[str, Path]) -> None:
    """Have here what a run there has measured so far: a machine that is lost loses no more than that.

    Where that cannot be, the run there goes on: it has ended, or there is no room here.
    """
    for there, here in partial.items():
        if not machine.box.proc.faccessat(AT_FDCWD, there, os.R_OK).ok:
            continue
        try:
            text = machine.box.read_file(there)
        except AgentLost:
            raise
        except BoxError:
            continue
        with suppress(ValueError, OSError):  # a row was written meanwhile: the next time
            # What the run goes on from may lie there, and has more until the run has carried that over.
            if len(json.loads(text)["results"]) >= _rows(here):
                _replace(here, text)


def _replace(here: Path, text: bytes) -> None:
    """In one step.  Raises OSError, and leaves nothing beside it then."""
    new = here.with_name(f".{here.name}.new")
    try:
        new.write_bytes(text)
        new.replace(here)
    finally:
        new.unlink(missing_ok=True)


def _same(one: Path, other: Path) -> bool:
    return one.exists() and one.samefile(other)


def _rows(report: Path) -> int:
    """How many a partial report has that lies there; 0 without one."""
    try:
        return len(json.loads(report.read_bytes())["results"])
    except (OSError, ValueError, KeyError):
        return 0


def mount(machine: DockerMachine) -> None:
    """Have the suite at PLACE."""
    must_run(machine, ["mkdir", "-p", PLACE, REPORTS])
    if not machine.box.proc.faccessat(AT_FDCWD, f"{PLACE}/pytest", os.R_OK).ok:
        must_run(machine, ["mount", "-o", "ro", "/dev/vdb", PLACE])


def must_run(machine: DockerMachine, line: Sequence[str]) -> None:
    """Raises BoxError with what the program said."""
    if (done := machine.run(line)).code:
        raise BoxError(
            f"{line[0]} in the machine ended with status {done.code}: {done.stderr.decode(errors='replace')}"
        )


def python_of(disk: Path) -> tuple[int, int]:
    """The version of Debian's Python on a machine's disk.  Raises BoxError where debugfs(8) finds none."""
    line = [program.find("debugfs", "e2fsprogs"), "-R", "stat /usr/bin/python3", os.fspath(disk)]
    done = subprocess.run(line, capture_output=True, text=True, encoding="utf-8", errors="replace")
    told = re.search(r'Fast link dest: "(python\d+\.\d+)"', done.stdout)
    if told is None:
        said = (done.stderr or done.stdout).strip().splitlines() or ["nothing"]
        raise BoxError(f"{disk} has no link /usr/bin/python3; debugfs says: {said[-1]}")
    return release.python(told[1])


def disk(lifetime: Lifetime, checks: Path, python: tuple[int, int]) -> Path:
    """An ext4 image with this installation, for that Python, and the built-in checks; ends with the run.

    Raises Unavailable where its libraries cannot be had for that Python, BoxError when mke2fs(8) refuses.
    """
    directory = lifetime.new_directory("suite")
    tree = carried.tree(directory / "tree", checks, python)
    size = sum(path.stat().st_size + 4096 for path in tree.rglob("*") if path.is_file()) // MIB
    made = directory / "suite.ext4"
    line = [
        program.find("mke2fs", "e2fsprogs"),
        "-q",
        "-t",
        "ext4",
        "-d",
        os.fspath(tree),
        os.fspath(made),
        f"{size + 32}M",
    ]
    done = subprocess.run(line, capture_output=True, text=True, encoding="utf-8", errors="replace")
    if done.returncode:
        raise BoxError(f"the disk with the suite was not made: {done.stderr.strip()}")
    shutil.rmtree(tree)
    return made
