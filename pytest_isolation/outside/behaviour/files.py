"""Files by their descriptors: reading, writing, appending, truncating, seeking, holes, copies."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Mapping

from pytest_isolation.agent.client import Reply
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.outside.behaviour.play import SLOTS, Call, Play, Verb, data, number, pattern

NAMES = ("a", "b", "c", "l")
SIZES = (0, 1, 100, 4095, 4096, 5000, 12288, 70000)
FLAGS = {
    "O_RDWR|O_CREAT": os.O_RDWR | os.O_CREAT,
    "O_RDONLY": os.O_RDONLY,
    "O_WRONLY|O_TRUNC": os.O_WRONLY | os.O_TRUNC,
    "O_RDWR|O_APPEND|O_CREAT": os.O_RDWR | os.O_APPEND | os.O_CREAT,
    "O_RDWR|O_CREAT|O_EXCL": os.O_RDWR | os.O_CREAT | os.O_EXCL,
    "O_RDONLY|O_DIRECTORY": os.O_RDONLY | os.O_DIRECTORY,
    "O_RDWR|O_NOFOLLOW": os.O_RDWR | os.O_NOFOLLOW,
    "O_PATH": os.O_PATH,
}
WHENCE = {"SEEK_SET": 0, "SEEK_CUR": 1, "SEEK_END": 2, "SEEK_DATA": 3, "SEEK_HOLE": 4}
FALLOCATE = {"0": 0, "KEEP_SIZE": 1, "KEEP_SIZE|PUNCH_HOLE": 3}
READ, LOOKED_AT = 8192, 16384
"""Bytes at most: of one read(2), and of a file when all is over."""


def size_of(reply: Reply) -> str:
    """statx(2): stx_mode at 28, stx_size at 40."""
    (mode,), (size,) = struct.unpack_from("<H", reply.data, 28), struct.unpack_from("<Q", reply.data, 40)
    kind = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}.get(stat.S_IFMT(mode), "other")
    return kind if kind == "directory" else f"{kind} of {size} bytes"


def begin(play: Play) -> None:
    """Two files, one of them with holes, and a link."""
    program = play.program
    for slot, name in enumerate(NAMES[:2]):
        play.slots[slot] = program.openat(AT_FDCWD, name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    program.write(play.slots[0], pattern(0, 6000))
    program.pwrite64(play.slots[1], pattern(1, 4096), 65536)
    program.symlinkat(NAMES[0], AT_FDCWD, NAMES[3])


def end(play: Play) -> None:
    """What is in the files."""
    for name in NAMES[:3]:
        fd = play.ask(f"open({name})", play.program.openat(AT_FDCWD, name, os.O_RDONLY | os.O_CLOEXEC))
        play.ask(f"stat({name})", play.program.statx(AT_FDCWD, name), size_of)
        play.ask(f"pread({name})", play.program.pread64(fd, LOOKED_AT), data)


def _slot(call: Call) -> int:
    return call.a % SLOTS


def _open(play: Play, call: Call) -> None:
    name, (words, flags) = NAMES[call.b % len(NAMES)], list(FLAGS.items())[call.n]
    step = play.program.openat(AT_FDCWD, name, flags | os.O_CLOEXEC, 0o644)
    play.slots[_slot(call)] = play.ask(f"f{_slot(call)} = open({name}, {words})", step)


def _read(play: Play, call: Call) -> None:
    size = min(SIZES[call.n], READ)
    play.ask(f"read(f{_slot(call)}, {size})", play.program.read(play.slots[_slot(call)], size), data)


def _pread(play: Play, call: Call) -> None:
    at, size = SIZES[call.b], min(SIZES[call.n], READ)
    step = play.program.pread64(play.slots[_slot(call)], size, at)
    play.ask(f"pread(f{_slot(call)}, {size}, {at})", step, data)


def _write(play: Play, call: Call) -> None:
    size = min(SIZES[call.n], READ)
    step = play.program.write(play.slots[_slot(call)], pattern(call.b, size))
    play.ask(f"write(f{_slot(call)}, {size} bytes)", step, number)


def _pwrite(play: Play, call: Call) -> None:
    at, size = SIZES[call.b], min(SIZES[call.n], READ)
    step = play.program.pwrite64(play.slots[_slot(call)], pattern(call.n, size), at)
    play.ask(f"pwrite(f{_slot(call)}, {size} bytes, {at})", step, number)


def _seek(play: Play, call: Call) -> None:
    words, whence = list(WHENCE.items())[call.b % len(WHENCE)]
    step = play.program.lseek(play.slots[_slot(call)], SIZES[call.n], whence)
    play.ask(f"lseek(f{_slot(call)}, {SIZES[call.n]}, {words})", step, number)


def _truncate(play: Play, call: Call) -> None:
    step = play.program.ftruncate(play.slots[_slot(call)], SIZES[call.n])
    play.ask(f"ftruncate(f{_slot(call)}, {SIZES[call.n]})", step, number)


def _allocate(play: Play, call: Call) -> None:
    words, mode = list(FALLOCATE.items())[call.b % len(FALLOCATE)]
    step = play.program.fallocate(play.slots[_slot(call)], mode, 4096, SIZES[call.n])
    play.ask(f"fallocate(f{_slot(call)}, {words}, 4096, {SIZES[call.n]})", step, number)


def _copy(play: Play, call: Call) -> None:
    to, size = call.b % SLOTS, SIZES[call.n]
    step = play.program.copy_file_range(play.slots[_slot(call)], play.slots[to], size)
    play.ask(f"copy_file_range(f{_slot(call)}, f{to}, {size})", step, number)


def _sendfile(play: Play, call: Call) -> None:
    to, size = call.b % SLOTS, SIZES[call.n]
    step = play.program.sendfile(play.slots[to], play.slots[_slot(call)], size)
    play.ask(f"sendfile(f{to}, f{_slot(call)}, {size})", step, number)


def _dup(play: Play, call: Call) -> None:
    to = call.b % SLOTS
    play.slots[to] = play.ask(f"f{to} = dup(f{_slot(call)})", play.program.dup(play.slots[_slot(call)]))


def _stat(play: Play, call: Call) -> None:
    step = play.program.statx(play.slots[_slot(call)], "", 0x1000)  # AT_EMPTY_PATH
    play.ask(f"fstat(f{_slot(call)})", step, size_of)


def _sync(play: Play, call: Call) -> None:
    play.ask(f"fsync(f{_slot(call)})", play.program.fsync(play.slots[_slot(call)]), number)


def _close(play: Play, call: Call) -> None:
    play.ask(f"close(f{_slot(call)})", play.program.close(play.slots[_slot(call)]), number)


VERBS: Mapping[str, Verb] = {
    "open": _open, "read": _read, "pread": _pread, "write": _write, "pwrite": _pwrite, "seek": _seek,
    "truncate": _truncate, "allocate": _allocate, "copy": _copy, "sendfile": _sendfile, "dup": _dup, "stat": _stat,
    "sync": _sync, "close": _close,
}  # fmt: skip
