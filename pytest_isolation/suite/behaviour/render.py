"""What ends otherwise, and what a program sees, as JSON, for a terminal and as tables."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from pytest_isolation.report.lines import counted
from pytest_isolation.suite.behaviour.measure import Measured
from pytest_isolation.suite.limits.render import unlike

SCHEMA = "pytest-isolation/behaviour/1"


def as_json(found: Mapping[str, Measured], seed: int, *, interrupted: bool = False) -> Any:
    """With what of the machine decides."""
    return {
        "schema": SCHEMA,
        "kernel": os.uname().release.split("-")[0],
        "processors": os.cpu_count(),
        "seed": seed,
        "interrupted": interrupted,
        "technologies": {name: _technology(one) for name, one in found.items()},
    }


def _technology(one: Measured) -> dict[str, Any]:
    if one.missing:
        return {"missing": one.missing}
    kinds = {
        kind: {"sequences": count, "differences": [asdict(each) for each in one.differences[kind]]}
        for kind, count in one.compared.items()
    }
    kinds |= {kind: {"trouble": why} for kind, why in one.troubles.items()}
    return {"version": one.version, "sees": one.sees, "kinds": kinds}


def text(document: Any) -> str:
    """For a terminal."""
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Any) -> Iterator[str]:
    for name, one in document["technologies"].items():
        yield f"{name} {one.get('version', one.get('missing'))}"
        for kind, became in one.get("kinds", {}).items():
            yield f"  {kind}: {_count(became)}"
            for each in became.get("differences", ()):
                yield f"    {'; '.join(each['calls'])}"
                ends = f"machine {each['machine']}, {name} {each['box']}"
                yield f"      {ends}: {each['layer']}, {each['sequences']} times"
        for row, seen in one.get("sees", {}).items():
            yield f"  {row}: {seen}"


def _count(became: Mapping[str, Any]) -> str:
    if "trouble" in became:
        return str(became["trouble"])
    differences = len(became["differences"])
    found = counted(differences, "difference") if differences else "no differences"
    return f"{counted(became['sequences'], 'sequence')}, {found}"


def measured(document: Any) -> dict[str, Any]:
    """Technology -> what was measured of it."""
    return {name: one for name, one in document["technologies"].items() if "kinds" in one}


def counts(document: Any) -> Iterator[str]:
    """Rows are technologies, columns are kinds: how many differences there are."""
    known = measured(document)
    kinds = list(dict.fromkeys(kind for one in known.values() for kind in one["kinds"]))
    yield "| technology | " + " | ".join(kinds) + " |"
    yield "|---" * (len(kinds) + 1) + "|"
    for name, one in known.items():
        yield f"| {name} | " + " | ".join(_cell(one["kinds"].get(kind)) for kind in kinds) + " |"


def _cell(became: Mapping[str, Any] | None) -> str:
    if became is None or "trouble" in became:
        return "-"
    return f"**{len(became['differences'])}**" if became["differences"] else "0"


def _code(words: str) -> str:
    return f"`{words}`".replace("|", "\\|")


def differences(document: Any) -> Iterator[str]:
    """A row for each call that ends otherwise; technologies that agree in it are one row."""
    yield "| technology | kind | calls | on the machine | in the box | layer |"
    yield "|---|---|---|---|---|---|"
    rows: dict[tuple[str, ...], list[str]] = {}
    for name, one in measured(document).items():
        for kind, became in one["kinds"].items():
            for each in became.get("differences", ()):
                row = kind, "; ".join(each["calls"]), each["machine"], each["box"], each["layer"]
                rows.setdefault(row, []).append(name)
    for (kind, calls, machine, box, layer), names in rows.items():
        yield f"| {', '.join(names)} | {kind} | {_code(calls)} | {_code(machine)} | {_code(box)} | {layer} |"


def sees(document: Any) -> Iterator[str]:
    """Rows are what a program sees, columns are technologies; who is not as most are stands out."""
    known = measured(document)
    yield "| | " + " | ".join(known) + " |"
    yield "|---" * (len(known) + 1) + "|"
    for row in dict.fromkeys(row for one in known.values() for row in one["sees"]):
        cells = {name: one["sees"].get(row, "") for name, one in known.items()}
        odd = unlike(cells)
        yield f"| {row} | " + " | ".join(_seen(words, name in odd) for name, words in cells.items()) + " |"


def _seen(words: str, odd: bool) -> str:
    words = words.replace("|", "\\|")
    return f"**{words}**" if odd and words else words
