"""Break the suite on purpose and see that a test notices.

    python dev/mutate.py [--number 10] [--seed 0] [ID ...]

Takes checks whose require() is turned into a no-op, and weakenings that are opened without
effect, each in a copy of the repository, and runs the falsifier tests of what was broken.  They
must pass before.  A mutation that survives is printed, and the exit status is 1.

With the IDs of guarantees those checks are taken, and no weakenings; else some of each by chance.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, os.fspath(ROOT))


def falsifier_tests(copy: Path, ids: list[str]) -> bool:
    """Whether the falsifier tests of these guarantees pass in the copy."""
    chosen = " or ".join(f"{one}-{opener(one)}" for one in ids)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/falsifiers", "-k", chosen]
    done = subprocess.run(
        command, cwd=copy, env=os.environ | {"PYTHONPATH": os.fspath(copy)}, capture_output=True, text=True
    )
    if done.returncode not in (0, 1):
        sys.exit(f"the falsifier tests could not run for {ids}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode == 0


@functools.cache
def opener(id: str) -> str | None:
    """The technology that starts quickest of those that can open what must break this guarantee, and run here."""
    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.errors import IsolationError
    from pytest_isolation.suite.collect import built_in_guarantees
    from pytest_isolation.technologies import names, technology

    holes = next(one.falsified_by for one in built_in_guarantees() if one.id == id)
    for name in sorted(names(), key=lambda name: technology(name).start_ms):
        with contextlib.suppress(IsolationError):
            if holes <= technology(name).weakenings():
                technology(name).check_available(BoxSpec(technology=name))
                return name
    return None


def without_require(check: Path) -> None:
    """The check still runs its calls, and asks for nothing."""
    text = check.read_text()
    changed = re.sub(r"\bpromise\.require\(", "(lambda *told, **seen: promise.require(True))(", text)
    assert changed != text, f"{check} has no promise.require("
    check.write_text(changed)


def without_effect(copy: Path, kind: str, what: str) -> None:
    """Boxes are started as if this hole had not been asked for."""
    spec = copy / "pytest_isolation/boxes/spec.py"
    text = spec.read_text()
    changed = text.replace(
        "self.weakenings | frozenset(holes))",
        f"self.weakenings | (frozenset(holes) - {{Weakening({kind!r}, {what!r})}}))",
    )
    assert changed != text, "BoxSpec.weakened() is not written as this script knows it"
    spec.write_text(changed)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ids", nargs="*", metavar="ID", help="guarantees to break, instead of some by chance")
    parser.add_argument("--number", type=int, default=10, help="how many of each")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()

    from pytest_isolation.suite.collect import built_in_guarantees

    promises = [one for one in built_in_guarantees() if opener(one.id)]
    holes = sorted({hole for one in promises for hole in one.falsified_by})
    choose = random.Random(asked.seed)
    survived = []
    if unknown := set(asked.ids) - {one.id for one in promises}:
        parser.error(f"{', '.join(sorted(unknown))}: no guarantee whose hole can be opened here")
    some = choose.sample(promises, min(asked.number, len(promises)))
    checks = [one for one in promises if one.id in asked.ids] if asked.ids else some
    opened = [] if asked.ids else choose.sample(holes, min(asked.number, len(holes)))
    needed = {one.id for one in promises if one in checks or one.falsified_by & set(opened)}
    if not falsifier_tests(ROOT, sorted(needed)):
        sys.exit("the falsifier tests fail before anything is broken; mend them first")
    for promise in checks:
        with tempfile.TemporaryDirectory() as place:
            copy = _copy(Path(place))
            without_require(copy / Path(promise.file).relative_to(ROOT))
            caught = not falsifier_tests(copy, [promise.id])
            print(f"{'caught ' if caught else 'SURVIVED'} require() of {promise.id}", flush=True)
            survived += [] if caught else [promise.id]
    for hole in opened:
        with tempfile.TemporaryDirectory() as place:
            copy = _copy(Path(place))
            without_effect(copy, hole.kind, hole.what)
            ids = [one.id for one in promises if hole in one.falsified_by]
            caught = not falsifier_tests(copy, ids)
            print(f"{'caught ' if caught else 'SURVIVED'} weakening {hole} ({', '.join(ids)})", flush=True)
            survived += [] if caught else [str(hole)]
    print(f"{len(survived)} survived")
    return 1 if survived else 0


def _copy(place: Path) -> Path:
    copy = place / "copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", ".tox", "__pycache__", "*.egg-info"))
    return copy


if __name__ == "__main__":
    sys.exit(main())
