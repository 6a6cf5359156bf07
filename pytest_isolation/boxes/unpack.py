"""Making an image's tree, and reading one, through an agent's system calls: the same code on the host and in a VM."""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace

from pytest_isolation.agent.client import Proc, Program, Reply
from pytest_isolation.agent.constants import AT, AT_FDCWD
from pytest_isolation.agent.memory import Step
from pytest_isolation.boxes.image import Entry, FileView, Image, TreeView
from pytest_isolation.errors import ONE_ID, BoxError, Unsupported, unless_root

PIECE = 256 << 10
BATCH_BYTES = 512 << 10
"""Of file contents in one program: its memory is 1 MiB."""


def unpack(image: Image, proc: Proc, root: bytes) -> None:
    """Make every entry of `image` below `root`.

    A file system without extended attributes loses them: what the box shows tells.  Raises Unsupported
    where this user may not make such a tree, BoxError with the call that was refused.
    """
    for batch in _batches(image.entries):
        program = Program(stop_on_error=True)
        for entry in batch:
            path = root + b"/" + entry.path
            _make(program, entry, path, _make_large(proc, entry, path) if len(entry.data) > BATCH_BYTES else None)
        _run(proc, program)
    _name_attributes(image, proc, root)
    program = Program(stop_on_error=True)
    for entry in reversed(image.entries):  # a directory's time moves when something is made in it
        if entry.kind != "hardlink":
            path = root + b"/" + entry.path
            program.utimensat(AT_FDCWD, path, entry.mtime_ns, entry.mtime_ns, AT.SYMLINK_NOFOLLOW)
        if len(program) > 500:
            _run(proc, program)
            program = Program(stop_on_error=True)
    _run(proc, program)


def _run(proc: Proc, program: Program) -> int:
    """What the last call of the program answered; raises as `unpack` does when one was refused."""
    replies = proc.run(program)
    if not replies:
        return 0
    if not (last := replies[len(replies) - 1]).ok:
        raise _refused(last)
    return last.value


def _refused(reply: Reply) -> Unsupported | BoxError:
    if reply.errno == errno.EPERM:
        return Unsupported(f"this user may not make the image's tree ({reply})", cause=unless_root(ONE_ID))
    return BoxError(f"the image could not be unpacked: {reply}")


def _name_attributes(image: Image, proc: Proc, root: bytes) -> None:
    """After owners and modes: a change of owner takes capabilities away."""
    program = Program()
    for entry in image.entries:
        for name, value in entry.xattrs:
            program.lsetxattr(root + b"/" + entry.path, name, value)
    for reply in proc.run(program) if len(program) else ():
        if not reply.ok and reply.errno != errno.EOPNOTSUPP:
            raise _refused(reply)


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        cost = min(len(entry.data), BATCH_BYTES) + 600
        if batch and (size + cost > BATCH_BYTES or len(batch) >= 200):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += cost
    if batch:
        yield batch


def _make_large(proc: Proc, entry: Entry, path: bytes) -> int:
    """A file too large for one program's memory, written by several; its descriptor, which `_make` closes."""
    program = Program(stop_on_error=True)
    program.openat(AT_FDCWD, path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
    fd = _run(proc, program)
    for offset in range(0, len(entry.data), BATCH_BYTES):
        program = Program(stop_on_error=True)
        for begin in range(offset, min(offset + BATCH_BYTES, len(entry.data)), PIECE):
            program.pwrite64(fd, entry.data[begin : begin + PIECE], begin)
        _run(proc, program)
    return fd


def _make(program: Program, entry: Entry, path: bytes, written: int | None = None) -> None:
    """`written`: the descriptor of a file that is there already, with its contents."""
    match entry.kind:
        case "dir":
            program.mkdirat(AT_FDCWD, path, 0o700)
        case "symlink":
            program.symlinkat(entry.data, AT_FDCWD, path)
        case "fifo":
            program.mknodat(AT_FDCWD, path, stat.S_IFIFO | 0o600)
        case "char" | "block":
            kind = stat.S_IFCHR if entry.kind == "char" else stat.S_IFBLK
            program.mknodat(AT_FDCWD, path, kind | 0o600, os.makedev(*entry.device))
        case "hardlink":
            program.linkat(AT_FDCWD, path[: len(path) - len(entry.path)] + entry.data, AT_FDCWD, path)
            return
        case "file":
            fd: int | Step
            if written is None:
                fd = program.openat(AT_FDCWD, path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
                for offset in range(0, len(entry.data), PIECE):
                    program.pwrite64(fd, entry.data[offset : offset + PIECE], offset)
            else:
                fd = written
            if entry.hole:
                program.ftruncate(fd, len(entry.data) + entry.hole)
            program.close(fd)
    if entry.uid or entry.gid:
        program.fchownat(AT_FDCWD, path, entry.uid, entry.gid, AT.SYMLINK_NOFOLLOW)
    if entry.kind != "symlink":
        program.fchmodat(AT_FDCWD, path, entry.mode)


def expected(image: Image) -> TreeView:
    """What a box that carries `image` faithfully shows of it."""
    files = {entry.path: entry for entry in image.entries}
    groups: dict[bytes, list[bytes]] = {}
    for entry in image.entries:
        first = entry.data if entry.kind == "hardlink" else entry.path
        groups.setdefault(first, []).append(entry.path)
    shown: TreeView = {}
    for entry in image.entries:
        real = files[entry.data] if entry.kind == "hardlink" else entry
        names = groups[real.path]
        shown[entry.path] = FileView(
            kind=real.kind,
            mode=0o777 if real.kind == "symlink" else real.mode,
            uid=real.uid,
            gid=real.gid,
            mtime_ns=real.mtime_ns,
            contents=real.data + bytes(real.hole) if real.kind in ("file", "symlink", "char", "block") else b"",
            xattrs=tuple(sorted(real.xattrs)),
            group=min(names) if len(names) > 1 else b"",
            sparse=real.hole > 0,
        )
    return shown


_KINDS = {0o04: "dir", 0o10: "file", 0o12: "symlink", 0o01: "fifo", 0o02: "char", 0o06: "block"}


def observed(proc: Proc, root: bytes) -> TreeView:
    """What is below `root`, as the kernel of the box tells it.  Raises BoxError with the call that failed."""
    found: dict[bytes, tuple[FileView, tuple[int, int]]] = {}
    todo = [b""]
    while todo:
        below = todo.pop()
        for name in _names(proc, root + b"/" + below):
            path = below + b"/" + name if below else name
            seen = _look(proc, root + b"/" + path)
            if seen is None:
                continue
            found[path] = seen
            if seen[0].kind == "dir":
                todo.append(path)
    groups: dict[tuple[int, int], list[bytes]] = {}
    for path, (_, inode) in found.items():
        groups.setdefault(inode, []).append(path)
    return {
        path: replace(look, group=min(groups[inode]) if len(groups[inode]) > 1 else b"")
        for path, (look, inode) in found.items()
    }


class Unreadable(BoxError):
    """Root in the box may not read all of a tree: it lacks a capability."""


def _must(reply: Reply) -> Reply:
    if reply.errno == errno.EACCES:
        raise Unreadable(f"the tree could not be read: {reply}")
    if not reply.ok:
        raise BoxError(f"the tree could not be read: {reply}")
    return reply


def _names(proc: Proc, directory: bytes) -> list[bytes]:
    fd = _must(proc.openat(AT_FDCWD, directory, os.O_RDONLY | os.O_DIRECTORY)).value
    names = []
    try:
        while data := _must(proc.getdents64(fd)).data:
            at = 0
            while at < len(data):
                (length,) = struct.unpack_from("<H", data, at + 16)
                names.append(data[at + 19 : at + length].split(b"\0", 1)[0])
                at += length
    finally:
        proc.close(fd)
    return [name for name in names if name not in (b".", b"..")]


def _look(proc: Proc, path: bytes) -> tuple[FileView, tuple[int, int]] | None:
    """What the box shows of one file; None when it lists the name and refuses the file (gVisor: fifos of the host)."""
    program = Program()
    status = program.statx(AT_FDCWD, path, AT.SYMLINK_NOFOLLOW)
    listed = program.llistxattr(path)
    target = program.readlinkat(AT_FDCWD, path)
    replies = proc.run(program)
    if replies[status].errno == errno.EPERM:
        return None
    data = _must(replies[status]).data
    uid, gid, mode, inode, size, blocks = struct.unpack_from("<IIHxxQQQ", data, 20)
    seconds, nanoseconds = struct.unpack_from("<qI", data, 112)
    device = struct.unpack_from("<II", data, 136)
    kind = _KINDS.get(mode >> 12, "other")
    contents = b""
    if kind == "file" and size:
        contents = _contents(proc, path, size)
    elif kind == "symlink":
        contents = replies[target].data
    elif kind in ("char", "block"):
        contents = b"%d:%d" % struct.unpack_from("<II", data, 128)
    names = [name.decode() for name in replies[listed].data.split(b"\0") if name]
    # One that is listed and cannot be read is not there for the box.
    xattrs = [(name, reply.data) for name in names if (reply := proc.lgetxattr(path, name)).ok]
    look = FileView(
        kind=kind,
        mode=mode & 0o7777,
        uid=uid,
        gid=gid,
        mtime_ns=seconds * 10**9 + nanoseconds,
        contents=contents,
        xattrs=tuple(sorted(xattrs)),
        sparse=kind == "file" and blocks * 512 < size,
    )
    return look, (device[0] << 32 | device[1], inode)


def _contents(proc: Proc, path: bytes, size: int) -> bytes:
    fd = _must(proc.openat(AT_FDCWD, path, os.O_RDONLY)).value
    try:
        pieces = []
        for offset in range(0, size, PIECE):
            pieces.append(_must(proc.pread64(fd, PIECE, offset)).data)
        return b"".join(pieces)
    finally:
        proc.close(fd)
