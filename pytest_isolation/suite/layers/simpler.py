"""Steps towards the smallest sequence that still shows something.

Hypothesis draws; its shrinker needs an answer before each next step, and an answer of Docker takes half a second.  Here
all steps of a round are tried in one image.  What is left when none helps is minimal: each single step loses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from pytest_isolation.boxes.image import Entry
from pytest_isolation.boxes.layers.model import OPAQUE, WHITEOUT, Layer, Layers
from pytest_isolation.suite.layers.draw import SECOND, YEARS


def simpler(sequence: Layers) -> Iterator[Layers]:
    """Each sequence that is one step simpler: without a layer or an entry, with a plainer entry, or a name a letter."""
    layers = sequence.layers
    for at in range(len(layers)):
        if len(layers) > 1:
            yield Layers((*layers[:at], *layers[at + 1 :]))
    for at, layer in enumerate(layers):
        for number in range(len(layer)):
            if len(layer) > 1:
                yield _with(layers, at, (*layer[:number], *layer[number + 1 :]))
    for at, layer in enumerate(layers):
        for number, entry in enumerate(layer):
            for plain in _plainer(entry):
                yield _with(layers, at, (*layer[:number], plain, *layer[number + 1 :]))
    yield from _renamed(layers)


def _with(layers: Sequence[Layer], at: int, layer: Layer) -> Layers:
    return Layers((*layers[:at], layer, *layers[at + 1 :]))


def _plainer(entry: Entry) -> Iterator[Entry]:
    """The entry with one field as it mostly is."""
    usual: list[dict[str, Any]] = [
        {"xattrs": ()},
        {"uid": 0},
        {"gid": 0},
        {"mode": 0o755 if entry.kind == "dir" else 0o644},
        {"mode": 0o700},
        {"mtime_ns": SECOND},
        {"mtime_ns": 86400 * SECOND},
        {"mtime_ns": -SECOND},
        {"mtime_ns": 300 * YEARS},
        {"uid": 1000},
        {"gid": 1000},
        {"xattrs": (("user.x", b"x"),)},
        {"xattrs": entry.xattrs[:1]},
    ]
    if entry.kind == "file":
        usual += [{"data": b""}, {"data": b"x"}]
    elif entry.kind in ("symlink", "fifo", "char", "block") and not _marks(entry):
        usual += [{"kind": "file", "data": b""}]
    elif entry.kind == "dir":
        usual += [{"kind": "file", "mode": 0o644}]
    for change in usual:
        plainer = replace(entry, **change)
        # Only ever towards the plain one: each has its place in the list, and none goes back.
        if plainer != entry and _weight(plainer) < _weight(entry):
            yield plainer


def _marks(entry: Entry) -> bool:
    return entry.path.rpartition(b"/")[2].startswith(WHITEOUT)


def _weight(entry: Entry) -> int:
    """How much of an entry is not plain."""
    return sum(
        (
            {"file": 0, "dir": 1}.get(entry.kind, 2),
            0 if entry.mode == (0o755 if entry.kind == "dir" else 0o644) else 1 if entry.mode == 0o700 else 2,
            *(0 if one == 0 else 1 if one == 1000 else 2 for one in (entry.uid, entry.gid)),
            _weight_of_time(entry.mtime_ns),
            len(entry.xattrs) * 2 - (entry.xattrs == (("user.x", b"x"),)),
            0
            if not entry.data or entry.kind in ("hardlink", "symlink", "char", "block")
            else 1
            if entry.data == b"x"
            else 2,
        )
    )


def _weight_of_time(mtime_ns: int) -> int:
    plain = [SECOND, 86400 * SECOND, -SECOND, 300 * YEARS]
    return plain.index(mtime_ns) if mtime_ns in plain else len(plain)


def _renamed(layers: tuple[Layer, ...]) -> Iterator[Layers]:
    """With one name everywhere as the first letter that is free."""
    used = {part for layer in layers for entry in layer for part in _names_of(entry)}
    free = next(bytes([letter]) for letter in range(ord("a"), ord("z")) if bytes([letter]) not in used)
    for name in sorted(used):
        if len(name) > 1 or not name.islower() or name > free:
            yield Layers(
                tuple(
                    tuple(
                        replace(
                            entry,
                            path=_replaced(entry.path, name, free),
                            data=_replaced(entry.data, name, free)
                            if entry.kind in ("hardlink", "symlink")
                            else entry.data,
                        )
                        for entry in layer
                    )
                    for layer in layers
                )
            )


def _names_of(entry: Entry) -> set[bytes]:
    parts = entry.path.split(b"/") + (entry.data.split(b"/") if entry.kind in ("hardlink", "symlink") else [])
    return {part.removeprefix(WHITEOUT) for part in parts if part not in (OPAQUE, WHITEOUT)} - {b""}


def _replaced(path: bytes, name: bytes, by: bytes) -> bytes:
    parts = path.split(b"/")
    return b"/".join(by if part == name else WHITEOUT + by if part == WHITEOUT + name else part for part in parts)
