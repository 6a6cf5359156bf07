"""Whole runs of pytest: what the plugin costs one that does not want it, and how long a full one takes."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from bench.series import Series
from bench.sides import available

LOOK_S = 0.5
"""Between two looks at the memory of a run."""
KCMP = {"x86_64": 312, "aarch64": 272}
KCMP_VM = 1
"""kcmp(2), its number, and what it is to compare."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A run of pytest: `memory_mib` is the most that its Python processes had together, as far as was looked at.

    `processor_ms`: of the run and of what it has waited for, not of a daemon's work.
    """

    wall_ms: float
    processor_ms: float
    memory_mib: float
    status: int


def run(arguments: list[str], folder: Path, python: Path | str = sys.executable, *, memory: bool = False) -> Ended:
    """Run pytest; byte code is kept, as it is for everybody: else each run compiles all of what it imports.

    With `memory` it is looked at twice a second, else `memory_mib` is 0.
    """
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    process = subprocess.Popen(
        [python, "-m", "pytest", *arguments], cwd=folder, env=environment, stdout=subprocess.DEVNULL
    )
    most, ended = 0.0, Event()
    watch = Thread(target=lambda: None)
    if memory:

        def look() -> None:
            nonlocal most
            while not ended.wait(LOOK_S):
                most = max(most, together(process.pid))

        watch = Thread(target=look)
    watch.start()
    try:
        _, status, used = os.wait4(process.pid, 0)
    finally:
        ended.set()
        watch.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = (time.perf_counter() - started) * 1e3
    return Ended(wall, (used.ru_utime + used.ru_stime) * 1e3, most, process.returncode)


def together(pid: int) -> float:
    """MiB that a process and those of its descendants that run the same program have now.

    The sum of their proportional shares (Pss of proc_pid_smaps_rollup(5)): a page that a fork shares counts once.  A
    child between vfork(2) and execve(2) has its parent's memory whole, and is left out.
    """
    program, total, waiting = "", 0, [(pid, 0)]
    while waiting:
        one, parent = waiting.pop()
        base = Path("/proc", str(one))
        with suppress(OSError):  # it has ended meanwhile
            runs = os.readlink(base / "exe")
            program = program or runs
            if runs == program and not (parent and same_memory(one, parent)):
                for line in (base / "smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1])
            for task in (base / "task").iterdir():
                waiting += [(int(child), one) for child in (task / "children").read_text().split()]
    return total / 1024


def same_memory(one: int, other: int) -> bool:
    """Whether two tasks have one address space; False where the kernel does not say (kcmp(2) is a build option)."""
    number = KCMP.get(platform.machine())
    return number is not None and ctypes.CDLL(None).syscall(number, one, other, KCMP_VM, 0, 0) == 0


def plugin(rounds: int) -> list[Series]:
    """A run of one empty test with the plugin and without it, in turn: the differences of each pair."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_nothing.py").write_text("def test_nothing():\n    pass\n")
        common = ["-q", "-p", "no:cacheprovider"]
        pairs = []
        for number in range(rounds + 1):
            sides = [
                (one.wall_ms, one.processor_ms)
                for one in (run(common, folder), run([*common, "-p", "no:isolation"], folder))
            ]
            if number:  # the first writes byte code
                pairs.append(sides)
    found = []
    for index, kind in enumerate(("wall", "processor")):
        dimensions = {"time": kind}
        found += [
            Series("pytest.with-plugin", "ms", [pair[0][index] for pair in pairs], dimensions),
            Series("pytest.without-plugin", "ms", [pair[1][index] for pair in pairs], dimensions),
            Series("plugin.cost", "ms", [pair[0][index] - pair[1][index] for pair in pairs], dimensions),
        ]
    return found


def suite(rounds: int) -> list[Series]:
    """`pytest --isolation --box X`, all guarantees, controls included."""
    found = []
    for box in available():
        seconds = []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as name:
                one = run(["-q", "--isolation", "--box", box], Path(name))
                if one.status not in (0, 1):
                    raise RuntimeError(f"pytest --isolation --box {box} ended with {one.status}")
                seconds.append(one.wall_ms / 1e3)
                print(f"suite on {box}: {seconds[-1]:.1f} s", flush=True)
        found.append(Series("suite", "s", seconds, {"box": box}))
    return found
