"""Compare two results: `python -m bench.compare BEFORE.json AFTER.json`.

For each series of both: the medians, their ratio, and whether a rank test (Mann-Whitney, two-sided)
tells the two apart.  Nothing is judged by a mean, and nothing by one value.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.series import Series, read

P_MAX = 0.01


def compared(before: Series, after: Series) -> str:
    """One line."""
    ratio = f"{after.median / before.median:7.2f}x" if before.median else "      - "
    medians = f"{before.median:>12.2f} {after.median:>12.2f} {after.unit:<4}"
    return f"{_name(after):<60} {medians} {ratio}  {_told(before, after)}"


def _told(before: Series, after: Series) -> str:
    from scipy.stats import mannwhitneyu

    p = float(mannwhitneyu(before.values, after.values).pvalue)
    if p <= P_MAX:
        return f"differs (p = {p:.2g})"
    few = min(len(before.values), len(after.values)) < 5
    return "too few values to tell" if few else f"no difference seen (p = {p:.2g})"


def _name(series: Series) -> str:
    return " ".join((series.metric, *series.dimensions.values()))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    asked = parser.parse_args()
    try:
        old = {one.key: one for one in read(asked.before)}
        new = {one.key: one for one in read(asked.after)}
    except (OSError, ValueError) as error:
        parser.error(str(error))
    print(f"{'':<60} {'before':>12} {'after':>12}")
    for key, one in new.items():
        if key in old:
            print(compared(old[key], one))
    for key in old.keys() ^ new.keys():
        print(f"only in {'after' if key in new else 'before'}: {' '.join(key)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
