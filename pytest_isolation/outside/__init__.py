"""Witnesses: what decides, on the host's side, whether something got out of a box or into it.

The host is the machine the box stands on (boxes/host.py): this one, or a daemon's, seen through an agent there.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.boxes.host import HostProcess, remove_directory, send_signal
from pytest_isolation.boxes.procfs import stat_of
from pytest_isolation.outside.processes import Canary, canary_for, host_pids, process_of_host
from pytest_isolation.outside.shared.roads import roads
from pytest_isolation.outside.start.given import given

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc
    from pytest_isolation.boxes.box import RunningBox


@dataclass(frozen=True, slots=True)
class _Directory:
    path: Path

    def close(self) -> None:
        remove_directory(self.path)


class Outside:
    """Everything that is not in `box`."""

    def __init__(self, box: RunningBox) -> None:
        self._box = box

    @property
    def proc(self) -> Proc:
        """A process of the host, the same for every example: for sockets, files and questions."""
        return process_of_host(self._box)

    def given(self) -> list[dict[str, str | None]]:
        """What of the host the box was given, as plain data for its report: given.py.  Never raises."""
        return given(self._box)

    def process(self) -> HostProcess:
        """Another process of the host, to be changed and ended."""
        return self._box.parts.host.start()

    def path(self, *parts: str | os.PathLike[str]) -> Path:
        """A path of the host."""
        return self._box.parts.host.path(*parts)

    def roads(self, path: str | os.PathLike[str]) -> list[str]:
        """The paths in the box by which it might come to a path of the host, most likely first.

        By all that it was really given, under any name, then by the ways that need no mount: its root, /proc/1/root.
        """
        return [road.path for road in roads(self._box, [os.fspath(path)]) if road.at == AT_FDCWD]

    @contextmanager
    def directory(self, above: str = "/var/tmp") -> Iterator[Path]:
        """An empty directory of the host's, for an example; what is in it goes with it.

        Open to everybody: its place must hide what is in it, whoever the box's user is.
        """
        key = f"directory in {above}"
        kept: _Directory | None = self._box.witnesses.pop(key, None)
        made = kept if kept is not None and kept.path.is_dir() else self._new_directory(above)
        try:
            yield made.path
        finally:
            # One serves all examples: each is written down, and a clean-up comes back for each.
            for one in list(made.path.iterdir()):
                one.unlink()
            if self._box.witnesses.setdefault(key, made) is not made:
                made.close()

    def _new_directory(self, above: str) -> _Directory:
        made = self.path(above, f"pytest-isolation-mark-{secrets.token_hex(6)}")
        if self._box.lifetime is not None:
            self._box.parts.host.register_directory(self._box.lifetime, made)
        made.mkdir(0o700)
        made.chmod(0o755)
        return _Directory(made)

    @contextmanager
    def canary(self) -> Iterator[Canary]:
        """A host process whose number names nothing else in the box: itself, or nothing.

        The same canary serves many examples; what an earlier one did to it is seen to first.
        """
        yield canary_for(self._box)

    def kill(self, pid: int, sig: int) -> None:
        """As host.send_signal: by a process of the host, for the box's first process alone."""
        send_signal(self.proc, pid, sig)

    def runs(self, pid: int) -> bool:
        """Whether the host's process `pid` is there and is no zombie: man:proc_pid_stat(5), field 3."""
        try:
            return stat_of(self.path(f"/proc/{pid}"))[0] not in "ZX"
        except OSError:
            return False

    def name(self, pid: int) -> str:
        """The comm of the host's process `pid`, at most 15 characters; "" when it is gone."""
        try:
            return self.path(f"/proc/{pid}/comm").read_text(errors="replace", encoding="utf-8").rstrip("\n")
        except OSError:
            return ""

    def named(self, name: str) -> set[int]:
        """The host's processes whose comm is `name` (at most 15 characters)."""
        return {pid for pid in host_pids(self._box.parts.host) if self.name(pid) == name}
