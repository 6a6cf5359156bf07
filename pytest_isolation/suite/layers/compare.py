"""Many sequences in one image, unpacked by an engine, and compared with the specification aspect by aspect."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.boxes.image import Entry, FileView, TreeView
from pytest_isolation.boxes.layers.archive import write_archive, write_layout
from pytest_isolation.boxes.layers.model import WHITEOUT, Layer, Layers, joined
from pytest_isolation.boxes.layers.specification import ASPECTS, ROOT, Reading
from pytest_isolation.boxes.layers.tree import LISTED, read
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.errors import BoxError
from pytest_isolation.suite.layers.engines.engine import Engine, Stored
from pytest_isolation.technologies.docker.daemon import LABEL
from pytest_isolation.technologies.room import Refused

PLACE = re.compile(r"\bs[0-9a-f]{12}-([0-9]+)(?=[/\"': ]|$)")
"""The directory of one sequence in an image of many; engines name it when they refuse it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One aspect of one name."""

    path: bytes
    aspect: str
    wanted: object
    found: object
    silent: str | None
    """The key of specification.SILENT by which the specification does not decide it; None: it does."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What an engine made of one sequence: a tree, or a refusal in its words."""

    tree: TreeView
    refused: str | None = None


def differences(reading: Reading, unpacked: Unpacked) -> list[Difference]:
    """What of the tree is not as the specification has it, or as our reading goes on where it says nothing."""
    if unpacked.refused is not None:
        return [Difference(b"", "refused", None, unpacked.refused, min(_allows(reading), default=None))]
    found = []
    for path in sorted(reading.tree.keys() | unpacked.tree.keys()):
        wanted, seen = reading.tree.get(path), unpacked.tree.get(path)
        for aspect in ASPECTS:
            one, other = _aspect(wanted, aspect), _aspect(seen, aspect)
            if one != other:
                found.append(Difference(path, aspect, one, other, reading.undecided(path, aspect)))
                if aspect in ("exists", "type"):
                    break  # what is not there has no mode
    return found


def _allows(reading: Reading) -> frozenset[str]:
    """What lets an engine refuse a sequence: what a directory or a link is like is no reason to."""
    return reading.met - {"time-of-parent", "parent-without-entry", "status-of-link"}


def _aspect(look: FileView | None, aspect: str) -> object:
    if aspect == "exists":
        return look is not None and (look.kind != LISTED or LISTED)
    if look is None:
        return None
    match aspect:
        case "type":
            return look.kind
        case "content":
            return look.contents
        case "mode":
            return look.mode
        case "owner":
            return look.uid, look.gid
        case "mtime":
            return look.mtime_ns
        case "xattr":
            return look.xattrs
    return look.group


# -- images of many sequences -------------------------------------------------------------


ALIKE = "s000000000000"
"""Of every image of one sequence: their lowest layers are the same bytes, so an engine that has one takes no second."""


def _places(sequences: Mapping[int, Layers], name: str) -> dict[int, bytes]:
    """The directory of each sequence in its image."""
    if len(sequences) == 1:
        return {number: f"{ALIKE}-0".encode() for number in sequences}
    return {number: f"{name}-{number}".encode() for number in sequences}


def _image(sequences: Mapping[int, Layers], places: Mapping[int, bytes]) -> Layers:
    """One image with a directory for each sequence, made by a layer below all of theirs."""
    base = [Entry(path=path, kind="dir", mode=0o755) for path in (b"proc", b"sys", b"dev", b"etc")]
    base.append(Entry(path=b"agent", kind="file", mode=0o755, data=agent_binary().read_bytes()))
    layers: list[Layer] = []
    for number, sequence in sequences.items():
        base.append(Entry(path=places[number], kind="dir", mode=ROOT.mode, mtime_ns=ROOT.mtime_ns))
        for at, layer in enumerate(sequence.below(places[number]).layers):
            if at == len(layers):
                layers.append(())
            layers[at] += layer
    return Layers((tuple(base), *layers))


@contextmanager
def stored(sequences: Mapping[int, Layers]) -> Iterator[tuple[Stored, Mapping[int, bytes]]]:
    """The image as files, and the directory of each sequence in it.  Raises OSError."""
    name = f"s{secrets.token_hex(6)}"
    places = _places(sequences, name)
    lifetime = Lifetime()  # of which a run that is killed leaves a register
    try:
        where = lifetime.new_directory("image")
        image = Stored(where / "layout", where / "image.tar", f"pytest-isolation-layers:{name}")
        write_layout(image.layout, _image(sequences, places), image.tag, command=["/agent"], labels={LABEL: name})
        write_archive(image.layout, image.archive)
        yield image, places
    finally:
        lifetime.close()


TOGETHER = 150
"""Sequences in one image of those that no engine is known to refuse.  Each of the others has an image of its own.

Of these most engines refuse nine of ten, and Podman in words that name none: twelve together took it two images for
each refusal, and other engines one; and an image is the more work to be refused the more it holds.
"""


def unpack(engine: Engine, sequences: Sequence[Layers], readings: Sequence[Reading]) -> list[Unpacked]:
    """What the engine makes of each.  One that it refuses is taken out and the others are tried again.

    Raises BoxError when the engine cannot be asked.
    """
    answers: dict[int, Unpacked] = {}
    together = [at for at, reading in enumerate(readings) if not _allows(reading) and not _marks_its_own(sequences[at])]
    for start in range(0, len(together), TOGETHER):
        _unpack(engine, {at: sequences[at] for at in together[start : start + TOGETHER]}, answers)
    if alone := [at for at in range(len(sequences)) if at not in answers]:
        with _lowest_kept(engine):
            for at in alone:
                _unpack(engine, {at: sequences[at]}, answers)
    return [answers[number] for number in range(len(sequences))]


def _marks_its_own(sequence: Layers) -> bool:
    """Whether a layer has a whiteout behind the name that it is of: overlay file systems have one place for both."""
    for layer in sequence.layers:
        before: set[bytes] = set()
        for path in (entry.path for entry in layer):
            parent, _, name = path.rpartition(b"/")
            if name.startswith(WHITEOUT) and joined(parent, name.removeprefix(WHITEOUT)) in before:
                return True
            before.add(path)
    return False


@contextmanager
def _lowest_kept(engine: Engine) -> Iterator[None]:
    """In the block the engine has the lowest layer of every image of one sequence, and unpacks the others alone.

    Raises BoxError when it does not take that: there is nothing in it to refuse.
    """
    with ExitStack() as undo:
        image, _ = undo.enter_context(stored({0: Layers(())}))
        try:
            undo.enter_context(engine.unpacked(image))
        except Refused as error:
            raise BoxError(f"it refuses an image of plain files: {error}") from None
        yield


def _unpack(engine: Engine, sequences: dict[int, Layers], answers: dict[int, Unpacked]) -> None:
    while sequences:
        try:
            with stored(sequences) as (image, places), engine.unpacked(image) as root:
                for number in sequences:
                    answers[number] = Unpacked(read(root + b"/" + places[number]))
            return
        except Refused as error:
            said = str(error)
        named = {int(number) for number in PLACE.findall(said)} & sequences.keys()
        if len(named) == 1 or len(sequences) == 1:
            guilty = min(named or sequences)
            answers[guilty] = Unpacked({}, _told(said))
            del sequences[guilty]
            continue
        half = sorted(sequences)[: len(sequences) // 2]
        _unpack(engine, {number: sequences[number] for number in half}, answers)
        sequences = {number: one for number, one in sequences.items() if number not in half}


def _told(said: str) -> str:
    """The end of what an engine said, from shortly before the name that it refuses."""
    found = PLACE.search(said)
    start = max(0, found.start() - 100) if found else 0
    return PLACE.sub("ROOT", said[start:])[:300]
