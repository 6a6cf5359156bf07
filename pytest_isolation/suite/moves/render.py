"""What became of each machine that moved, as JSON, for a terminal and as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_isolation.boxes.counting import CLOCKS
from pytest_isolation.suite.moves.measure import Measured
from pytest_isolation.suite.moves.plan import Setup, Source, To
from pytest_isolation.technologies.qemu.move import Moved

SCHEMA = "pytest-isolation/moves/1"
SAME = 0.25
"""Of `away_s`: what a clock may differ by.  The message that reads it may take long."""
SINCE_BOOT = ("monotonic", "boottime")
"""Of CLOCKS, those that begin anew with each boot."""
WAYS = {"state": "state in a file", "snapshot": "internal snapshot", "stop": "disk alone"}
DISKS = {
    "raw": "raw",
    "qcow2": "qcow2",
    "backed": "qcow2 over a file, by its name",
    "backed-absolutely": "qcow2 over a file, by its path",
}
COLUMNS = ("kept", "disk", "goes on in", "goes on", "counter", "lost", "clocks", "MAC address", "MiB", "seconds")


def as_json(found: Measured, *, interrupted: bool = False) -> Any:
    """As docs/moves.md says."""
    moves = [_row(source, to, moved) for source, to, moved in found.moves]
    head = {"schema": SCHEMA, "interrupted": interrupted, "kernel": found.kernel, "qemus": found.qemus}
    return {**head, "moves": moves}


def _row(source: Source, to: To, moved: Moved) -> dict[str, Any]:
    row: dict[str, Any] = {"from": _setup(source.setup), "disk": source.disk, "way": source.way}
    row["to"] = {**_setup(to.setup), "place": to.place}
    if to.less:
        row["less"] = to.less
    if moved.bytes:
        row |= {"bytes": moved.bytes, "kept_s": round(moved.kept_s, 2)}
    if moved.refused or moved.before is None or moved.after is None:
        return row | {"refused": without_paths(moved.refused)}
    before, after = moved.before, moved.after
    passed = after.host - before.host
    lags = {name: round(after.clocks[name] - before.clocks[name] - passed, 2) for name in CLOCKS}
    names = {name: "kept" if after.names.get(name) == text else "another" for name, text in before.names.items()}
    new = SINCE_BOOT if names.get("boot-id") == "another" else ()
    return row | {
        "counter": [before.counter, after.counter, moved.later],
        "went_on": moved.went_on,
        "lost": list(moved.lost),
        "away_s": round(moved.away_s, 2),
        "clocks_behind_s": {name: -lag for name, lag in lags.items()},
        "clocks_anew": list(new),
        "clocksource": after.clocksource,
        "names": names,
        "seconds": round(moved.seconds, 2),
    }


def _setup(one: Setup) -> dict[str, str]:
    return {"qemu": one.qemu, "type": one.type, "cpu": one.cpu}


def without_paths(said: str) -> str:
    """QEMU's words without the directory of a run, which is another one each time."""
    return " ".join(_short(word) for word in said.split())


def _short(word: str) -> str:
    quote = word[0] if word[:1] in ("'", '"') else ""
    path = word[len(quote) :]
    if not path.startswith("/") or path.count("/") < 2:
        return word
    return f"{quote}DIRECTORY/{path.rpartition('/')[2]}"


def text(document: Any) -> str:
    """For a terminal."""
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Any) -> Iterator[str]:
    yield ", ".join(f"{name}: QEMU {version}" for name, version in document["qemus"].items())
    for row in document["moves"]:
        cells = cells_of(row, document)
        yield ""
        yield f"{cells[0]}, {cells[1]} -> {cells[2]}: {cells[3]}"
        for name, cell in zip(COLUMNS[4:], cells[4:], strict=True):
            if cell:
                yield f"    {name}: {cell}"


def tables(document: Any) -> tuple[str, str]:
    """Of the moves within a QEMU; of those from one to another.  Rows are moves."""
    within = [row for row in document["moves"] if row["from"]["qemu"] == row["to"]["qemu"]]
    between = [row for row in document["moves"] if row["from"]["qemu"] != row["to"]["qemu"]]
    return _table(within, document), _table(between, document)


TOLD = {
    "realtime": "CLOCK_REALTIME",
    "monotonic": "CLOCK_MONOTONIC",
    "boottime": "CLOCK_BOOTTIME",
    "boot-id": "boot ID",
    "uuid": "DMI UUID",
    "mac": "MAC address",
}
"""What a machine knows the time by, and itself."""


def told_after(document: Any) -> str:
    """A row for each of TOLD, a column for each way to move a machine within one QEMU, all of it, to an equal one."""
    ways: dict[str, Mapping[str, Any]] = {}
    for row in document["moves"]:
        if "refused" not in row and not row.get("less") and row["from"] == _plain(row["to"]):
            ways.setdefault(f"{WAYS[row['way']]}, {row['to']['place']}", row)
    lines = ["| | " + " | ".join(ways) + " |", "|---" * (len(ways) + 1) + "|"]
    for key, name in TOLD.items():
        cells = [
            _clock(row, key, row["clocks_behind_s"][key]) if key in CLOCKS else row["names"].get(key, "")
            for row in ways.values()
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _table(rows: list[Any], document: Any) -> str:
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells_of(row, document)) + " |" for row in rows]
    return "\n".join(lines)


def cells_of(row: Mapping[str, Any], document: Any) -> list[str]:
    """A row's cell for each of COLUMNS."""
    several = row["from"]["qemu"] != row["to"]["qemu"]
    cells = [f"{_named(row['from'], document, several=several)}: {WAYS[row['way']]}", DISKS[row["disk"]]]
    to = _named(row["to"], document, several=several) if several or row["from"] != _plain(row["to"]) else ""
    place = row["to"]["place"] if not several else ""
    less = f"with {row['less']}" if row.get("less", "").startswith(("half", "an")) else row.get("less", "")
    cells.append(", ".join(filter(None, (place, to, less))))
    size = f"{row['bytes'] / (1 << 20):.0f}" if "bytes" in row else ""
    if "refused" in row:
        return [*cells, f"no: {row['refused']}", "", "", "", "", size, ""]
    counter = " → ".join(map(str, row["counter"])) if "counter" not in row["lost"] else ""
    goes = "yes" if row["went_on"] else "boots anew" if row["way"] == "stop" else "yes, with a loss"
    seconds = f"{row['kept_s']:.1f} + {row['seconds']:.1f}" if row["way"] != "stop" else f"{row['seconds']:.1f}"
    mac = row["names"].get("mac", "")
    return [*cells, goes, counter, ", ".join(row["lost"]), clocks(row), mac, size, seconds]


def _plain(to: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in to.items() if key != "place"}


def _named(setup: Mapping[str, str], document: Any, *, several: bool) -> str:
    machine = f"{setup['type']}, {setup['cpu']}"
    return f"QEMU {document['qemus'][setup['qemu']]}, {machine}" if several else machine


def clocks(row: Mapping[str, Any]) -> str:
    """In words, the clocks that did the same together."""
    said: dict[str, list[str]] = {}
    for name, behind in row["clocks_behind_s"].items():
        said.setdefault(_clock(row, name, behind), []).append(name)
    return "; ".join(f"{', '.join(names) if len(said) > 1 else 'all'} {words}" for words, names in said.items())


def _clock(row: Mapping[str, Any], name: str, behind: float) -> str:
    if name in row["clocks_anew"]:
        return "began anew"
    if abs(behind) <= SAME * row["away_s"]:
        return "kept time"
    if abs(behind - row["away_s"]) <= SAME * row["away_s"]:
        return "stood still"
    return f"{abs(behind):.1f} s {'behind' if behind > 0 else 'ahead'} after {row['away_s']:.1f} s"
