"""Whole runs of pytest: what the plugin costs one that does not want it, and how long a full one takes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.series import Series
from bench.sides import available


@dataclass(frozen=True, slots=True)
class Ended:
    """A run of pytest: `memory_mib` is the most that one process of it had (getrusage(2), ru_maxrss)."""

    wall_ms: float
    processor_ms: float
    memory_mib: float
    status: int


def run(arguments: list[str], folder: Path, python: Path | str = sys.executable) -> Ended:
    """Run pytest; byte code is kept, as it is for everybody: else each run compiles all of what it imports."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    process = subprocess.Popen(
        [python, "-m", "pytest", *arguments], cwd=folder, env=environment, stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = (time.perf_counter() - started) * 1e3
    return Ended(wall, (used.ru_utime + used.ru_stime) * 1e3, used.ru_maxrss / 1024, process.returncode)


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
