"""A packet socket that hears frames of ours, and nobody else's.

What a process has not read yet lies in its socket, which has room for some hundred packets (socket(7), SO_RCVBUF): on a
busy machine those of others fill it, and the kernel drops ours without a word.  So the kernel itself sorts them, by a
program of struct sock_filter.  Sources: packet(7), socket(7) SO_ATTACH_FILTER, kernel networking/filter.
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.memory import In, Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_isolation.agent.client import Proc, Reply

SO_ATTACH_FILTER = 26
LOAD_4, LOAD_2, IS, ANSWER = 0x20, 0x28, 0x15, 0x06
"""BPF_LD | BPF_W or BPF_H | BPF_ABS, BPF_JMP | BPF_JEQ | BPF_K, BPF_RET | BPF_K."""
WHOLE = 0x0004_0000
SOCK_FPROG = 16
"""Bytes of a struct sock_fprog."""


def hears(ear: Proc, protocol: int, mark: bytes, frames: Iterable[bytes]) -> Reply:
    """A packet socket of `ear`'s, by every interface, for frames of an EtherType that have `mark` where `frames` do.

    `mark`: six bytes.  The reply is the socket's, or that of the first call that was refused; it does not block.
    """
    code = _filter(mark, sorted({at for frame in frames for at in _places(frame, mark)}))
    program = Program(stop_on_error=True)
    fd = program.socket(
        socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0
    )  # hears nothing
    asked = Struct((struct.pack("<H6x", len(code) // 8), In(code)))
    program.call("setsockopt", fd, socket.SOL_SOCKET, SO_ATTACH_FILTER, asked, SOCK_FPROG)
    program.bind(fd, struct.pack("<HHiHBB8x", socket.AF_PACKET, socket.htons(protocol), 0, 0, 0, 0))
    replies = ear.run(program)
    if len(replies) == len(program) and replies[len(replies) - 1].ok:
        return replies[fd]
    if replies[fd].ok:
        ear.close(replies[fd].value)
    return replies[len(replies) - 1]


def _places(frame: bytes, mark: bytes) -> list[int]:
    return [at for at in range(len(frame)) if frame.startswith(mark, at)]


def _filter(mark: bytes, places: Iterable[int]) -> bytes:
    """In order: a frame that ends before a place is dropped there."""
    first, rest = struct.unpack(">IH", mark)
    code = b""
    for at in places:
        code += struct.pack("<HBBI", LOAD_4, 0, 0, at) + struct.pack("<HBBI", IS, 0, 3, first)
        code += struct.pack("<HBBI", LOAD_2, 0, 0, at + 4) + struct.pack("<HBBI", IS, 0, 1, rest)
        code += struct.pack("<HBBI", ANSWER, 0, 0, WHOLE)
    return code + struct.pack("<HBBI", ANSWER, 0, 0, 0)
