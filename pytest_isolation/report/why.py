"""The cause of a violation and its remedy, in a sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_isolation.guarantees import holes
from pytest_isolation.report import given

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_isolation.report.run import BoxRow, ResultRow, Run


def why(run: Run, row: ResultRow) -> holes.Why | None:
    """None where holes.toml knows nothing of the guarantee: one of the user's own, say."""
    box = next((one for one in run.boxes if one.name == row.box), None)
    breaks = next((one.falsified_by for one in run.guarantees if one.id == row.guarantee), ())
    if box is None:
        return None
    return holes.why(row.guarantee, breaks, box.technology, _given(box))


def lines(run: Run, row: ResultRow) -> list[tuple[str, str]]:
    """("cause", ...) and ("do", ...)."""
    found = why(run, row)
    return [(_label(found), found.cause), ("do", found.remedy)] if found is not None else []


def together(run: Run, held: Iterable[tuple[str, ResultRow]]) -> list[tuple[str, list[str]]]:
    """Of several boxes: ("cause: ...", boxes) and ("do: ...", boxes), each once; no boxes where it is all of them."""
    said: dict[str, list[str]] = {}
    listed = list(held)
    known = [(box, found) for box, row in listed if (found := why(run, row)) is not None]
    for box, found in known:
        cause = found.cause.replace("container", "box") if len({one.cause for _, one in known}) > 1 else found.cause
        said.setdefault(f"{_label(found)}: {cause}", []).append(box)
    for box, found in known:
        said.setdefault(f"do: {found.remedy}", []).append(box)
    return [(text, boxes if len(boxes) < len(listed) else []) for text, boxes in said.items()]


def _label(found: holes.Why) -> str:
    return "cause" if found.seen else "usual cause"


def _given(box: BoxRow) -> dict[str, str]:
    """As the table has it: a kind, and a kind with its target, or with the host's path -> what of it the box has."""
    found = {f"hole:{hole}": "" for hole in box.spec.get("weakenings", ())}
    for row in box.given or ():
        if row.kind in ("system", "device") or (row.kind == "socket" and row.why):
            for key in (row.kind, f"{row.kind}:{row.host}"):
                found[key] = "; ".join(one for one in (found.get(key), given.file(row)) if one)
        else:
            found[f"{row.kind}:{row.target}"] = ""
    return found
