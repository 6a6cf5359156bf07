"""What the kernel was told of each limit, as JSON, for a terminal and as a table."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from pytest_isolation.boxes import cgroups
from pytest_isolation.outside.limits import process_limits
from pytest_isolation.suite.limits.measure import Measured, Outcome

SCHEMA = "pytest-isolation/limits/1"
REFUSED, UNWRITTEN, UNTRIED = "refused", "-", "untried"


def as_json(found: Mapping[str, Measured], *, interrupted: bool = False) -> Any:
    """With what of the machine decides.  `may_raise`: we have CAP_SYS_RESOURCE, and may raise limits of processes."""
    return {
        "schema": SCHEMA,
        "kernel": os.uname().release.split("-")[0],
        "control_groups": cgroups.mode(),
        "processors": os.cpu_count(),
        "may_raise": not process_limits.ours(),
        "interrupted": interrupted,
        "technologies": {name: _technology(one) for name, one in found.items()},
    }


def _technology(one: Measured) -> dict[str, Any]:
    if one.missing:
        return {"missing": one.missing}
    limits = {limit: {text: _outcome(became) for text, became in texts.items()} for limit, texts in one.limits.items()}
    return {"version": one.version, "usual": dict(one.usual), "limits": limits}


def _outcome(one: Outcome) -> dict[str, str]:
    return {key: value for key, value in asdict(one).items() if value}


def text(document: Any) -> str:
    """For a terminal."""
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Any) -> Iterator[str]:
    for name, one in document["technologies"].items():
        yield f"{name} {one.get('version', one.get('missing'))}"
        for limit, texts in one.get("limits", {}).items():
            yield f"  {limit}, usually {one['usual'][limit]}{'' if texts else f': {UNTRIED}'}"
            for asked, became in texts.items():
                yield f"    {asked or 'nothing':22}{_in_full(became)}"


def _in_full(became: Mapping[str, str]) -> str:
    for key in ("refused", "unwritten"):
        if key in became:
            return f"{key}: {became[key]}"
    beside = ("recorded", "bites", "warned", "trouble")
    return "; ".join([became.get("kernel", UNTRIED), *(f"{key}: {became[key]}" for key in beside if key in became)])


def cell(texts: Mapping[str, Mapping[str, str]] | None, asked: str) -> str:
    """In a table: what the kernel has; `refused`; `-` where there are no words for it; `untried` where nobody knows.

    `texts`: what became of each of a limit; None where the technology has no words for it.
    """
    if texts is None:
        return UNWRITTEN
    became = texts.get(asked, {})
    if "unwritten" in became:
        return UNWRITTEN
    return REFUSED if "refused" in became else became.get("kernel", UNTRIED)


def unlike(cells: Mapping[str, str]) -> set[str]:
    """Whose cell is another than most have; all that speak where no cell is the most frequent."""
    said = {name: one for name, one in cells.items() if one not in (UNWRITTEN, UNTRIED)}
    ranked = Counter(said.values()).most_common(2)
    if len(ranked) < 2:
        return set()
    usual = ranked[0][0] if ranked[0][1] > ranked[1][1] else None
    return {name for name, one in said.items() if one != usual}


def rows(document: Any) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Limit, text, and technology -> cell."""
    measured = {name: one for name, one in document["technologies"].items() if "limits" in one}
    limits = dict.fromkeys(limit for one in measured.values() for limit in one["limits"])
    for limit in limits:
        texts = dict.fromkeys(text for one in measured.values() for text in one["limits"].get(limit, ()))
        for asked in texts:
            yield limit, asked, {name: cell(one["limits"].get(limit), asked) for name, one in measured.items()}


def table(document: Any) -> Iterator[str]:
    """Rows are limits as they are written, columns are technologies; who is not as most are stands out."""
    measured = {name: one for name, one in document["technologies"].items() if "limits" in one}
    yield "| asked | " + " | ".join(measured) + " |"
    yield "|---" * (len(measured) + 1) + "|"
    before = ""
    for limit, asked, cells in rows(document):
        if limit != before:
            usual = {name: one["usual"].get(limit, UNWRITTEN) for name, one in measured.items()}
            yield f"| **{limit}**, not asked for | {' | '.join(_marked(usual, name) for name in usual)} |"
            before = limit
        written = f"`{asked}`" if asked else 'nothing, `""`'
        yield f"| {limit} {written} | {' | '.join(_marked(cells, name) for name in cells)} |"


def _marked(cells: Mapping[str, str], name: str) -> str:
    words = cells[name].replace("|", "\\|")
    return f"**{words}**" if name in unlike(cells) else words


def refusals(document: Any) -> Iterator[str]:
    """A row for each thing that was said: of which technology, to what, in its words."""
    yield "| technology | asked | said |"
    yield "|---|---|---|"
    for name, one in document["technologies"].items():
        said: dict[str, list[str]] = {}
        for limit, texts in one.get("limits", {}).items():
            for asked, became in texts.items():
                if "refused" in became:
                    said.setdefault(became["refused"], []).append(f"{limit} `{asked}`")
        for words, asked_for in said.items():
            yield f"| {name} | {', '.join(asked_for)} | {words.replace('|', ' ')} |"


def trials(document: Any) -> Iterator[str]:
    """A row for each limit that was tried: how many bit, and which did not."""
    yield "| technology | limit | bite | do not |"
    yield "|---|---|---|---|"
    for name, one in document["technologies"].items():
        for limit, texts in one.get("limits", {}).items():
            tried = {asked: became["bites"] for asked, became in texts.items() if "bites" in became}
            if tried:
                silent = [f"`{asked}` ({said[4:]})" for asked, said in tried.items() if not said.startswith("yes")]
                yield f"| {name} | {limit} | {len(tried) - len(silent)} of {len(tried)} | {', '.join(silent)} |"
