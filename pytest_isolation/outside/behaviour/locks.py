"""Locks of files: flock(2), and those of fcntl(2), of a process and of an open file description."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Mapping

from pytest_isolation.agent.client import Reply
from pytest_isolation.agent.constants import AT_FDCWD, F
from pytest_isolation.agent.memory import In, OutBuffer
from pytest_isolation.outside.behaviour.play import SLOTS, Call, Play, Verb, done, number

FLOCK = "<2h4x2qi4x"
"""struct flock: l_type, l_whence, l_start, l_len, l_pid (fcntl(2))."""
TYPES = {"F_RDLCK": F.RDLCK, "F_WRLCK": F.WRLCK, "F_UNLCK": F.UNLCK}
RANGES = ((0, 0), (0, 1), (1, 1), (0, 10), (5, 10), (10, 0), (100, 1), (-1, 1))
"""From where, and how many bytes: 0 is to the end, wherever that comes to be."""
SET = {"F_SETLK": F.SETLK, "F_OFD_SETLK": F.OFD_SETLK}
GET = {"F_GETLK": 5, "F_OFD_GETLK": F.OFD_GETLK}
WHOLE = {"LOCK_SH": fcntl.LOCK_SH, "LOCK_EX": fcntl.LOCK_EX, "LOCK_UN": fcntl.LOCK_UN, "0": 0}


def begin(play: Play) -> None:
    """One file, opened three times; the last slot has the first's description."""
    for slot in range(SLOTS - 1):
        play.slots[slot] = play.program.openat(AT_FDCWD, "a", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    play.slots[SLOTS - 1] = play.program.dup(play.slots[0])


def end(play: Play) -> None:
    """Who holds what is asked for all of it."""
    for slot in range(SLOTS):
        _get(play, Call("get", slot, 0, 0))
        _get(play, Call("get", slot, 1, 0))


def held(reply: Reply) -> str:
    """The lock that stands in the way.  Its owner's number is the place's; -1 is an open file description's."""
    kind, _, start, size, pid = struct.unpack(FLOCK, reply.data)
    if kind == F.UNLCK:
        return "nobody's"
    name = next(word for word, one in TYPES.items() if one == kind)
    return f"{name} {start}+{size} of {'a description' if pid == -1 else 'a process'}"


def _whole(play: Play, call: Call) -> None:
    slot = call.a % SLOTS
    words, how = list(WHOLE.items())[call.n % len(WHOLE)]
    play.ask(f"flock(f{slot}, {words}|LOCK_NB)", play.program.flock(play.slots[slot], how | fcntl.LOCK_NB), number)


def _set(play: Play, call: Call) -> None:
    slot, (start, size) = call.a % SLOTS, RANGES[call.b]
    words, command = list(SET.items())[call.a // SLOTS]
    name, kind = list(TYPES.items())[call.n % len(TYPES)]
    step = play.program.fcntl(play.slots[slot], command, In(struct.pack(FLOCK, kind, 0, start, size, 0)))
    play.ask(f"fcntl(f{slot}, {words}, {name} {start}+{size})", step, number)


def _get(play: Play, call: Call) -> None:
    slot, (start, size) = call.a % SLOTS, RANGES[call.n]
    words, command = list(GET.items())[call.b % 2]
    asked = OutBuffer(32, data=struct.pack(FLOCK, F.WRLCK, 0, start, size, 0))
    play.ask(f"fcntl(f{slot}, {words}, {start}+{size})", play.program.fcntl(play.slots[slot], command, asked), held)


def _close(play: Play, call: Call) -> None:
    slot = call.a % SLOTS
    play.ask(f"close(f{slot})", play.program.close(play.slots[slot]), number)


def _open(play: Play, call: Call) -> None:
    slot, flags = call.a % SLOTS, (os.O_RDWR, os.O_RDONLY, os.O_WRONLY)[call.n % 3]
    step = play.program.openat(AT_FDCWD, "a", flags | os.O_CLOEXEC)
    play.slots[slot] = play.ask(f"f{slot} = open(a, {('O_RDWR', 'O_RDONLY', 'O_WRONLY')[call.n % 3]})", step, done)


VERBS: Mapping[str, Verb] = {"whole": _whole, "set": _set, "get": _get, "close": _close, "open": _open}
