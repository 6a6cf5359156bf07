"""Whole runs of pytest: what the plugin costs one that does not want it, and how long a full one takes."""

from __future__ import annotations

import os
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

    The sum of their proportional shares (Pss of proc_pid_smaps_rollup(5)): a page that a fork shares counts once.
    """
    program, total, waiting = "", 0, [pid]
    while waiting:
        base = Path("/proc", str(waiting.pop()))
        with suppress(OSError):  # it has ended meanwhile
            runs = os.readlink(base / "exe")
            program = program or runs
            if runs == program:
                for line in (base / "smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1])
            for task in (base / "task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
    return total / 1024


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
