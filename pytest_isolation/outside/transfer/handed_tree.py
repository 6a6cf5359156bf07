"""What the domain `port` asks of a directory that was handed in: each aspect of what lies in it, as the box has it."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_isolation.boxes.image import Image
from pytest_isolation.boxes.lifetime import state_directory
from pytest_isolation.boxes.roads import TREE, Arrival, losses, together
from pytest_isolation.boxes.spec import Volume
from pytest_isolation.boxes.unpack import Unreadable, expected, observed
from pytest_isolation.boxes.weakenings import Weakening, lossy
from pytest_isolation.errors import BoxError, Unavailable, Unsupported
from pytest_isolation.outside.box import Box
from pytest_isolation.outside.together import once
from pytest_isolation.outside.transfer.carried import alike

TARGET = "/volume"
OF_THE_HOSTS_KERNEL = ("fifo", "char", "block")
"""Kinds of files that lead to something in the host's kernel: one with a kernel of its own may leave them out (runsc
does, without its --host-fifo)."""


@dataclass(frozen=True, slots=True)
class Aspect:
    """One of roads.ASPECTS.  `as_host`: what of the host's files the box has; `does`: what a box does that has not."""

    name: str
    as_host: str
    does: str
    why: str

    @property
    def hole(self) -> Weakening:
        """The directory that has lost this alone."""
        return lossy(f"volume-{self.name}")


ASPECTS = (
    Aspect(
        "links", "its links as the host has them: which names are one file, and the targets of symbolic links",
        "loses links of a directory it was handed",
        "a link of the host's that leads nowhere in the box, or a second name that has become a second file",
    ),
    Aspect(
        "modes", "all twelve mode bits of everything in it as the host has them",
        "sees other modes in what it was handed", "who may read, write and run what lies there",
    ),
    Aspect(
        "owners", "the numeric owner and group of everything in it as the host has them",
        "sees other owners in what it was handed",
        "whose the files are: in a user namespace they are nobody's, unless the mount maps them",
    ),
    Aspect(
        "xattrs", "the user attributes of everything in it as the host has them",
        "loses attributes in what it was handed", "what programs write beside a file's bytes",
    ),
)  # fmt: skip


def differing(box: Box, aspect: Aspect, trees: Sequence[Image]) -> dict[str, str]:
    """What a box like `box` has otherwise than the host, by name, of a directory with these trees.

    One box for the latest trees: once().  Raises Unsupported where no directory can be handed in, BoxError.
    """
    image = together(trees)
    found = once(box, ("volume", image), lambda: _seen(box, image))
    if isinstance(found, str):
        raise Unsupported(found)
    if aspect.name == "xattrs" and not _host_keeps_attributes():
        raise Unsupported(
            f"the file system of {tempfile.gettempdir()} keeps no user attributes: the host's own files have none",
            "set TMPDIR to a directory of one that does, as of ext4",
        )
    wanted = expected(image.below(TREE))
    missing = sorted(wanted.keys() - found.tree.keys())
    if len(missing) == len(wanted):
        raise BoxError(f"of {len(wanted)} names none is in the directory that was handed in: nothing can be compared")
    differs = {
        os.fsdecode(loss.path): f"host: {loss.sent!r:.80}, box: {loss.arrived!r:.80}"
        for loss in losses(aspect.name, wanted, found)
    }
    if aspect.name == "links":  # a name is a link to its file, too
        names = [path for path in missing if wanted[path].kind not in OF_THE_HOSTS_KERNEL]
        differs |= {os.fsdecode(path): "host: a name, box: none" for path in names}
    return differs


def _host_keeps_attributes() -> bool:
    """Where directories that are handed in lie: xattr(7).  Raises BoxError."""
    directory, name = state_directory(), f"user.pytest-isolation-{os.getpid()}"
    try:
        os.setxattr(directory, name, b"")
        os.removexattr(directory, name)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            return False
        raise BoxError(f"a user attribute of {directory}: {error.strerror}") from None
    return True


def _seen(box: Box, image: Image) -> Arrival | str:
    """A text: why there is no answer."""
    handed = Volume(target=TARGET, tree=image)
    try:
        with alike(box, volumes=(handed,), uid=0, gid=0, workdir="/") as fresh:
            return Arrival(observed(fresh.proc, os.fsencode(TARGET) + b"/" + TREE))
    except Unavailable as error:
        return str(error)
    except Unreadable as error:
        return f"root in the box may not read all of what it was handed ({error})"
