"""The beginning of a road: one tree as an image in files, as an archive, or as a directory of this machine."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.boxes import roads
from pytest_isolation.boxes.image import Entry, Image, TreeView
from pytest_isolation.boxes.layers.archive import write_archive, write_layout
from pytest_isolation.boxes.layers.model import Layers
from pytest_isolation.boxes.layers.tree import read
from pytest_isolation.boxes.local import start_local
from pytest_isolation.boxes.roads import ASPECTS, Arrival, losses
from pytest_isolation.boxes.unpack import expected, unpack
from pytest_isolation.boxes.weakenings import Weakenings, lossy
from pytest_isolation.errors import IsolationError, Unavailable

TREE = os.fsdecode(roads.TREE)


class Lost(IsolationError):
    """An engine does not take back what it made of the tree itself: nothing of it has arrived."""


def base() -> Image:
    """What a container of the image needs to start: directories to mount on, and the agent."""
    directories = [Entry(path=path, kind="dir", mode=0o755) for path in (b"proc", b"sys", b"dev", b"etc")]
    agent = Entry(path=b"agent", kind="file", mode=0o755, data=agent_binary().read_bytes())
    return Image((*directories, agent))


@dataclass(frozen=True, slots=True)
class Packed:
    """An image in files: an OCI layout, and the same as one tar, which is a docker-archive as well."""

    layout: Path
    archive: Path
    tag: str
    identity: str
    """Its ID: the digest of its configuration."""


def pack(
    directory: Path, image: Image, tag: str, *, labels: Mapping[str, str], holes: Weakenings = frozenset()
) -> Packed:
    """Write the image `tag` into `directory`, with `base()` below it.  Raises OSError.

    With lossy("save-identity") among `holes`, what is written is another image than the one whose ID is told.
    """
    layout = directory / "layout"
    layers = Layers((base().entries, image.layer) if image.entries else (base().entries,))
    write_layout(layout, layers, tag, command=["/agent"], labels=labels)
    (saved,) = json.loads((layout / "manifest.json").read_text(encoding="utf-8"))
    digest = hashlib.sha256((layout / saved["Config"]).read_bytes()).hexdigest()
    if lossy("save-identity") in holes:
        layout = directory / "other"
        write_layout(layout, layers, tag, command=["/agent"], labels={**labels, "another": "yes"})
    write_archive(layout, directory / "image.tar")
    return Packed(layout, directory / "image.tar", tag, f"sha256:{digest}")


def make(directory: bytes, image: Image) -> None:
    """Make the tree in `directory`, by root of this machine.

    Raises BoxError, Unsupported; Unavailable where the file system there does not keep it all: what a road had not
    been given, it could not lose.
    """
    with start_local() as local:
        unpack(image, local.proc, directory)
    wanted, found = expected(image.below(TREE.encode())), arrived(directory)
    for aspect in ASPECTS:
        for loss in losses(aspect, wanted, Arrival(found)):
            raise Unavailable(
                f"the directory that a road begins or ends in keeps no {aspect} such as these: {loss}",
                "set TMPDIR to one on ext4 or XFS",
            )


def arrived(root: bytes) -> TreeView:
    """What is below the directory TREE of `root`, without that itself.  Raises OSError."""
    where = root + b"/" + TREE.encode()
    found = read(where) if os.path.isdir(where) else {}
    return {path: look for path, look in found.items() if path}
