"""A System V shared memory segment of the host's that everybody may attach, and that goes with its maker."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_isolation.boxes.box import Box

IPC_PRIVATE, IPC_CREAT, IPC_RMID = 0, 0o1000, 0
PAGE = 4096


@dataclass(frozen=True, slots=True)
class Segment:
    box: Box
    identifier: int
    size: int
    """Bytes: random, so that a segment of the same identifier elsewhere is not taken for this one."""

    def attached(self) -> int:
        """How many times it is attached now, as the host counts (proc_sysvipc(5)); its maker is one."""
        for line in self.box.outside.path("/proc/sysvipc/shm").read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1]) == self.identifier:
                return int(fields[6])
        return 0


@contextmanager
def segment(box: Box) -> Iterator[Segment]:
    """Marked for removal as soon as it is made: it is there while its maker lives, and no longer, however we end.

    Raises Unsupported where the kernel has no System V IPC.
    """
    with box.outside.process() as maker:
        size = PAGE * (1000 + secrets.randbelow(100_000))
        program = Program(stop_on_error=True)
        made = program.shmget(IPC_PRIVATE, size, IPC_CREAT | 0o666)
        program.shmat(made)
        program.shmctl(made, IPC_RMID)
        replies = maker.proc.run(program)
        if len(replies) < len(program):
            raise Unsupported(f"no shared memory to witness with: {replies[len(replies) - 1]}")
        yield Segment(box, replies[made].value, size)
