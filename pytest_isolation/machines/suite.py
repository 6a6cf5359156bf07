"""The suite itself inside a machine: its host side runs there, on pure control groups v2, with nothing to be hurt.

This installation, with the libraries it needs, goes on a disk of its own; the machine's Python runs it from there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import BoxError, Unavailable
from pytest_isolation.machines import carried
from pytest_isolation.machines.docker import DockerMachine, start

if TYPE_CHECKING:
    from pytest_isolation.boxes.lifetime import Lifetime

PYTHON = (3, 11)
"""The machine's, Debian bookworm's: compiled libraries are for one version alone."""
PLACE, REPORTS = "/opt/suite/site-packages", "/root/reports"
"""By that name Hypothesis knows what is installed.  All else it would parse for constants: minutes, on TCG."""
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "PYTHONPATH": PLACE, "COLUMNS": "100"}
TIMEOUT_S = 3600.0


def check_can_carry() -> None:
    """Raises Unavailable when this interpreter's libraries would not run in the machine."""
    if sys.version_info[:2] != PYTHON or sys.implementation.name != "cpython":
        wanted = ".".join(map(str, PYTHON))
        raise Unavailable(
            f"the machine has CPython {wanted}, and the libraries here are for {sys.implementation.name} "
            f"{sys.version_info[0]}.{sys.version_info[1]}",
            f"install pytest-isolation for Python {wanted} and run it with that",
        )


def run_inside(
    lifetime: Lifetime,
    arguments: Sequence[str],
    checks: Path,
    *,
    memory: int = 2048 * MIB,
    processors: int = 2,
    timeout: float = TIMEOUT_S,
    say: Callable[[str], None],
    out: Callable[[str], None],
) -> int:
    """`pytest --isolation ARGUMENTS…` in a new machine; returns its exit status.

    `checks`: the directory of the built-in ones.  Reports that the arguments ask for are written here, where they say.
    `out` is given what pytest prints, as it comes.  Raises what `start` does, Unavailable for another Python, BoxError
    when the machine breaks.
    """
    carried = disk(lifetime, checks)
    with start(lifetime, memory=memory, processors=processors, disks=(carried,), say=say) as machine:
        return run_in(machine, arguments, timeout=timeout, out=out)


def run_in(
    machine: DockerMachine, arguments: Sequence[str], *, timeout: float = TIMEOUT_S, out: Callable[[str], None]
) -> int:
    """The same in a machine that was started with the `disk` as its first further one."""
    words, reports = carried.reports_there(arguments, REPORTS)
    mount(machine)
    line = ["/usr/bin/python3", "-m", "pytest", "--isolation", "-p", "no:cacheprovider", *words]
    status = machine.follow(line, env=ENVIRONMENT, directory=REPORTS, timeout=timeout, out=out)
    for there, here in reports.items():
        if machine.box.proc.faccessat(AT_FDCWD, there, os.R_OK).ok:
            here.write_bytes(machine.box.read_file(there))
    return status


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


def disk(lifetime: Lifetime, checks: Path) -> Path:
    """An ext4 image with this installation and the built-in checks; ends with the run.

    Raises Unavailable for another Python than the machine's, BoxError when mke2fs(8) refuses.
    """
    check_can_carry()
    directory = lifetime.new_directory("suite")
    tree = carried.tree(directory / "tree", checks)
    size = sum(path.stat().st_size + 4096 for path in tree.rglob("*") if path.is_file()) // MIB
    made = directory / "suite.ext4"
    line = ["mke2fs", "-q", "-t", "ext4", "-d", os.fspath(tree), os.fspath(made), f"{size + 32}M"]
    done = subprocess.run(line, capture_output=True, text=True, encoding="utf-8", errors="replace")
    if done.returncode:
        raise BoxError(f"the disk with the suite was not made: {done.stderr.strip()}")
    shutil.rmtree(tree)
    return made
