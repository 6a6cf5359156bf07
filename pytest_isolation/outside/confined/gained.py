"""What a program of the box is once it runs, whoever ran it: execve(2), and what a setuid bit or file capabilities add.

The program is the agent, in a file of its own in a directory that root of the box alone may enter: it is run by
descriptor, and gone before it says what it has become.
"""

from __future__ import annotations

import os
import secrets
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.agent import wire
from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.agent.client import Program, Reply
from pytest_isolation.agent.constants import AT, AT_FDCWD
from pytest_isolation.agent.memory import In
from pytest_isolation.agent.shortcuts import needed
from pytest_isolation.boxes.programs import run_program
from pytest_isolation.errors import BoxError, ProcLost, Undecided

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc
    from pytest_isolation.outside.box import Box

VFS_CAP_REVISION_2 = 0x0200_0000
EVERY = 0xFFFF_FFFF
FLAGS, ST_NOSUID = 80, 2
"""f_flags of struct statfs, statfs(2)."""
TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Became:
    """The program, as it says of itself."""

    user: int
    """Its effective user id."""
    permitted: int
    """Its permitted capabilities, a bit each."""


def program_run(
    box: Box, before: Callable[[Proc], Reply], *, mode: int = 0o755, capable: bool = False
) -> tuple[Became, Reply]:
    """Run the agent in the box by a process on which `before` was called, and what it became; and before's reply.

    `capable`: its file permits every capability.  Raises Undecided where the box lets it be made or run by nobody.
    """
    directory = f"{_place(box)}/pytest-isolation-{secrets.token_hex(6)}"
    if box.lifetime is not None:
        box.parts.host.register_directory(box.lifetime, Path(directory))  # the box's /tmp may be the host's
    needed(box.proc.mkdirat(AT_FDCWD, directory, 0o700), "a directory")
    file = f"{directory}/agent"
    try:
        box.write_file(file, agent_binary(box.agent.machine).read_bytes())
        # After it was written: a write takes a setuid bit away from who has no CAP_FSETID.
        needed(box.proc.fchmodat(AT_FDCWD, file, mode), "a file of its mode")
        if capable:
            value = struct.pack("<5I", VFS_CAP_REVISION_2, EVERY, 0, EVERY, 0)
            set_ = box.proc.call("setxattr", file, "security.capability", In(value), len(value), 0)
            needed(set_, "a file with capabilities")
        asked = Program()
        user, capabilities = asked.geteuid(), asked.capget()
        frame = asked.frame(box.agent.machine)
        told: list[Reply] = []

        def execute(child: Proc, argv: tuple[str, ...], _: Mapping[str, str], fds: list[int]) -> None:
            opened = needed(child.openat(AT_FDCWD, file, os.O_RDONLY | os.O_CLOEXEC), "its program")
            told.append(before(child))
            needed(told[0], "a process with less")
            program = Program(stop_on_error=True)
            for number, fd in enumerate(fds):
                program.dup3(fd, number)
            child.run(program)
            try:
                refused = child.execveat(opened.value, "", argv, [], AT.EMPTY_PATH)
            except ProcLost:
                return
            needed(refused, "a program to run")

        done = run_program(box, ("agent",), frame.pack(1, ()), {}, TIMEOUT_S, execute=execute)
    finally:
        box.proc.unlinkat(AT_FDCWD, file)
        box.proc.unlinkat(AT_FDCWD, directory, AT.REMOVEDIR)
    replies = asked.replies(wire.unpack_answer(_answer(done.stdout), frame))
    words = struct.unpack_from("<6I", replies[capabilities].data)
    return Became(replies[user].value, words[1] | words[4] << 32), told[0]


def _place(box: Box) -> str:
    """A directory of the box where a setuid bit counts.  Raises Undecided, and Unsupported, where there is none.

    Many a /tmp is mounted nosuid, and what lies beside it is not: that would hold for the one and say it of all.
    """
    for place in (box.scratch,) if box.spec.attached else box.writable:
        found = box.proc.statfs(place)
        if found.ok and not int.from_bytes(found.data[FLAGS : FLAGS + 8], "little") & ST_NOSUID:
            return place.rstrip("/")
    raise Undecided("the box has no directory that takes a file of ours and is mounted without nosuid")


def _answer(output: bytes) -> bytes:
    """The payload of the reply, after the hello.  Raises BoxError where there is none."""
    size = wire.HEADER.size
    at = size + 4
    if len(output) < at + size:
        raise BoxError(f"the program that was run said {len(output)} bytes; expected a hello and a reply")
    header = wire.unpack_header(output[at : at + size])
    return output[at + size : at + size + header.length]
