"""Audits of submissions: forty in one run of two processes, and one by itself."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from bench.runs import run
from bench.series import Series
from pytest_isolation.inception.alone import audit_alone
from pytest_isolation.inception.asked import AuditOptions
from tests.inception.mutants import BY_RULE
from tests.inception.mutants.defence import DEFENCE
from tests.inception.support import DAY, apply, git, reference

MANY = 40
WORKERS = 2


def audits(rounds: int) -> list[Series]:
    """The reference and 39 of its mutants, chosen evenly: most end the evaluation, as real ones do."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = submissions(folder)
        words = many(paths)
        together = []
        for _ in range(rounds):
            one = run(words, folder)
            if one.status != 1:
                raise RuntimeError(f"pytest on {MANY} submissions ended with {one.status}; expected 1: some must fail")
            together.append(one.wall_ms / 1e3)
        alone = []
        for path in paths[: max(5, rounds)]:
            started = time.perf_counter()
            audit_alone(path, AuditOptions(day=DAY), str(path))
            alone.append(time.perf_counter() - started)
    return [
        Series("audits", "s", together, {"submissions": str(MANY), "workers": str(WORKERS)}),
        Series("audit", "s", alone, {"submissions": "1"}),
    ]


def many(paths: list[Path]) -> list[str]:
    """The words of pytest's command line that audit these in one run of two processes."""
    asked = ["-q", "-n", str(WORKERS), "--inception-date", DAY.isoformat()]
    return [*asked, *(f"--inception={one}" for one in paths)]


def submissions(folder: Path) -> list[Path]:
    every = [*BY_RULE, *DEFENCE]
    chosen = [every[number * len(every) // (MANY - 1)] for number in range(MANY - 1)]
    original = reference(folder / "0")
    found = [original]
    for number, mutant in enumerate(chosen, 1):
        place = Path(shutil.copytree(original, folder / str(number), symlinks=True))
        apply(place, mutant.edits)
        git(place, "add", "-A")
        found.append(place)
    return found
