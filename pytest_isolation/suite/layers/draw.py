"""Sequences of layers, drawn by Hypothesis: harmless ones, whose links stay inside.

No name, link or marker leads out of the directory that a sequence is applied in: symbolic links have targets beside
them, hard links name what is there; `..`, a leading `/` and an overlay file system's own attributes are not drawn.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import strategies as st

from pytest_isolation.boxes.image import Entry
from pytest_isolation.boxes.layers.model import OPAQUE, WHITEOUT, Layer, Layers, joined
from pytest_isolation.boxes.layers.specification import Applied, Node
from pytest_isolation.strategies import byte_names, xattrs
from pytest_isolation.suite import drawing

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

NAMES = (b"a", b"b", b"d", b"B")
SECOND = 10**9
YEARS = 365 * 86400 * SECOND
DEVICES = (b"0:0", b"1:3", b"1:5", b"4095:1048575")
KINDS = ("file", "file", "dir", "dir", "symlink", "fifo", "char", "hardlink", "block")
CONTENTS = (b"", b"old", b"new", bytes(5000))
ODD_MARKERS = (b".wh.none", b".wh..wh.a", b".wh..wh.plnk", b".wh.")
"""Of what is not there, of what cannot be there, of AUFS, of nothing."""

# Made once: making a strategy costs more than drawing from it.
_NUMBER = st.integers(0, 255)
_YES = st.booleans()
_LONG = st.sampled_from([b"n" * 99, b"n" * 101, b"n" * 255, b"\xc3\xa9" * 60])
_NEAR = st.sampled_from([b".wh", b".whx", b"wh.a", b"a.wh.b", b".opq"])
_ODD = byte_names().filter(lambda name: not name.startswith(WHITEOUT))
_NAME = st.one_of(*[st.sampled_from(NAMES)] * 6, _NEAR, _ODD, _LONG)
"""Few, so that layers meet; once in a while a long or an odd one."""
_DAYS = st.integers(1, 50 * 365).map(lambda days: days * 86400 * SECOND)
_TIME = st.one_of(
    _DAYS, _DAYS, _DAYS, st.integers(0, 50 * YEARS), st.integers(-60 * YEARS, 0), st.integers(70 * YEARS, 470 * YEARS)
)
"""Nanoseconds since 1970: of our days mostly, before 1970, and to 2440; ext4 keeps them to 2446."""
_OWNER = st.sampled_from([0, 1000, 1000, 65534, 2_097_152, 4_294_967_294])
_MODE = st.one_of(st.sampled_from([0o644, 0o755, 0o700, 0o1777, 0o4755, 0o2750, 0]), st.integers(0, 0o7777))
_XATTRS = {of_file: xattrs(of_file=of_file) for of_file in (False, True)}


class _Draw:
    """One sequence as it is drawn."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.applied = Applied()
        self.made: list[Entry] = []
        """The entries of the layer that is drawn now."""

    def one_of(self, values: Sequence[T]) -> T:
        return values[self.draw(_NUMBER) % len(values)]

    def name(self) -> bytes:
        name: bytes = self.draw(_NAME)
        return name

    def layer(self) -> Layer:
        """One to three changes to what the layers so far made."""
        layer = self.made = []
        for _ in range(self.one_of((1, 2, 2, 3))):
            for entry in self.change():
                if all(entry.path != other.path for other in layer) or self.one_of(range(20)) == 19:
                    layer.append(entry)
        self.applied.apply(tuple(layer))
        return tuple(layer)

    def change(self) -> list[Entry]:
        """What one change writes: one entry, or two that belong together."""
        nodes = {path: node for path, node in self.applied.nodes.items() if path}
        directories = [b"", *sorted(path for path, node in nodes.items() if node.entry.kind == "dir")]
        change = self.one_of(range(25))
        if not nodes or change <= 7:  # something new
            return [self.new(joined(self.one_of(directories), self.name()), nodes)]
        path = self.one_of(sorted(nodes))
        directory, _, name = path.rpartition(b"/")
        match change:
            case 8 | 9 | 10:  # gone
                return [_marker(joined(directory, WHITEOUT + name))]
            case 11 | 12:  # gone, and there anew
                return self.in_any_order([_marker(joined(directory, WHITEOUT + name)), self.new(path, nodes)])
            case 13 | 14 | 15:  # of another kind, or anew
                return [self.new(path, nodes)]
            case 16 | 17 | 18:  # one attribute alone, of the file itself where it has many names
                return [self.changed(nodes[path].entry)]
            case 19 | 20:  # of what lower layers have in a directory nothing is left
                emptied = self.one_of(directories)
                return self.in_any_order(
                    [_marker(joined(emptied, OPAQUE)), self.new(joined(emptied, self.name()), nodes)]
                )
            case 21:  # in a directory without an entry; once in a while below what is no directory
                links = sorted(path for path, node in nodes.items() if node.entry.kind == "symlink")
                parent = joined(self.one_of(directories), b"m")
                parent = self.one_of((parent, parent, parent + b"/m", self.one_of(links or (path,))))
                return [self.described(joined(parent, self.name()), "file")]
            case 22 | 23:
                parent = self.one_of(directories)
                path = joined(self.one_of((parent, parent, parent, joined(parent, b"m"))), self.one_of(ODD_MARKERS))
                return [self.one_of((_marker(path), _marker(path), _marker(path), *_no_markers(path)))]
        again = self.new(path, nodes)  # two entries of one path
        return [again, self.changed(again)]

    def in_any_order(self, entries: list[Entry]) -> list[Entry]:
        return entries[::-1] if self.draw(_YES) else entries

    def new(self, path: bytes, nodes: dict[bytes, Node]) -> Entry:
        """An entry of any kind at this path."""
        kind: Any = self.one_of(KINDS)
        if kind == "hardlink":
            targets = [one for one in self.made if one.kind in ("file", "symlink", "fifo", "char") and one.path != path]
            targets = [one for one in targets if not one.path.rpartition(b"/")[2].startswith(WHITEOUT)]
            if not targets or self.one_of(range(8)) == 7:
                lower = sorted(name for name, node in nodes.items() if node.entry.kind != "dir" and name != path)
                targets = [replace(nodes[name].entry, path=name) for name in lower]
            if targets:
                target = self.one_of(targets)
                # Who extracts a link may set what its header says: that is the file's, mostly.
                link = replace(target, path=path, kind="hardlink", data=target.path, hole=0)
                return self.changed(link) if self.one_of(range(8)) == 7 else link
            kind = "file"
        data = {"file": CONTENTS, "symlink": NAMES, "char": DEVICES, "block": DEVICES}.get(kind, (b"",))
        return self.described(path, kind, self.one_of(data))

    def described(self, path: bytes, kind: Any, data: bytes = b"") -> Entry:
        """An entry with its status as it mostly is: one or two of its fields are drawn."""
        entry = Entry(path=path, kind=kind, data=data, mode=0o755 if kind == "dir" else 0o644, mtime_ns=SECOND)
        if self.draw(_YES):
            entry = replace(entry, mtime_ns=self.draw(_TIME))
        if self.one_of(range(3)) == 2:
            entry = replace(entry, mode=self.draw(_MODE), uid=self.draw(_OWNER), gid=self.draw(_OWNER))
        if kind in ("file", "dir") and self.one_of(range(4)) == 3:
            entry = replace(entry, xattrs=self.draw(_XATTRS[kind == "file"]))
        return entry

    def changed(self, entry: Entry) -> Entry:
        """The same entry with one attribute another, or none."""
        match self.one_of(("mode", "owner", "time", "xattrs", "nothing")):
            case "mode":
                return replace(entry, mode=self.draw(_MODE))
            case "owner":
                return replace(entry, uid=self.draw(_OWNER), gid=self.draw(_OWNER))
            case "time":
                return replace(entry, mtime_ns=self.draw(_TIME))
            case "xattrs" if entry.kind in ("file", "dir"):
                return replace(entry, xattrs=() if entry.xattrs else self.draw(_XATTRS[entry.kind == "file"]))
        return entry


def _marker(path: bytes) -> Entry:
    return Entry(path=path, kind="file", mtime_ns=SECOND)


def _no_markers(path: bytes) -> list[Entry]:
    """Entries with the name of a marker that are no empty files."""
    marker = _marker(path)
    return [
        replace(marker, data=b"x"),
        replace(marker, kind="dir", mode=0o755),
        replace(marker, kind="symlink", data=b"a"),
    ]


@st.composite
def sequences(draw: st.DrawFn) -> Layers:
    """Two to four layers, each of one to three changes to what the layers below it made."""
    drawing = _Draw(draw)
    return Layers(tuple(drawing.layer() for _ in range(drawing.one_of((2, 2, 3, 4)))))


def drawn(count: int, start: int) -> list[Layers]:
    """At most `count` different sequences, the same for the same `start`, which is any whole number."""
    return drawing.drawn(sequences(), count, start)
