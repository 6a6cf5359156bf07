"""Several tests under one promise make one row: the worst of them, never green over red.

    violated      one test that broke the promise broke it, whatever the others saw
    vacuous       a test that cannot fire makes what the others held doubtful
    inconclusive  the bench broke for a part of the promise
    unsupported   a part of the promise was not asked: the others do not hold it
    holds         all of them held

Parametrised checks are several tests, too: the row's key is box, guarantee, door and sibling.
"""

from __future__ import annotations

from typing import Any

WORST_FIRST = ("violated", "vacuous", "inconclusive", "unsupported", "holds")
CONTROLS_WORST_FIRST = ("silent", "none", "fired")


def joined(before: dict[str, Any] | None, row: dict[str, Any]) -> dict[str, Any]:
    """The row of all tests so far.  `before`: of those until now, None for the first.

    The worse one says verdict, reason and control; the evidence is that of all, the worse one's first.  Where any of
    them fails the row does.  `tests` has the verdict of each by its node id, as soon as there are several.
    """
    if before is None:
        return row
    worse, other = sorted((before, row), key=_rank)
    merged = {
        **worse,
        "evidence": [*worse["evidence"], *other["evidence"]],
        "coverage": "sampled" if "sampled" in (worse["coverage"], other["coverage"]) else "exhaustive",
        "seconds": round(worse["seconds"] + other["seconds"], 3),
        "tests": _tests(before) | _tests(row),
    }
    if worse["outcome"] != "failed" and other["outcome"] == "failed":
        merged |= {"outcome": "failed", "note": f"another test of it is {other['verdict']}: {other['reason']}"}
    if worse["verdict"] == other["verdict"] == "holds":
        merged["examples"] = worse["examples"] + other["examples"]
        merged["decided"] = worse["decided"] + other["decided"]
        merged["how"] = worse["how"] if worse["how"] == other["how"] else "isolated"
    return merged


def _tests(row: dict[str, Any]) -> dict[str, str]:
    """Node id -> verdict."""
    known: dict[str, str] = row.get("tests") or {row["test"]: row["verdict"]}
    return known


def _rank(row: dict[str, Any]) -> tuple[int, int]:
    """The worse verdict first; of two that hold, the one whose control is weaker."""
    return WORST_FIRST.index(row["verdict"]), CONTROLS_WORST_FIRST.index(row["control"])


def worse_proof(before: str | None, state: str) -> str:
    """Of two controls of one guarantee on one box (--isolation-prove)."""
    return state if before is None else min(before, state, key=CONTROLS_WORST_FIRST.index)
