"""A sequence of layers as a value, and as JSON for the corpus."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, get_args

from pytest_isolation.boxes.image import Entry, Kind

WHITEOUT = b".wh."
"""What the name of a marker begins with (oci:image-spec layer.md, Whiteouts)."""
OPAQUE = b".wh..wh..opq"

Layer = tuple[Entry, ...]
"""The entries of one archive, in its order."""


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers of one image, the lowest first."""

    layers: tuple[Layer, ...]

    def below(self, directory: bytes) -> Layers:
        """The same sequence with all its names in `directory`, which it does not make."""
        inside = directory + b"/"
        return Layers(
            tuple(
                tuple(
                    replace(
                        entry,
                        path=inside + entry.path,
                        data=inside + entry.data if entry.kind == "hardlink" else entry.data,
                    )
                    for entry in layer
                )
                for layer in self.layers
            )
        )


_KINDS: dict[str, Kind] = {kind: kind for kind in get_args(Kind)}
_PLAIN = Entry(path=b"", kind="file")
_FIELDS = [field.name for field in fields(Entry) if field.name not in ("path", "kind", "xattrs")]


def to_json(sequence: Layers) -> list[list[dict[str, Any]]]:
    """Lists of entries, each with what is not as in a plain file; bytes as texts, by surrogates where they are none."""
    return [[_entry_to_json(entry) for entry in layer] for layer in sequence.layers]


def from_json(layers: list[list[dict[str, Any]]]) -> Layers:
    """The sequence that `to_json` was given.  Raises KeyError, TypeError or ValueError for anything else."""
    return Layers(tuple(tuple(_entry_from_json(entry) for entry in layer) for layer in layers))


def _entry_to_json(entry: Entry) -> dict[str, Any]:
    told: dict[str, Any] = {entry.kind: as_text(entry.path)}
    for name in _FIELDS:
        value = getattr(entry, name)
        if value != getattr(_PLAIN, name):
            told[name] = as_text(value) if isinstance(value, bytes) else f"{value:04o}" if name == "mode" else value
    if entry.xattrs:
        told["xattrs"] = {name: value.hex() for name, value in entry.xattrs}
    return told


def _entry_from_json(told: dict[str, Any]) -> Entry:
    (kind,) = told.keys() - {*_FIELDS, "xattrs"}
    given = {name: value for name, value in told.items() if name in _FIELDS}
    if "data" in given:
        given["data"] = as_bytes(given["data"])
    if "mode" in given:
        given["mode"] = int(given["mode"], 8)
    xattrs = tuple((name, bytes.fromhex(value)) for name, value in told.get("xattrs", {}).items())
    for name in ("uid", "gid", "mtime_ns", "hole"):
        if type(given.get(name, 0)) is not int or (name != "mtime_ns" and given.get(name, 0) < 0):
            raise ValueError(f"{name} is {given[name]!r}, and no whole number")
    made = Entry(path=as_bytes(told[kind]), kind=_KINDS[kind], xattrs=xattrs, **given)
    if made.kind in ("char", "block"):
        _ = made.device  # raises ValueError for what is no MAJOR:MINOR
    return made


_OUT = frozenset({b"", b".", b"..", WHITEOUT + b".", WHITEOUT + b".."})
"""Parts of a path that are no name, and markers of such."""


def joined(directory: bytes, name: bytes) -> bytes:
    """The path of a name in a directory, which is empty for the root."""
    return directory + b"/" + name if directory else name


def leads_out(sequence: Layers) -> Entry | None:
    """The first entry with a name or a link that is not below its directory, or an attribute of an overlay's own."""
    for layer in sequence.layers:
        for entry in layer:
            paths = [entry.path, *([entry.data] if entry.kind in ("symlink", "hardlink") else [])]
            if any(b"\0" in path or not _OUT.isdisjoint(path.split(b"/")) for path in paths):
                return entry
            if any(".overlay." in name for name, _ in entry.xattrs):
                return entry
    return None


def as_text(value: bytes) -> str:
    """As UTF-8; a byte that is none becomes a surrogate."""
    return value.decode("utf-8", "surrogateescape")


def as_bytes(value: str) -> bytes:
    """What `as_text` was given."""
    return value.encode("utf-8", "surrogateescape")
