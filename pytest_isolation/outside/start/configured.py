"""What a box is started with by its configuration: variables, ids, a working directory, files with owners and modes.

One box has all of it at once: see together.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from errno import EACCES, EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR, EROFS
from typing import Any

from pytest_isolation.agent.client import Reply
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.boxes.image import Entry, Image
from pytest_isolation.boxes.roads import TREE
from pytest_isolation.outside.box import Box
from pytest_isolation.outside.together import Part, Start, Together
from pytest_isolation.outside.transfer.carried import alike, environment, identity, ids_of

ST_RDONLY = 1
"""In the flags that statfs(2) gives."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a box is to be started with; of ids, those that one box has: mapped()."""

    variables: tuple[tuple[str, str], ...]
    uid: int
    gid: int
    directories: tuple[str, ...]
    """The names of the working directory's path, from the root down."""
    files: tuple[tuple[int, bool, bool], ...]
    """Of each file: its mode, 0 to 0o777; whether it is the user's; whether it is of the user's group."""
    others: tuple[int, int] = (0, 0)
    """The user and the group of the other files."""

    def mapped(self, box: Box) -> Configuration:
        """The same with ids that the user namespace of `box` maps: ids_of()."""
        uid, gid = ids_of(box, self.uid, self.gid)
        return replace(self, uid=uid, gid=gid, others=ids_of(box, uid + 1, gid + 1))

    @property
    def workdir(self) -> str:
        """The path of the working directory, absolute."""
        return "/" + "/".join(self.directories)

    def below_workdir(self) -> Image:
        """The working directory, and those above it."""
        paths = ["/".join(self.directories[:end]) for end in range(1, len(self.directories) + 1)]
        return Image(tuple(Entry(path=path.encode(), kind="dir", mode=0o755) for path in paths))

    def owned(self) -> Image:
        """The files, F0 and so on, in the directory /image."""
        entries = [Entry(path=TREE, kind="dir", mode=0o755)]
        for number, (mode, mine, group) in enumerate(self.files):
            uid, gid = self.uid if mine else self.others[0], self.gid if group else self.others[1]
            entries.append(Entry(path=TREE + b"/F%d" % number, kind="file", mode=mode, uid=uid, gid=gid))
        return Image(tuple(entries))


Tried = tuple[frozenset[int], Reply]
"""The errors that a call may end with, 0 for none, and what it gave."""


def _results(box: Box, wanted: Configuration) -> tuple[Tried, ...]:
    """Calls on the files by the box's process, which is the user: path_resolution(7), Permissions; open(2)."""
    proc = box.proc
    # Where nothing may be written: EROFS, and for who may not anyway the kernel is free to say either.
    read_only = proc.statfs("/image").data[80:81] and proc.statfs("/image").data[80] & ST_RDONLY
    denied = frozenset({EACCES, EROFS} if read_only else {EACCES})
    results: list[Tried] = []
    for number, (mode, mine, group) in enumerate(wanted.files):
        bits = mode >> (6 if mine else 3 if group else 0)
        for flags, needed in ((os.O_RDONLY, 4), (os.O_WRONLY, 2), (os.O_RDWR, 6)):
            allowed = frozenset({EROFS} if read_only and needed & 2 else {0})
            refused = denied if needed & 2 else frozenset({EACCES})
            right = allowed if bits & needed == needed else refused
            results.append((right, proc.openat(AT_FDCWD, f"/image/F{number}", flags)))
    return (
        *results,
        (frozenset({ENOENT}), proc.openat(AT_FDCWD, "/image/f0", os.O_RDONLY)),
        (frozenset({ENOTDIR}), proc.openat(AT_FDCWD, "/image/F0/x", os.O_RDONLY)),
        (frozenset({EISDIR}), proc.openat(AT_FDCWD, "/image", os.O_WRONLY)),
        (frozenset({EEXIST}), proc.mkdirat(AT_FDCWD, "/image/F0")),
        (denied, proc.mkdirat(AT_FDCWD, "/image/new")),
        (denied, proc.unlinkat(AT_FDCWD, "/image/F0")),
        (frozenset({EINVAL}), proc.readlinkat(AT_FDCWD, "/image/F0")),
    )


def _started(changes: Callable[[Configuration], dict[str, Any]]) -> Start[Configuration]:
    return lambda box, wanted: alike(box, **changes(wanted))


def _all(wanted: Configuration) -> dict[str, Any]:
    return {
        "env": wanted.variables,
        "uid": wanted.uid,
        "gid": wanted.gid,
        "image": wanted.below_workdir() + wanted.owned(),
        "workdir": wanted.workdir,
    }


ENVIRONMENT = Part(_started(lambda one: {"env": one.variables}), lambda box, _: tuple(environment(box)))
"""Name and value of every variable of the box's process: environment()."""
IDENTITY = Part(_started(lambda one: {"uid": one.uid, "gid": one.gid}), lambda box, _: identity(box.proc))
"""Its user ids and its group ids: identity()."""
WORKDIR = Part(
    _started(lambda one: {"image": one.below_workdir(), "workdir": one.workdir}), lambda box, _: box.proc.getcwd()
)
"""Its answer to getcwd(2)."""
RESULTS = Part(_started(lambda one: {"uid": one.uid, "gid": one.gid, "image": one.owned()}), _results)
"""What its calls on the image's files gave, and may give."""
CONFIGURED = Together(_started(_all), RESULTS, WORKDIR, ENVIRONMENT, IDENTITY)
