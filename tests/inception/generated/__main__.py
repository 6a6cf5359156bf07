"""Audits generated submissions, and compares what the audit says with what is true of them.

python -m tests.inception.generated [NUMBER [SEED]] [--show N]      2000 and 0 without arguments, two processes
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tests.inception.generated.judged import Tally, judged

PROCESSES = 2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("number", nargs="?", type=int, default=2000)
    parser.add_argument("seed", nargs="?", default="0")
    parser.add_argument(
        "--show", type=int, default=5, metavar="N", help="submissions to describe for each kind of fault"
    )
    given = parser.parse_args()
    began = time.monotonic()
    share = 25
    counts = [min(share, given.number - done) for done in range(0, given.number, share)]
    with ProcessPoolExecutor(PROCESSES) as pool:
        tallies = list(pool.map(judged, counts, [f"{given.seed} {index}" for index in range(len(counts))]))
    total = sum(tallies, Tally())
    shown: Counter[str] = Counter()
    for fault in sorted(total.faults, key=lambda fault: fault.kind):
        shown[fault.kind] += 1
        if shown[fault.kind] <= given.show:
            print(f"{fault.kind}\n    {fault.drawn}\n    {fault.found}")
    print(*(f"{count:5} {kind}" for kind, count in shown.most_common()), sep="\n")
    print(total.figures(), f"{time.monotonic() - began:.0f} s")
    return 1 if total.faults else 0


if __name__ == "__main__":
    sys.exit(main())
