"""What a box does to the files of its image, no other box from that image sees."""

import os
from errno import ENOENT

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Entry, Image, Unsupported, guarantee, severity, weaken
from pytest_isolation.agent.client import Reply
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.shortcuts import read, write
from pytest_isolation.strategies import payloads, tokens

PLACE, ORIGINAL, MODE = "/of-the-image", b"as it lies in the image\n" * 16, 0o644
WAYS = ("overwrite", "append", "truncate", "punch", "replace", "mode")
FALLOC_FL_PUNCH_HOLE_KEEP_SIZE = 3

promise = guarantee(
    "mnt.lower-layer-bytes",
    claim="a file of the image has the same bytes, and the same mode, in another box from that image, whatever a box "
    "does to its own",
    sources=("oci:image-spec layer", "docker:storage drivers, images and layers", "man:mount(8) overlay"),
    severity=severity.neighbour("changes the image's files in another box"),
    falsified_by=weaken.drop("private-root"),
    box={"image": Image((Entry(path=PLACE[1:].encode(), kind="file", mode=MODE, data=ORIGINAL),))},
    distinct="files of the image, which all boxes start from, not files that a box makes",
)


@promise
@given(way=st.sampled_from(WAYS), data=payloads(), name=tokens())
def test_image_stays_as_it_is(box: Box, way: str, data: bytes, name: str) -> None:
    if box.sibling.spec.image != box.spec.image:
        raise Unsupported("the box beside this one is not from its image")
    before = _seen(box.sibling)
    promise.receipt(before[0] == ORIGINAL, *before[1:])
    reply = _change(box, way, data, name)
    try:
        after = _seen(box.sibling)
    finally:
        _restore(box)
    promise.tried(reply, vain=(ENOENT,))
    promise.held("isolated" if reply.ok else "refused")
    promise.require(after[0] == ORIGINAL and after[2] == before[2], reply, way=way, bytes_there=len(after[0]))


def _seen(box: Box) -> tuple[bytes, Reply, bytes]:
    """The bytes, the call that gave them, and the mode as statx(2) gives it."""
    told = read(box.proc, PLACE)
    return told.data, told, box.proc.statx(AT_FDCWD, PLACE).data[28:30]


def _change(box: Box, way: str, data: bytes, name: str) -> Reply:
    match way:
        case "overwrite":
            return write(box.proc, PLACE, data)
        case "append":
            return write(box.proc, PLACE, data, os.O_WRONLY | os.O_APPEND)
        case "truncate":
            return box.proc.truncate(PLACE, 1)
        case "punch":
            opened = box.proc.openat(AT_FDCWD, PLACE, os.O_RDWR | os.O_CLOEXEC)
            if not opened.ok:
                return opened
            punched = box.proc.fallocate(opened.value, FALLOC_FL_PUNCH_HOLE_KEEP_SIZE, 0, 8)
            box.proc.close(opened.value)
            return punched
        case "replace":
            made = write(box.proc, f"/{name}", data, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            return box.proc.renameat2(AT_FDCWD, f"/{name}", AT_FDCWD, PLACE) if made.ok else made
        case _:
            return box.proc.fchmodat(AT_FDCWD, PLACE, 0o600)


def _restore(box: Box) -> None:
    """As it was, whatever was done: the next example begins there."""
    write(box.proc, PLACE, ORIGINAL, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, MODE)
    box.proc.fchmodat(AT_FDCWD, PLACE, MODE)
