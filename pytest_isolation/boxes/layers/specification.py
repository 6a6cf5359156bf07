"""What the OCI image specification makes of a sequence of layers: our reading of layer.md, rule by rule.

The oracle of `pytest-isolation layers`.  It is written to be read beside the specification, and knows no engine.  Where
the specification does not say what the result is, the reading goes on as a tar that extracts does ("the archive is
extracted like a regular tar archive"), and marks what depends on that with a key of SILENT.  A difference at such a
place is no mistake of an engine: it is one of the specification's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pytest_isolation.boxes.image import Entry, FileView, TreeView
from pytest_isolation.boxes.layers.model import OPAQUE, WHITEOUT, Layer, Layers, joined

ASPECTS = ("exists", "type", "content", "mode", "owner", "mtime", "xattr", "links")

SILENT = {
    "parent-without-entry": "a directory that no entry describes: which mode, owner and time it has",
    "time-of-parent": "the time of a directory in which a layer without an entry for it changes names",
    "below-symlink": "an entry below a symbolic link: whether the link is followed, replaced, or the entry refused",
    "below-other": "an entry below what is no directory",
    "duplicate": "two entries with one path, which a layer must not have: what becomes of them",
    "marker-not-empty-file": "a name that begins with .wh. and is no empty file",
    "marker-without-name": "the name .wh. alone: what it removes",
    "marker-in-no-directory": "a marker in a directory that is not there",
    "link-to-lower-layer": "a hard link to a file of a lower layer: it may fail, and the two may be one file or not",
    "status-of-link": "a hard link whose header has another mode, owner, time or attributes than the file it names",
    "link-to-nothing": "a hard link to a name that is not there, or is a directory",
}
"""Key -> what the specification does not say."""


@dataclass(slots=True)
class Node:
    """A file or directory: hard links are names of one node."""

    entry: Entry
    silent: dict[str, str] = field(default_factory=dict)
    """Aspect -> the key of SILENT by which it is not decided."""
    layer: int = 0
    """The layer that made it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The tree, and what of it the specification does not decide."""

    tree: TreeView
    silent: dict[tuple[bytes, str], str]
    """(path, aspect) -> key of SILENT."""
    silent_below: dict[bytes, str]
    """A path at and below which nothing is decided -> key of SILENT."""
    met: frozenset[str]
    """Keys of SILENT that the sequence meets on its way, what is gone at its end included."""

    def undecided(self, path: bytes, aspect: str) -> str | None:
        """The key of SILENT by which this aspect of this path is not decided; None: the specification decides."""
        if (path, aspect) in self.silent:
            return self.silent[path, aspect]
        for top, reason in self.silent_below.items():
            if path == top or top == b"" or path.startswith(top + b"/"):
                return reason
            # Where it is not said whether a name is there, it is not said whether its directory was written to.
            if aspect == "mtime" and path == top.rpartition(b"/")[0]:
                return reason
        return None


ROOT = Entry(path=b"", kind="dir", mode=0o755, mtime_ns=10**18)
"""The directory that a sequence is applied in: it is there, and no layer of the sequence made it."""


def apply(sequence: Layers) -> Reading:
    """The tree that the layers make, in which the root is the path b""."""
    return Applied(sequence).reading()


class Applied:
    """The layers so far.  "One or more layers are applied on top of each other to create a complete filesystem." """

    def __init__(self, sequence: Layers | None = None) -> None:
        self.nodes: dict[bytes, Node] = {b"": Node(ROOT, layer=-1)}
        self.silent_below: dict[bytes, str] = {}
        self._met: set[str] = set()
        self._layer = -1
        for layer in sequence.layers if sequence else ():
            self.apply(layer)

    def apply(self, layer: Layer) -> None:
        """One more layer."""
        self._layer += 1
        self._described = {entry.path for entry in layer if not _is_marker(entry.path)}
        self._mark_conflicts(layer)
        # "Whiteout files MUST only apply to resources in lower/parent layers": all of them come first, "regardless of
        # the ordering in which the whiteout file was encountered".
        self._lower = {path for path, node in self.nodes.items() if node.entry.kind == "dir"}
        for entry in layer:
            if _is_marker(entry.path):
                self._hide(entry)
        for entry in layer:
            if _is_marker(entry.path):
                self._mark_lost(entry.path.rpartition(b"/")[0])
        for entry in layer:
            if not _is_marker(entry.path):
                self._add(entry)

    # -- markers --------------------------------------------------------------------------

    def _hide(self, marker: Entry) -> None:
        """ "Once a whiteout is applied, the whiteout itself MUST also be hidden": it makes no node."""
        directory, _, name = marker.path.rpartition(b"/")
        if any(part.startswith(WHITEOUT) for part in directory.split(b"/")):
            return  # below a name that cannot be: said of that name, in _mark_conflicts
        if directory not in self._lower:
            return  # nothing of a lower layer is there to be hidden
        if marker.kind != "file" or marker.data or marker.hole:
            # "A whiteout file is an empty file": what another is, is not said.
            self.silent_below[directory] = "marker-not-empty-file"
            return
        if name == WHITEOUT:
            self.silent_below[directory] = "marker-without-name"
            return
        if name == OPAQUE:
            # "all siblings are hidden in the lower layer"
            gone = [path for path in self.nodes if path.rpartition(b"/")[0] == directory and path]
        else:
            # "the prefix .wh. plus the basename of the path to be deleted"
            gone = [joined(directory, name.removeprefix(WHITEOUT))]
        for path in gone:
            if path in self.nodes:
                self._remove(path)
        if directory in self.nodes:
            self._changed(directory)

    def _mark_lost(self, directory: bytes) -> None:
        """A marker is an entry below a directory as any other: does it make one that is not there?"""
        if directory in self.nodes:
            if not self._is_directory(directory):
                self.silent_below[directory] = "marker-in-no-directory"
        elif directory not in self._described:
            missing = [path for path in (directory, *_parents(directory)) if path not in self.nodes]
            self.silent_below[min(missing, key=len)] = "marker-in-no-directory"

    # -- entries --------------------------------------------------------------------------

    def _add(self, entry: Entry) -> None:
        if any(part.startswith(WHITEOUT) for part in entry.path.split(b"/")):
            return
        directory = entry.path.rpartition(b"/")[0]
        through = self._through(directory)
        if through is not None:
            kind = self.nodes[through].entry.kind
            self.silent_below[through] = "below-symlink" if kind == "symlink" else "below-other"
            if kind == "symlink":
                target = self.nodes[through].entry.data
                self.silent_below[joined(through.rpartition(b"/")[0], target)] = "below-symlink"
            return
        self._make_parents(directory)
        existing = self.nodes.get(entry.path)
        if entry.kind == "hardlink":
            self._link(entry, existing)
            return
        if existing is not None and existing.entry.kind == entry.kind == "dir":
            # "If the entry and the existing path are both directories, then the existing path's attributes MUST be
            # replaced by those of the entry in the changeset."
            existing.entry, existing.silent = entry, {}
            return
        # "In all other cases ... removing the file path ... recreating the file path, based on the contents and
        # attributes of the changeset entry"
        if existing is not None:
            self._remove(entry.path)
        self.nodes[entry.path] = Node(entry, layer=self._layer)
        self._changed(directory)

    def _link(self, entry: Entry, existing: Node | None) -> None:
        target = self.nodes.get(entry.data)
        if target is None or target.entry.kind == "dir" or entry.data == entry.path:
            self.silent_below[entry.path] = self.silent_below[entry.data] = "link-to-nothing"
            return
        if target.layer != self._layer:
            # "Extracting a layer with hardlink references to files outside of the layer may fail"; union file systems
            # "may have limited or no support for hardlinks".
            target.silent["links"] = "link-to-lower-layer"
            self._met.add("link-to-lower-layer")
        for aspect, (said, had) in _statuses(entry, target.entry).items():
            if said != had:
                target.silent[aspect] = "status-of-link"
        if existing is not None:
            self._remove(entry.path)
        self.nodes[entry.path] = target
        self._changed(entry.path.rpartition(b"/")[0])

    # -- directories ----------------------------------------------------------------------

    def _make_parents(self, directory: bytes) -> None:
        parts = directory.split(b"/") if directory else []
        for end in range(1, len(parts) + 1):
            path = b"/".join(parts[:end])
            if path not in self.nodes:
                made = Entry(path=path, kind="dir", mode=0o755)
                silent = dict.fromkeys(("mode", "owner", "mtime", "xattr"), "parent-without-entry")
                self.nodes[path] = Node(made, silent, layer=self._layer)
                self._changed(path.rpartition(b"/")[0])

    def _changed(self, directory: bytes) -> None:
        """A name came or went: the directory's time is the entry's of this layer, or not said."""
        if directory not in self._described:
            self.nodes[directory].silent.setdefault("mtime", "time-of-parent")

    def _remove(self, path: bytes) -> None:
        for gone in [found for found in self.nodes if found == path or found.startswith(path + b"/")]:
            del self.nodes[gone]

    def _is_directory(self, path: bytes) -> bool:
        return path in self.nodes and self.nodes[path].entry.kind == "dir"

    def _through(self, directory: bytes) -> bytes | None:
        """The first part of a path that is there and is no directory."""
        parts = directory.split(b"/") if directory else []
        for end in range(1, len(parts) + 1):
            path = b"/".join(parts[:end])
            if path in self.nodes and not self._is_directory(path):
                return path
        return None

    def _mark_conflicts(self, layer: Layer) -> None:
        """What one archive must not have, or cannot have of any file system."""
        seen: dict[bytes, Entry] = {}
        for entry in layer:
            # "MUST NOT include duplicate entries for file paths in the resulting tar archive"
            if entry.path in seen:
                self.silent_below[_unmarked(entry.path)] = "duplicate"
            seen[entry.path] = entry
        for entry in layer:
            for parent in _parents(entry.path):
                if parent.rpartition(b"/")[2].startswith(WHITEOUT):
                    self.silent_below[parent.rpartition(b"/")[0]] = "marker-not-empty-file"
                elif parent in seen and seen[parent].kind != "dir":
                    kind = seen[parent].kind
                    self.silent_below[parent] = "below-symlink" if kind == "symlink" else "below-other"
                    if kind == "symlink":
                        beside = parent.rpartition(b"/")[0]
                        self.silent_below[joined(beside, seen[parent].data)] = "below-symlink"

    # -- the result -----------------------------------------------------------------------

    def reading(self) -> Reading:
        """The tree as it is now, and what of it is not decided."""
        names: dict[int, list[bytes]] = {}
        for path, node in self.nodes.items():
            names.setdefault(id(node), []).append(path)
        tree = {path: _view(node.entry, names[id(node)]) for path, node in self.nodes.items()}
        silent = {(path, aspect): why for path, node in self.nodes.items() for aspect, why in node.silent.items()}
        met = frozenset({*silent.values(), *self.silent_below.values(), *self._met})
        return Reading(tree, silent, dict(self.silent_below), met)


def _statuses(one: Entry, other: Entry) -> dict[str, tuple[object, object]]:
    return {
        "mode": (one.mode, other.mode),
        "owner": ((one.uid, one.gid), (other.uid, other.gid)),
        "mtime": (one.mtime_ns, other.mtime_ns),
        "xattr": (one.xattrs, other.xattrs),
    }


def _is_marker(path: bytes) -> bool:
    return path.rpartition(b"/")[2].startswith(WHITEOUT)


def _unmarked(path: bytes) -> bytes:
    """What a marker tells of: what it hides, or the directory of the others."""
    directory, _, name = path.rpartition(b"/")
    if not name.startswith(WHITEOUT):
        return path
    return directory if name in (OPAQUE, WHITEOUT) else joined(directory, name.removeprefix(WHITEOUT))


def _parents(path: bytes) -> Iterator[bytes]:
    while b"/" in path:
        path = path.rpartition(b"/")[0]
        yield path


def _view(entry: Entry, names: list[bytes]) -> FileView:
    return FileView(
        kind=entry.kind,
        mode=0o777 if entry.kind == "symlink" else entry.mode,
        uid=entry.uid,
        gid=entry.gid,
        mtime_ns=entry.mtime_ns,
        contents=b"" if entry.kind in ("dir", "fifo") else entry.data + bytes(entry.hole),
        xattrs=tuple(sorted(entry.xattrs)),
        group=min(names) if len(names) > 1 else b"",
    )
