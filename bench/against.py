"""Whole runs of this tree beside those of another commit, in turn, so that both meet the same machine."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.runs import run
from bench.series import Series
from bench.sides import available

IDS = "from pytest_isolation.suite.collect import built_in_guarantees as all; print(*(one.id for one in all()))"


@contextmanager
def built(ref: str) -> Iterator[Path]:
    """The Python of an environment with the package as it was at `ref`, and dependencies of the versions here.

    Raises CalledProcessError where there is no such commit, or it cannot be built.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        source, environment = Path(name, "source"), Path(name, "environment")
        source.mkdir()
        archive = subprocess.run(["git", "archive", ref], check=True, capture_output=True).stdout
        subprocess.run(["tar", "x", "-C", source], input=archive, check=True)
        frozen = subprocess.run(
            [sys.executable, "-m", "pip", "freeze", "--exclude-editable", "--exclude", "pytest-isolation"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        (versions := Path(name, "versions")).write_text(frozen)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        python = environment / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", "-c", versions, source], check=True)
        yield python


def suite(rounds: int, ref: str, boxes: Sequence[str]) -> list[Series]:
    """`pytest --isolation --box X` here and at `ref`: the guarantees that both have; who is first, changes.

    `suite.ratio` is time here over time there, of each pair; `suite.memory` the most that the run itself had.
    """
    here = Path(sys.executable)
    with built(ref) as there, tempfile.TemporaryDirectory() as name:
        both = set(_ids(here, name)) & set(_ids(there, name))
        print(f"{len(both)} guarantees, here and at {ref}", flush=True)
        found = []
        for box in boxes or available():
            words = ["-q", "-p", "no:cacheprovider", "--isolation", "--box", box]
            words += ["--isolation-only", ",".join(sorted(both))]
            seconds: dict[Path, list[float]] = {here: [], there: []}
            memory: dict[Path, list[float]] = {here: [], there: []}
            for python in (here, there):  # the first writes byte code
                run(["-q", "--isolation", "--box", "host", "--isolation-only", "pid.init-is-one"], Path(name), python)
            for number in range(rounds):
                for python in (here, there) if number % 2 else (there, here):
                    one = run(words, Path(name), python)
                    if one.status not in (0, 1):
                        raise RuntimeError(f"pytest --isolation --box {box} of {python} ended with {one.status}")
                    seconds[python].append(one.wall_ms / 1e3)
                    memory[python].append(one.memory_mib)
                ours, theirs = seconds[here][-1], seconds[there][-1]
                print(f"suite on {box}: {ours:.1f} s, {theirs:.1f} s at {ref}: {ours / theirs:.2f}", flush=True)
            for python, side in ((here, "here"), (there, ref)):
                found.append(Series("suite", "s", seconds[python], {"box": box, "at": side}))
                found.append(Series("suite.memory", "MiB", memory[python], {"box": box, "at": side}))
            ratios = [ours / theirs for ours, theirs in zip(seconds[here], seconds[there], strict=True)]
            found.append(Series("suite.ratio", "x", ratios, {"box": box, "against": ref}))
    return found


def _ids(python: Path, folder: str) -> list[str]:
    done = subprocess.run([python, "-c", IDS], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.split()
