"""What survives each road, as JSON, for a terminal and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_isolation.boxes.layers.model import as_text
from pytest_isolation.boxes.roads import ASPECTS, Loss
from pytest_isolation.suite.layers.render import name, time_of
from pytest_isolation.suite.roads.measure import Measured, Travelled

SCHEMA = "pytest-isolation/roads/1"


def as_json(found: Mapping[str, Measured], trees: int, seed: int, *, interrupted: bool = False) -> Any:
    """`trees`: how many were sent over each road, drawn from `seed`."""
    engines = {engine: _engine(one) for engine, one in found.items()}
    return {"schema": SCHEMA, "trees": trees, "seed": seed, "interrupted": interrupted, "engines": engines}


def _engine(one: Measured) -> dict[str, Any]:
    if one.missing:
        return {"missing": one.missing}
    return {"version": one.version, "roads": {road: _road(travelled) for road, travelled in one.roads.items()}}


def _road(one: Travelled) -> dict[str, Any]:
    told: dict[str, Any] = {"commands": one.words}
    if one.missing:
        return told | {"missing": one.missing}
    if one.refused:
        told["refused"] = list(one.refused)
    if one.asked:  # else it took none of the trees
        told["aspects"] = {
            aspect: {"lost": len(one.lost[aspect]), "first": _loss(aspect, one.lost[aspect][0])}
            if aspect in one.lost
            else "kept"
            for aspect in one.asked
        }
    return told


def _loss(aspect: str, loss: Loss) -> dict[str, str]:
    return {"path": as_text(loss.path), "in_words": f"{value(aspect, loss.sent)} → {value(aspect, loss.arrived)}"}


def value(aspect: str, given: Any) -> str:
    """What an aspect is, in words, on one line."""
    if given is None:
        return "not there"
    match aspect:
        case "modes":
            return f"{given:04o}"
        case "owners":
            return "{}:{}".format(*given)
        case "times":
            return time_of(given)
        case "xattrs":
            return ", ".join(f"{key}={data.hex()}" for key, data in given) or "none"
        case "capabilities":
            return given[0].hex() if given else "none"
        case "links":
            return " ".join(name(one) if isinstance(one, bytes) else "none" for one in given)
        case "contents":
            return f"{len(given)} bytes" if isinstance(given, bytes) else "none"
        case "identity":
            return str(given).removeprefix("sha256:")[:12]
    return str(given)


def text(found: Mapping[str, Measured], trees: int) -> str:
    """For a terminal."""
    return "\n".join(_lines(as_json(found, trees, 0))) + "\n"


def _lines(document: Any) -> Iterator[str]:
    yield f"{document['trees']} trees over each road"
    for engine, one in document["engines"].items():
        yield ""
        yield f"{engine} {one.get('version', one.get('missing'))}"
        for road, told in one.get("roads", {}).items():
            yield f"  {road:20}{told['commands']}"
            if "missing" in told:
                yield f"      not travelled: {told['missing']}"
            for said in told.get("refused", ()):
                yield f"      refused: {said}"
            for aspect, kept in told.get("aspects", {}).items():
                if kept != "kept":
                    yield f"      {aspect}: {kept['lost']} lost: {name_of(kept['first'])} {kept['first']['in_words']}"


def name_of(first: Mapping[str, str]) -> str:
    """The name that arrived otherwise, safe to print."""
    return name(first["path"].encode("utf-8", "surrogateescape"))


def table(document: Any) -> Iterator[str]:
    """Rows are roads, columns are aspects."""
    yield "| road | " + " | ".join(ASPECTS) + " |"
    yield "|---" * (len(ASPECTS) + 1) + "|"
    for engine, one in document["engines"].items():
        for told in one.get("roads", {}).values():
            commands = told["commands"] if told["commands"].startswith(engine) else f"{engine}: {told['commands']}"
            if "aspects" not in told:
                why = told.get("missing") or told["refused"][0]
                yield f"| {commands} | {why.replace('|', ' ')}" + " |" * len(ASPECTS)
                continue
            cells = [_cell(told["aspects"].get(aspect)) for aspect in ASPECTS]
            yield f"| {commands} | {' | '.join(cells)} |"


def _cell(kept: Any) -> str:
    if kept is None:
        return "-"
    return "" if kept == "kept" else f"{kept['first']['in_words']}".replace("|", "\\|")
