"""Witnesses: what decides, on the host's side, whether something got out of a box or into it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.outside.processes import Canary, canary_for, host_pids

if TYPE_CHECKING:
    from pytest_isolation.boxes.box import Box


class Outside:
    """Everything that is not in `box`."""

    def __init__(self, box: Box) -> None:
        self._box = box

    @contextmanager
    def canary(self) -> Iterator[Canary]:
        """A host process whose number names nothing else in the box: itself, or nothing.

        The same canary serves many examples; what an earlier one did to it is seen to first.
        """
        yield canary_for(self._box)

    def named(self, name: str) -> set[int]:
        """The host's processes whose comm is `name` (at most 15 characters)."""
        found = set()
        for pid in host_pids():
            try:
                if Path(f"/proc/{pid}/comm").read_text(errors="replace").rstrip("\n") == name:
                    found.add(pid)
            except OSError:
                continue
        return found

    def numbers_are_ours(self) -> bool:
        """Whether the box lives in this process's PID namespace: a pid means the same on both sides."""
        pid = self._box.parts.init_pid
        if pid is None:
            return False
        try:
            return os.readlink(f"/proc/{pid}/ns/pid") == os.readlink("/proc/self/ns/pid")
        except OSError:
            return False
