"""Running the box's own programs, and moving files: all of it through the agent."""

from __future__ import annotations

import errno as errno_module
import os
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pytest_isolation.agent.client import Proc, Program, Reply
from pytest_isolation.agent.constants import AT_FDCWD, F
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import BoxError, ProcLost

if TYPE_CHECKING:
    from pytest_isolation.boxes.spec import BoxSpec

Execute = Callable[[Proc, tuple[str, ...], Mapping[str, str], list[int]], None]
"""Child, arguments, environment, and what become 0, 1 and 2 of the program."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OUTPUT_MAX = 16 * MIB
PIECE = 256 << 10
POLLIN, POLLOUT = 1, 4
SLICE_S = 0.2
"""How long the program's parent waits for output before it asks us again."""


@dataclass(frozen=True, slots=True)
class Completed:
    """How a program of the box ended: `code` is its exit status, or -N for signal N, as in subprocess."""

    argv: tuple[str, ...]
    code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as UTF-8; each byte that is none becomes U+FFFD."""
        return self.stdout.decode(errors="replace")


class HasProcesses(Protocol):
    """A box, as far as a program is run in it."""

    @property
    def spec(self) -> BoxSpec:
        """Its environment is the program's."""

    def spawn(self, flags: int = 0) -> Proc:
        """A child process in the box."""


def read_file(proc: Proc, path: str | bytes) -> bytes:
    """Raises BoxError with the errno."""
    fd = must(proc.openat(AT_FDCWD, path, os.O_RDONLY), "reading a file of the box").value
    pieces: list[bytes] = []
    try:
        while data := must(proc.read(fd, PIECE), "reading a file of the box").data:
            pieces.append(data)
    finally:
        proc.close(fd)
    return b"".join(pieces)


def write_file(proc: Proc, path: str | bytes, data: bytes, mode: int) -> None:
    """Raises BoxError with the errno."""
    fd = must(
        proc.openat(AT_FDCWD, path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "writing a file of the box"
    ).value
    try:
        must(proc.fchmod(fd, mode), "writing a file of the box")
        for at in range(0, len(data), PIECE):
            must(proc.write(fd, data[at : at + PIECE]), "writing a file of the box")
    finally:
        proc.close(fd)


def run_program(
    box: HasProcesses,
    argv: tuple[str, ...],
    stdin: bytes,
    env: Mapping[str, str] | None,
    timeout: float,
    *,
    execute: Execute | None = None,
) -> Completed:
    """As Box.run.  The program's parent holds the pipes, and is not the box's first process: that one stays free.

    `execute`: has a child become the program, instead of looking its name up.
    """
    if not argv:
        raise BoxError("run() was given no program; expected its name and its arguments, as a list")
    variables = dict(env) if env is not None else {"PATH": PATH} | dict(box.spec.env)
    deadline = time.monotonic() + timeout
    with box.spawn() as parent:
        pipes = [_pipe(parent) for _ in range(3)]
        child = parent.spawn()
        try:
            (execute or _execute)(child, argv, variables, [pipes[0][0], pipes[1][1], pipes[2][1]])
            for fd in (pipes[0][0], pipes[1][1], pipes[2][1]):
                parent.close(fd)
            output = _feed(parent, pipes[0][1], {pipes[1][0]: bytearray(), pipes[2][0]: bytearray()}, stdin, deadline)
        except TimeoutError:
            parent.kill(child.pid, 9)
            parent.wait4(child.pid)
            raise TimeoutError(f"{argv[0]} was still running after {timeout:g} s and was killed") from None
        except BaseException:
            child.end()  # left to the box's first process, which may wait for nobody
            raise
        status = _wait(parent, child.pid, deadline, argv[0], timeout)
    code = -(status & 0x7F) if status & 0x7F else status >> 8 & 0xFF
    return Completed(argv, code, bytes(output[0]), bytes(output[1]))


def _pipe(parent: Proc) -> tuple[int, int]:
    data = must(parent.pipe2(os.O_CLOEXEC), "a pipe in the box").data
    reader, writer = struct.unpack("<2i", data)
    return reader, writer


def _execute(child: Proc, argv: tuple[str, ...], variables: Mapping[str, str], fds: list[int]) -> None:
    program = Program(stop_on_error=True)
    for number, fd in enumerate(fds):
        program.dup3(fd, number) if fd != number else program.fcntl(fd, F.SETFD, 0)
    must(child.run(program)[0], "the program's descriptors")
    environment = [f"{key}={value}" for key, value in variables.items()]
    directories = [""] if "/" in argv[0] else [f"{one or '.'}/" for one in variables.get("PATH", PATH).split(":")]
    refused: Reply | None = None
    for directory in directories:
        try:
            reply = child.execve(f"{directory}{argv[0]}", list(argv), environment)
        except ProcLost:
            return  # it has become the program
        if refused is None or reply.errno != errno_module.ENOENT:
            refused = reply
    assert refused is not None
    raise BoxError(f"the box has no program {argv[0]!r} that it could start: {refused}")


def _feed(
    parent: Proc, writer: int, outputs: dict[int, bytearray], stdin: bytes, deadline: float
) -> tuple[bytearray, bytearray]:
    """Write `stdin` and collect both outputs until both are closed."""
    kept = tuple(outputs.values())
    opened = dict(outputs)
    parent.fcntl(writer, F.SETFL, os.O_NONBLOCK)
    if not stdin:
        parent.close(writer)
    while opened:
        if time.monotonic() > deadline:
            raise TimeoutError
        watched = [(fd, POLLIN) for fd in opened] + ([(writer, POLLOUT)] if stdin else [])
        events = parent.ppoll(watched, SLICE_S)
        if events.errno == errno_module.EINTR:
            continue
        must(events, "waiting for the program's output")
        for number, (fd, _) in enumerate(watched):
            (happened,) = struct.unpack_from("<h", events.outs[0], number * 8 + 6)
            if not happened:
                continue
            if fd == writer:
                stdin = _write_some(parent, writer, stdin)
                continue
            data = must(parent.read(fd, PIECE), "the program's output").data
            opened[fd] += data
            if not data:
                del opened[fd]
            if sum(map(len, kept)) > OUTPUT_MAX:
                raise BoxError(
                    f"the program wrote more than {OUTPUT_MAX >> 20} MiB; expected less: redirect it to a file"
                )
    return kept[0], kept[1]


def _write_some(parent: Proc, writer: int, stdin: bytes) -> bytes:
    # SIGPIPE would end the parent: it is blocked while it writes, and stays pending.
    parent.rt_sigprocmask(0, 1 << 12)
    reply = parent.write(writer, stdin[:65536])
    if reply.errno == errno_module.EAGAIN:
        return stdin
    left = stdin[reply.value :] if reply.ok else b""
    if not left:
        parent.close(writer)
    return left


def _wait(parent: Proc, pid: int, deadline: float, name: str, timeout: float) -> int:
    while True:
        reply = must(parent.wait4(pid, 1), "waiting for the program")  # WNOHANG
        if reply.value == pid:
            return int(struct.unpack_from("<i", reply.outs[0])[0])
        if time.monotonic() > deadline:
            parent.kill(pid, 9)
            parent.wait4(pid)
            raise TimeoutError(f"{name} was still running after {timeout:g} s and was killed")
        parent.nanosleep(0.002)
