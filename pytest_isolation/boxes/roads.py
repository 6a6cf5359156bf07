"""What an image loses on a road from one engine to the next: the aspects that are compared, and how.

The tree that was sent is a model (image.py); the tree that arrived is read by this machine's root.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from pytest_isolation.boxes.image import Entry, FileView, Image, TreeView

TREE = b"image"
"""The directory, below a root, that holds all that is sent."""
CAPABILITY = "security.capability"


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came out at the end of a road."""

    tree: TreeView
    refused: str = ""
    """What the engine said when it did not take the image; empty: it took it."""
    identity: tuple[str, str] | None = None
    """The image's ID (oci:image-spec config.md, ImageID) before and after; None: no image travels, only its files."""


@dataclass(frozen=True, slots=True)
class Loss:
    """One name that arrived otherwise than it was sent."""

    path: bytes
    sent: object
    arrived: object


def _user_attributes(look: FileView) -> object:
    return tuple((name, value) for name, value in look.xattrs if name != CAPABILITY)


def _capability(look: FileView) -> object:
    return tuple(value for name, value in look.xattrs if name == CAPABILITY)


OF_FILES: Mapping[str, Callable[[FileView], object]] = {
    "contents": lambda look: look.kind == "file" and look.contents,
    "links": lambda look: (look.group, look.kind == "symlink" and look.contents),
    "modes": lambda look: look.mode,
    "owners": lambda look: (look.uid, look.gid),
    "times": lambda look: look.mtime_ns,
    "xattrs": _user_attributes,
    "capabilities": _capability,
}
"""Aspect -> what is compared of each name that arrived."""

ASPECTS = ("names", *OF_FILES, "holes", "identity")
"""All of them: `names` are paths with their types; `holes`: a sparse file takes less storage than its size."""


def losses(aspect: str, sent: TreeView, arrival: Arrival) -> Iterator[Loss]:
    """What differs in `aspect`; of names that did not arrive, nothing but that."""
    if aspect == "identity":
        if arrival.identity is not None and arrival.identity[0] != arrival.identity[1]:
            yield Loss(b"", *arrival.identity)
        return
    if aspect == "names":
        for path in sorted(sent.keys() | arrival.tree.keys()):
            wanted, found = sent.get(path), arrival.tree.get(path)
            if (wanted and wanted.kind) != (found and found.kind):
                yield Loss(path, wanted and wanted.kind, found and found.kind)
        return
    for path in sorted(sent.keys() & arrival.tree.keys()):
        wanted, found = sent[path], arrival.tree[path]
        if wanted.kind != found.kind:
            continue
        if aspect == "holes":
            if wanted.sparse and not found.sparse:
                yield Loss(path, "sparse", "full")
        elif (one := OF_FILES[aspect](wanted)) != (other := OF_FILES[aspect](found)):
            yield Loss(path, one, other)


def together(trees: Sequence[Image]) -> Image:
    """One tree with a directory for each: 0, 1 ..."""
    entries = [Entry(path=TREE, kind="dir", mode=0o755)]
    for number, tree in enumerate(trees):
        place = TREE + b"/%d" % number
        entries.append(Entry(path=place, kind="dir", mode=0o755))
        for entry in tree.below(TREE).entries:
            data = place + b"/" + entry.data if entry.kind == "hardlink" else entry.data
            entries.append(replace(entry, path=place + b"/" + entry.path, data=data))
    return Image(tuple(entries))


class Roads(Protocol):
    """The roads of one engine, ready to be used."""

    version: str

    @property
    def roads(self) -> Mapping[str, str]:
        """Name of a road -> the commands that it takes, in words."""

    def send(self, road: str, image: Image) -> Arrival:
        """Send the tree over the road, and read what arrived of its directory TREE.

        Raises BoxError where the road itself broke; what an engine refuses is an Arrival.
        """
