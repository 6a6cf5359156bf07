"""One image, transferred into a fresh box and read back: the model is compared with the files that the box shows."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from pytest_isolation.agent.client import Proc
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.boxes.image import FileView, Image, TreeView
from pytest_isolation.boxes.programs import read_file
from pytest_isolation.boxes.roads import TREE, Arrival, losses, together
from pytest_isolation.boxes.unpack import Unreadable, expected, observed
from pytest_isolation.boxes.weakenings import grant
from pytest_isolation.door import Door
from pytest_isolation.errors import BoxError, Unavailable, Unsupported
from pytest_isolation.outside.box import Box
from pytest_isolation.outside.together import once


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """An image's tree as it was wanted, and as the box shows it."""

    wanted: TreeView
    found: TreeView
    keeps: bool
    """Whether the file system that the tree lies on can keep times such as the image's."""

    def differing(self, aspect: Callable[[FileView], object]) -> dict[str, str]:
        """What differs in `aspect`, by name, of the names that arrived.  Raises BoxError when none did."""
        both = self.wanted.keys() & self.found.keys()
        if not both:
            raise BoxError("nothing of the image has arrived under its name: there is nothing to compare")
        pairs = {path: (aspect(self.wanted[path]), aspect(self.found[path])) for path in sorted(both)}
        return {
            os.fsdecode(path): f"image: {wanted!r:.80}, box: {found!r:.80}"
            for path, (wanted, found) in pairs.items()
            if wanted != found
        }


def alike(box: Box, **changes: Any) -> AbstractContextManager[Box]:
    """A box like `box` with `changes`, and without a network where that can be: none is needed, and it starts sooner.

    Its end is not waited for.

    Raises Unsupported where such boxes cannot be, BoxError.
    """
    return box.fresh(awaited=False, **({"network": "none"} if box.parts.can_lack_network else {}), **changes)


def ids_of(box: Box, uid: int, gid: int) -> tuple[int, int]:
    """The two ids, or in the place of one that the box's user namespace does not map another that it maps: not root's.

    Where only root is mapped, or the map cannot be read, as they are: then the start says what it lacks.
    """
    return tuple(_mapped(box, kind, one) for kind, one in (("uid", uid), ("gid", gid)))  # type: ignore[return-value]


def _mapped(box: Box, kind: str, one: int) -> int:
    """user_namespaces(7): a line of a map is the first id inside, the first outside, and how many."""
    try:
        lines = [list(map(int, line.split())) for line in read_file(box.proc, f"/proc/self/{kind}_map").splitlines()]
    except (BoxError, ValueError):
        return one
    ranges = [range(max(first, 1), first + size) for first, _, size in lines]
    count = sum(map(len, ranges))
    if count == 0 or any(one in ids for ids in ranges):
        return one
    place = one % count
    for ids in ranges:
        if place < len(ids):
            return ids[place]
        place -= len(ids)
    raise AssertionError("a place below the count is in one of the ranges")


def carry(box: Box, image: Image) -> RoundTrip:
    """Start a box like `box` from `image` and read its tree there, as root; once for the latest images: once().

    So guarantees with the same inputs are decided by one box for each of them.  Raises Unsupported where boxes have no
    image, BoxError.
    """
    return once(box, image, lambda: _carry(box, image))


def _carry(box: Box, image: Image) -> RoundTrip:
    with alike(box, image=image, uid=0, gid=0, workdir="/") as fresh:
        keeps = _keeps_times(fresh, max((entry.mtime_ns for entry in image.entries), key=abs))
        try:
            found = observed(fresh.proc, b"/" + TREE)
        except Unreadable as refused:
            users = read_file(fresh.proc, "/proc/self/uid_map")
            found = _with_a_reader(box, image, users, refused)
    return RoundTrip(expected(image.below(TREE)), found, keeps)


def _keeps_times(box: Box, mtime_ns: int) -> bool:
    """Whether a directory of the box can have this time: by the host's kernel where that may ask, else by the box's."""
    asking = [(box.proc, b"/" + TREE)]
    if box.parts.root is not None:
        asking.insert(0, (box.outside.proc, os.path.join(os.fsencode(box.parts.root), TREE)))
    for proc, path in asking:
        if proc.utimensat(AT_FDCWD, path, mtime_ns, mtime_ns).ok:
            told = proc.statx(AT_FDCWD, path).data  # stx_mtime is at 112: statx(2)
            seconds, nanoseconds = struct.unpack_from("<qI", told, 112)
            return bool(seconds * 10**9 + nanoseconds == mtime_ns)
    return False


def _with_a_reader(box: Box, image: Image, users: bytes, refused: Unreadable) -> TreeView:
    """What a box shows to a root that may read everything: the capability changes nothing of what is carried.

    Raises Unsupported where that would be another box, or cannot be had.
    """
    why = f"root in the box may not read all of a tree, for want of CAP_DAC_READ_SEARCH ({refused})"
    holes = box.spec.weakenings | {grant("DAC_READ_SEARCH")}
    try:
        with alike(box, image=image, uid=0, gid=0, workdir="/", weakenings=holes) as fresh:
            if read_file(fresh.proc, "/proc/self/uid_map") != users:
                raise Unsupported(f"{why}; with it the box has no user namespace")
            return observed(fresh.proc, b"/" + TREE)
    except (Unavailable, Unreadable) as error:
        raise Unsupported(f"{why}; it cannot be given: {error}") from None


def lost(box: Box, road: str, aspect: str, trees: Sequence[Image]) -> dict[str, str]:
    """What the box's engine loses of the trees on `road`, by name; sent once for the latest: once().

    Raises Unsupported where the engine has no such road, or does not take the trees; BoxError.
    """
    send = box.parts.send
    if send is None:
        if box.spec.attached:
            raise Unsupported("the container is somebody else's: no image is made of it, and no file copied")
        raise Unsupported(f"{box.spec.technology} hands on no image and no file: it has no such command")
    image = together(trees)
    arrival = once(box, (road, image), lambda: _sent(send, road, image))
    if arrival.refused:
        raise Unsupported(f"the engine does not take these trees: {arrival.refused}")
    wanted = expected(image.below(TREE))
    if aspect != "names" and not wanted.keys() & arrival.tree.keys():
        raise BoxError("nothing of the trees has arrived under its name: there is nothing to compare")
    tops = {b"%d" % number for number in range(len(trees))}  # directories of ours, whose time is that of the road
    return {
        os.fsdecode(loss.path): f"sent: {loss.sent!r:.80}, arrived: {loss.arrived!r:.80}"
        for loss in losses(aspect, wanted, arrival)
        if loss.path not in tops
    }


def _sent(send: Callable[[str, Image], Arrival], road: str, image: Image) -> Arrival:
    try:
        return send(road, image)
    except Unavailable as error:
        raise Unsupported(str(error)) from None


def environment(box: Box) -> list[tuple[str, str]]:
    """Name and value of every variable the box's agent was started with, in order, doubles included.

    From the box's own /proc; where it has none, from the host's.  Raises Unsupported when neither shows it.
    """
    try:
        raw = read_file(box.proc, "/proc/self/environ")
    except BoxError:
        if box.parts.init_pid is None or box.spec.door != Door.START:
            raise Unsupported("the box has no /proc to read its environment from") from None
        raw = box.parts.host.path(f"/proc/{box.parts.init_pid}/environ").read_bytes()
    pairs = (item.decode("utf-8", "surrogateescape").partition("=") for item in raw.split(b"\0") if item)
    return [(name, value) for name, _, value in pairs]


def identity(proc: Proc) -> tuple[set[int], set[int]]:
    """Every user id `proc` has (real, effective, saved), and every group id, supplementary ones included."""
    users, groups, more = proc.getresuid(), proc.getresgid(), proc.getgroups()
    for reply in (users, groups, more):
        if not reply.ok:
            raise BoxError(f"the process could not read its own user and groups: {reply}")
    numbers = [int.from_bytes(out, "little") for out in (*users.outs, *groups.outs)]
    data = more.data[: more.value * 4]
    listed = {int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data), 4)}
    return set(numbers[:3]), set(numbers[3:]) | listed
