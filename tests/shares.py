"""Which of the long tests a run has, and how long each file is expected to take.

`@pytest.mark.long` says that a test proves what CI need not prove anew each time. A run without paths, as CI's, has
one of SHARES shares of the long tests, drawn by the commit; a run of named paths, or with `--long=all`, has all.

    python -m tests.shares RESULTS.xml      writes data/seconds.json from a run's `--junitxml=RESULTS.xml`
"""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

SHARES = 8
"""The last hexadecimal digit of a seed is then enough to see which share it draws."""
TABLE = Path(__file__).parent / "data" / "seconds.json"
UNKNOWN_S = 1.0
"""Of a test in a file that was never timed."""


@dataclass(frozen=True)
class Long:
    """A long test: its node id, what it is one of several of ("" where it stands alone), and about how long it is."""

    id: str
    one_of: str = ""
    seconds: float = UNKNOWN_S


def share_of(seed: str) -> int:
    """The share that a seed draws, from 0. Raises ValueError unless the seed is a hexadecimal number: a commit's."""
    return int(seed, 16) % SHARES


def drawn(tests: Iterable[Long], share: int, shares: int = SHARES) -> set[str]:
    """The ids that belong to this share.

    Of several of one kind each share has its part, and at least one; those that stand alone are dealt out so that
    the shares take about equally long. Each test is in a share.
    """
    kinds: dict[str, list[str]] = defaultdict(list)
    alone: list[Long] = []
    for test in tests:
        if test.one_of:
            kinds[test.one_of].append(test.id)
        else:
            alone.append(test)
    found = set()
    for kind, ids in kinds.items():
        turn = (share + crc32(kind.encode())) % shares  # else one share had all that come first
        found |= set(sorted(ids)[turn::shares] or [sorted(ids)[turn % len(ids)]])
    loads = [0.0] * shares
    for test in sorted(alone, key=lambda test: (-test.seconds, test.id)):
        lightest = loads.index(min(loads))
        loads[lightest] += test.seconds
        if lightest == share:
            found.add(test.id)
    return found


def seed_of_commit() -> str:
    """The commit's name, so that each commit has its share and a checkout always the same; "0" outside of Git."""
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    except OSError:
        return "0"
    return done.stdout.strip() or "0"


def expected(files: Iterable[str]) -> dict[str, float]:
    """File -> seconds of one of its tests, as timed last."""
    table = json.loads(TABLE.read_text()) if TABLE.exists() else {}
    return {file: table.get(file, UNKNOWN_S) for file in files}


def main(results: str) -> None:
    seconds: dict[str, list[float]] = defaultdict(list)
    for case in ElementTree.parse(results).getroot().iter("testcase"):
        seconds[case.get("classname", "").replace(".", "/") + ".py"].append(float(case.get("time", "0")))
    known = json.loads(TABLE.read_text()) if TABLE.exists() else {}
    known |= {file: round(sum(each) / len(each), 1) for file, each in seconds.items() if sum(each) > 5}
    TABLE.write_text(json.dumps(dict(sorted(known.items())), indent=0) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
