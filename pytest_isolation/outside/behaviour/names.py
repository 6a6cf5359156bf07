"""Names: directories, links, renames; in an empty directory, and on a tree that came with the image."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable, Mapping, Sequence

from pytest_isolation.agent.client import Reply
from pytest_isolation.agent.constants import AT, AT_FDCWD
from pytest_isolation.boxes.image import Entry, Image
from pytest_isolation.outside.behaviour.play import Call, Play, Verb, data, done, number, shown

LONGEST = "n" * 255
NEW = ("a", "b", "d", "d/x", "d/y", LONGEST, LONGEST + "n", "a/")
"""Where nothing came with the image; NAME_MAX is 255 (limits.h)."""
OLD = ("a", "b", "d", "d/x", "d/y", "e", "e/z", "f")
"""Of the image's tree: `b` is another name of `a`, `d/y` a link to `x`, `f` is not there."""
RENAME = {"0": 0, "RENAME_NOREPLACE": 1, "RENAME_EXCHANGE": 2}
AT_SYMLINK_FOLLOW = 0x400
HELD = 2
"""Slots of files that are held open."""
KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}


def tree(place: bytes) -> Image:
    """The image's, below `place`."""
    made = [
        Entry(path=place, kind="dir", mode=0o755),
        Entry(path=place + b"/a", kind="file", data=b"of the image\n"),
        Entry(path=place + b"/b", kind="hardlink", data=place + b"/a"),
        Entry(path=place + b"/d", kind="dir", mode=0o755),
        Entry(path=place + b"/d/x", kind="file", data=b"x\n"),
        Entry(path=place + b"/d/y", kind="symlink", data=b"x"),
        Entry(path=place + b"/e", kind="dir", mode=0o755),
    ]
    return Image(tuple(made))


def looked_at(reply: Reply) -> str:
    """statx(2): stx_nlink at 16, stx_mode at 28, stx_size at 40.  A directory's links and size are a file system's."""
    (links,), (mode,) = struct.unpack_from("<I", reply.data, 16), struct.unpack_from("<H", reply.data, 28)
    (size,) = struct.unpack_from("<Q", reply.data, 40)
    kind = KINDS.get(stat.S_IFMT(mode), "other")
    told = f"{kind} {stat.S_IMODE(mode):o}"
    return told if kind == "directory" else f"{told}, {links} names, {size} bytes"


def listed(reply: Reply) -> str:
    """getdents64(2), in the order of names: the kernel's is the file system's."""
    names, at, found = [], 0, reply.data
    while at < len(found):
        length = int.from_bytes(found[at + 16 : at + 18], "little")
        names.append(os.fsdecode(found[at + 19 : at + length].split(b"\0", 1)[0]))
        at += length
    return " ".join(short(name) for name in sorted(names) if name not in (".", ".."))


def short(name: str) -> str:
    """A long one by its length."""
    return name if len(name) < len(LONGEST) else f"n*{len(name)}"


def _make(play: Play, name: str, text: bytes) -> None:
    fd = play.program.openat(AT_FDCWD, name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    play.program.write(fd, text)
    play.program.close(fd)


def begin(play: Play) -> None:
    """A file, and a directory with one."""
    play.program.mkdirat(AT_FDCWD, "d")
    _make(play, "a", b"a\n")
    _make(play, "d/x", b"x\n")


def begin_on_tree(_: Play) -> None:
    """All is there."""


def _end(names: Sequence[str], directories: Sequence[str]) -> Callable[[Play], None]:
    def end(play: Play) -> None:
        for path in directories:
            _list_one(play, path)
        for name in names:
            play.ask(f"lstat({short(name)})", play.program.statx(AT_FDCWD, name, AT.SYMLINK_NOFOLLOW), looked_at)
            fd = play.program.openat(AT_FDCWD, name, os.O_RDONLY | os.O_CLOEXEC)
            play.ask(f"read({short(name)})", play.program.pread64(fd, 64), data)

    return end


def _list_one(play: Play, path: str) -> None:
    fd = play.program.openat(AT_FDCWD, path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    play.ask(f"getdents({short(path)})", play.program.getdents64(fd, 8192), listed)


end, end_on_tree = _end(NEW[:5], (".", "d")), _end(OLD, (".", "d", "e"))


def _verbs(paths: Sequence[str]) -> dict[str, Verb]:
    def path(of: int) -> tuple[str, str]:
        return paths[of], short(paths[of])

    def make(play: Play, call: Call) -> None:
        name, words = path(call.a)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        play.ask(f"open({words}, O_CREAT|O_EXCL)", play.program.openat(AT_FDCWD, name, flags, 0o644), done)

    def mkdir(play: Play, call: Call) -> None:
        name, words = path(call.a)
        play.ask(f"mkdir({words})", play.program.mkdirat(AT_FDCWD, name), number)

    def unlink(play: Play, call: Call) -> None:
        name, words = path(call.a)
        play.ask(f"unlink({words})", play.program.unlinkat(AT_FDCWD, name), number)

    def rmdir(play: Play, call: Call) -> None:
        name, words = path(call.a)
        play.ask(f"rmdir({words})", play.program.unlinkat(AT_FDCWD, name, AT.REMOVEDIR), number)

    def link(play: Play, call: Call) -> None:
        (old, of), (new, words) = path(call.a), path(call.b)
        flags = AT_SYMLINK_FOLLOW if call.n % 2 else 0
        play.ask(
            f"link({of}, {words}, {'AT_SYMLINK_FOLLOW' if flags else '0'})",
            play.program.linkat(AT_FDCWD, old, AT_FDCWD, new, flags),
            number,
        )

    def symlink(play: Play, call: Call) -> None:
        (target, of), (name, words) = path(call.a), path(call.b)
        play.ask(f"symlink({of}, {words})", play.program.symlinkat(target, AT_FDCWD, name), number)

    def rename(play: Play, call: Call) -> None:
        (old, of), (new, words) = path(call.a), path(call.b)
        how, flags = list(RENAME.items())[call.n % len(RENAME)]
        step = play.program.renameat2(AT_FDCWD, old, AT_FDCWD, new, flags)
        play.ask(f"renameat2({of}, {words}, {how})", step, number)

    def readlink(play: Play, call: Call) -> None:
        name, words = path(call.a)
        play.ask(f"readlink({words})", play.program.readlinkat(AT_FDCWD, name, 300), lambda one: shown(one.data))

    def look(play: Play, call: Call) -> None:
        name, words = path(call.a)
        follows = bool(call.n % 2)
        step = play.program.statx(AT_FDCWD, name, 0 if follows else AT.SYMLINK_NOFOLLOW)
        play.ask(f"{'stat' if follows else 'lstat'}({words})", step, looked_at)

    def list_(play: Play, call: Call) -> None:
        _list_one(play, paths[call.a])

    return {
        "make": make, "mkdir": mkdir, "unlink": unlink, "rmdir": rmdir, "link": link, "symlink": symlink,
        "rename": rename, "readlink": readlink, "look": look, "list": list_,
    }  # fmt: skip


VERBS: Mapping[str, Verb] = _verbs(NEW)


def _hold(play: Play, call: Call) -> None:
    slot, name = call.a % HELD, OLD[call.b]
    step = play.program.openat(AT_FDCWD, name, os.O_RDONLY | os.O_CLOEXEC)
    play.slots[slot] = play.ask(f"f{slot} = open({name}, O_RDONLY)", step)


def _held(play: Play, call: Call) -> None:
    slot = call.a % HELD
    play.ask(f"pread(f{slot})", play.program.pread64(play.slots[slot], 64), data)
    play.ask(f"fstat(f{slot})", play.program.statx(play.slots[slot], "", AT.EMPTY_PATH), looked_at)


def _add(play: Play, call: Call) -> None:
    name = OLD[call.a]
    fd = play.ask(
        f"open({name}, O_WRONLY|O_APPEND)",
        play.program.openat(AT_FDCWD, name, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC),
    )
    play.ask("write", play.program.write(fd, b"%d\n" % call.n), number)
    play.program.close(fd)


def _chmod(play: Play, call: Call) -> None:
    name, mode = OLD[call.a], (0o700, 0o755, 0o711, 0o750)[call.n % 4]
    play.ask(f"chmod({name}, {mode:o})", play.program.fchmodat(AT_FDCWD, name, mode), number)


ON_TREE: Mapping[str, Verb] = {**_verbs(OLD), "hold": _hold, "held": _held, "add": _add, "chmod": _chmod}
