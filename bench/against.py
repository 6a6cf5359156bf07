"""Whole runs of this tree and of another commit, in turn, so that both meet the same machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.audits import MANY, many, submissions
from bench.runs import run
from bench.series import Series
from bench.sides import available

LISTED = (
    "import json; from pytest_isolation.suite.collect import built_in_guarantees as all;"
    " print(json.dumps({one.id: one.claim for one in all()}))"
)


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
        subprocess.run([python, "-m", "pip", "install", "-q", "-c", versions, source, "pytest-xdist"], check=True)
        yield python


def suite(rounds: int, ref: str, boxes: Sequence[str], options: Sequence[str] = ()) -> list[Series]:
    """`pytest --isolation --box X` here and at `ref`: the guarantees that both have; which side is first, changes.

    `suite.ratio` is the time here over the time there, of each pair.  `suite.processor`: processor time of the run and
    its processes, which a busy machine changes less; not of a daemon.  `suite.memory`: the most that all processes of
    the run had together.  `load`: of the machine, just before each run.  `options`: for the runs here alone.
    """
    here = Path(sys.executable)
    with built(ref) as there, tempfile.TemporaryDirectory() as name:
        ours, theirs = _claims(here, name), _claims(there, name)
        both = sorted(ours.keys() & theirs.keys())
        changed = [one for one in both if ours[one] != theirs[one]]
        print(
            f"compared: the {len(both)} guarantees that both have, of {len(ours)} here and {len(theirs)} at {ref}; "
            f"{len(changed)} of them have another claim here than there",
            flush=True,
        )
        found: list[Series] = []
        for box in boxes or available():
            for python in (here, there):  # the first writes byte code
                run(["-q", "--isolation", "--box", "host", "--isolation-only", both[0]], Path(name), python)
            words = ["-q", "-p", "no:cacheprovider", "--isolation", "--box", box, "--isolation-only", ",".join(both)]
            found += _pairs(rounds, box, {"here": (here, [*words, *options]), ref: (there, words)}, Path(name), ref)
    return found


def _pairs(rounds: int, box: str, sides: dict[str, tuple[Path, list[str]]], folder: Path, ref: str) -> Iterator[Series]:
    """So many runs of each side, in turn.  Raises RuntimeError where one did not come to its end."""
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    processor: dict[str, list[float]] = {side: [] for side in sides}
    memory: dict[str, list[float]] = {side: [] for side in sides}
    load: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(rounds):
        order = list(sides) if number % 2 else list(reversed(sides))
        for side in order:
            python, words = sides[side]
            load[side].append(os.getloadavg()[0])
            one = run(words, folder, python, memory=True)
            if one.status not in (0, 1):
                raise RuntimeError(f"pytest --isolation --box {box} of {python} ended with {one.status}")
            seconds[side].append(one.wall_ms / 1e3)
            processor[side].append(one.processor_ms / 1e3)
            memory[side].append(one.memory_mib)
        ours, theirs = seconds["here"][-1], seconds[ref][-1]
        print(
            f"suite of {box}, {number + 1} of {rounds}: {ours:.1f} s here (load before: {load['here'][-1]:.1f}), "
            f"{theirs:.1f} s at {ref} (load before: {load[ref][-1]:.1f}): {ours / theirs:.2f}",
            flush=True,
        )
    for side in sides:
        of = {"box": box, "at": side}
        yield Series("suite", "s", seconds[side], of)
        yield Series("suite.processor", "s", processor[side], of)
        yield Series("suite.memory", "MiB", memory[side], of)
        yield Series("load", "", load[side], of)
    ratios_of = {"suite.ratio": seconds, "suite.processor.ratio": processor, "suite.memory.ratio": memory}
    for metric, values in ratios_of.items():
        ratios = [ours / theirs for ours, theirs in zip(values["here"], values[ref], strict=True)]
        yield Series(metric, "x", ratios, {"box": box, "against": ref})


def audits(rounds: int, ref: str) -> list[Series]:
    """Forty submissions with `-n 2` here and at `ref`, in turn: both audit the same files.

    `audits.ratio` is the time here over the time there, of each pair; `audits.processor.ratio` that of the processor.
    Here there may be more rules than there: both are asked for all that they have.
    """
    with built(ref) as there, tempfile.TemporaryDirectory() as name:
        words = many(submissions(Path(name)))
        sides = {"here": Path(sys.executable), ref: there}
        for python in sides.values():  # the first writes byte code
            run(words, Path(name), python)
        wall: dict[str, list[float]] = {side: [] for side in sides}
        processor: dict[str, list[float]] = {side: [] for side in sides}
        for number in range(rounds):
            for side in list(sides) if number % 2 else list(reversed(sides)):
                one = run(words, Path(name), sides[side])
                if one.status != 1:
                    raise RuntimeError(f"{side} on {MANY} submissions ended with {one.status}; expected 1")
                wall[side].append(one.wall_ms / 1e3)
                processor[side].append(one.processor_ms / 1e3)
    found = [
        series
        for side in sides
        for series in (
            Series("audits", "s", wall[side], {"submissions": str(MANY), "at": side}),
            Series("audits.processor", "s", processor[side], {"submissions": str(MANY), "at": side}),
        )
    ]
    for metric, values in {"audits.ratio": wall, "audits.processor.ratio": processor}.items():
        ratios = [ours / theirs for ours, theirs in zip(values["here"], values[ref], strict=True)]
        found.append(Series(metric, "x", ratios, {"submissions": str(MANY), "against": ref}))
    return found


def _claims(python: Path, folder: str) -> dict[str, str]:
    """The built-in guarantees of the package that `python` has: their claims, by id."""
    done = subprocess.run([python, "-c", LISTED], cwd=folder, check=True, capture_output=True, text=True)
    claims: dict[str, str] = json.loads(done.stdout)
    return claims
