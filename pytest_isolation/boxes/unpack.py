"""Making an image's tree through an agent's system calls: the same code on the host and in a VM."""

from __future__ import annotations

import os
from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.boxes.image import Image
from pytest_isolation.errors import BoxError

AT_FDCWD = -100


def unpack(image: Image, proc: Proc, root: bytes) -> None:
    program = Program(stop_on_error=True)
    for entry in image.entries:
        path = root + b"/" + entry.path
        if entry.kind == "dir":
            program.mkdirat(AT_FDCWD, path, 0o700)
        elif entry.kind == "file":
            fd = program.openat(AT_FDCWD, path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            program.pwrite64(fd, entry.data, 0)
            program.close(fd)
        program.fchmodat(AT_FDCWD, path, entry.mode)
    replies = proc.run(program)
    if len(replies) < len(program):
        raise BoxError(f"unpacking: {replies[len(replies) - 1]}")
