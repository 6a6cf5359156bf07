"""Sequences, differences and comparisons in words, as JSON, and as tables."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pytest_isolation.boxes.image import Entry
from pytest_isolation.boxes.layers.model import Layers, as_text, to_json
from pytest_isolation.suite.layers.compare import Difference
from pytest_isolation.suite.layers.search import Compared

SCHEMA = "pytest-isolation/layers/1"
SECOND = 10**9
NOW = "of the unpacking"


def in_words(sequence: Layers) -> str:
    """`file a "x" / dir a mode=0700`: the layers from the lowest up, with what is not as it mostly is."""
    return " / ".join(", ".join(_entry(entry) for entry in layer) for layer in sequence.layers)


def _entry(entry: Entry) -> str:
    words = [entry.kind, name(entry.path)]
    if entry.kind in ("hardlink", "symlink"):
        words.append(f"-> {name(entry.data)}")
    elif entry.kind in ("char", "block"):
        words.append(as_text(entry.data))
    elif entry.data:
        words.append(f'"{as_text(entry.data)}"' if len(entry.data) < 20 else f"of {len(entry.data)} bytes")
    if entry.mode != (0o755 if entry.kind == "dir" else 0o644):
        words.append(f"mode={entry.mode:04o}")
    if entry.uid or entry.gid:
        words.append(f"owner={entry.uid}:{entry.gid}")
    if entry.mtime_ns != SECOND:
        words.append(f"time={time_of(entry.mtime_ns)}")
    words += [f"{attribute}={value.hex()}" for attribute, value in entry.xattrs]
    return " ".join(words)


def name(path: bytes) -> str:
    """A path that is safe to print, and short."""
    text = "".join(one if one.isprintable() and not one.isspace() else repr(one)[1:-1] for one in as_text(path))
    text = text.encode("utf-8", "backslashreplace").decode()
    return (text if len(text) <= 24 else f"{text[:8]}…({len(path)} bytes)") or "."


def time_of(mtime_ns: int) -> str:
    """A time in UTC, with its fraction where it has one."""
    seconds, fraction = divmod(mtime_ns, SECOND)
    told = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).strftime("%4Y-%m-%dT%H:%M:%S")
    return told + (f".{fraction:09d}".rstrip("0") if fraction else "")


def difference_in_words(one: Difference) -> str:
    """`a: mode 0755, not 0700`."""
    if one.aspect == "refused":
        return "refused"
    if one.aspect == "exists":
        if one.found == "listed":
            return f"{name(one.path)}: listed, and not there"
        return f"{name(one.path)}: {'not there' if one.wanted else 'there'}"
    if one.aspect == "links":
        return f"{name(one.path)}: {'not ' * (not one.found)}linked to {name(one.found or one.wanted)}"  # type: ignore[arg-type]
    found = NOW if one.aspect == "mtime" and _of_now(one.found) else value(one.aspect, one.found)
    return f"{name(one.path)}: {one.aspect} {found}, not {value(one.aspect, one.wanted)}"


def _of_now(mtime_ns: Any) -> bool:
    """Whether a time is that of the unpacking: none that is drawn is of the last hour."""
    return abs(time.time_ns() - int(mtime_ns)) < 3600 * SECOND


def value(aspect: str, given: Any) -> str:
    """What an aspect is, in words."""
    match aspect:
        case "mode":
            return f"{given:04o}"
        case "owner":
            return "{}:{}".format(*given)
        case "mtime":
            return time_of(given)
        case "xattr":
            return ", ".join(f"{key}={data.hex()}" for key, data in given) or "none"
        case "content":
            return f'"{as_text(given)}"' if len(given) < 20 else f"of {len(given)} bytes"
    return str(given)


# -- JSON -----------------------------------------------------------------------------------


def as_json(
    found: Mapping[str, Compared],
    asked: int,
    cases: Sequence[Layers],
    over: Mapping[str, Compared],
    *,
    interrupted: bool = False,
) -> Any:
    """`asked`: how many sequences; `cases` with `over`: the sequences to keep, and what each engine made of them.

    `interrupted`: engines may be missing, in both.
    """
    return {
        "schema": SCHEMA,
        "sequences": asked,
        "interrupted": interrupted,
        "engines": {engine: _engine(one) for engine, one in found.items()},
        "cases": [
            {
                "layers": to_json(sequence),
                "found": {
                    engine: [_difference(seen) for seen in one.seen[at]] for engine, one in over.items() if one.seen
                },
            }
            for at, sequence in enumerate(cases)
        ],
    }


def _engine(one: Compared) -> dict[str, Any]:
    if one.missing:
        return {"missing": one.missing}
    kinds = [
        {"kind": kind.told, "decided": not kind.silent, "sequences": count}
        for kind, count in sorted(one.counted.items())
    ]
    return {"version": one.version, "seconds": round(one.seconds, 1), "kinds": kinds}


def _difference(one: Difference) -> dict[str, Any]:
    told = {"path": as_text(one.path), "aspect": one.aspect, "in_words": difference_in_words(one)}
    if one.aspect == "refused":
        told["said"] = str(one.found)
    return told | ({"silent": one.silent} if one.silent else {})


# -- tables ---------------------------------------------------------------------------------


def text(found: Mapping[str, Compared], asked: int) -> str:
    """The table for a terminal: engines, then kinds of differences with the engines that have them."""
    return "\n".join(_lines(found, asked)) + "\n"


def _lines(found: Mapping[str, Compared], asked: int) -> Iterator[str]:
    ready = {engine: one for engine, one in found.items() if not one.missing}
    for engine, one in found.items():
        yield f"{engine:22}" + (one.missing or f"{one.version}, {asked} sequences in {one.seconds:.1f} s")
    for decided in (True, False):
        kinds = sorted({kind for one in ready.values() for kind in one.counted if (not kind.silent) == decided})
        if not kinds:
            continue
        yield ""
        yield (
            "not as the specification says (sequences)"
            if decided
            else "where the specification does not say (sequences)"
        )
        for kind in kinds:
            having = [f"{engine} {one.counted[kind]}" for engine, one in ready.items() if kind in one.counted]
            yield f"  {kind.told}"
            yield f"      {', '.join(having)}"
            if decided:
                smallest = min((one.shown[kind].sequence for one in ready.values() if kind in one.shown), key=_length)
                yield f"      {in_words(smallest)}"


def _length(sequence: Layers) -> int:
    return len(in_words(sequence))
