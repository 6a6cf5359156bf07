"""A machine's disk as files: raw, qcow2, or qcow2 with another file behind it; and the files in another directory."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import BoxError
from pytest_isolation.technologies.qemu.emulator import Emulator, without_machine

if TYPE_CHECKING:
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.technologies.qemu.monitor import Monitor

Kind = Literal["raw", "qcow2", "backed", "backed-absolutely"]
SIZE = 16 * MIB
BASE_AT = 12 * MIB
"""Where the file behind has something of its own."""
NODE = "disk"
"""QEMU's name of it, as QMP takes it."""
JOB_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Disk:
    """`backed`: the file behind is named by its name alone; `backed-absolutely`: by its path."""

    kind: Kind
    directory: Path

    @property
    def file(self) -> Path:
        """What the machine writes to."""
        return self.directory / f"disk.{self.format}"

    @property
    def format(self) -> str:
        """As QEMU calls it."""
        return "raw" if self.kind == "raw" else "qcow2"

    @property
    def base(self) -> Path | None:
        """The file behind."""
        return self.directory / "base.raw" if self.kind.startswith("backed") else None

    @property
    def files(self) -> tuple[Path, ...]:
        """All that it is."""
        return (self.file,) if self.base is None else (self.file, self.base)

    def devices(self) -> tuple[str, ...]:
        """QEMU's options for it."""
        file = {"driver": "file", "filename": os.fspath(self.file)}
        node = json.dumps({"driver": self.format, "node-name": NODE, "file": file})
        return "-blockdev", node, "-device", f"virtio-blk-pci,drive={NODE}"

    def stored(self) -> int:
        """What it takes of the host's storage."""
        return sum(file.stat().st_blocks * 512 for file in self.files)

    def copied(self, to: Path, *, without_base: bool = False) -> Disk:
        """Its files in another directory."""
        for file in self.files:
            if not (without_base and file == self.base):
                shutil.copyfile(file, to / file.name)
        return replace(self, directory=to)


def create(kind: Kind, directory: Path, base: bytes, emulator: Emulator, lifetime: Lifetime) -> Disk:
    """An empty one of SIZE bytes; the file behind it, where there is one, has `base` at BASE_AT.

    Raises BoxError with QEMU's words.
    """
    made = Disk(kind, directory)
    if made.base is not None:
        with made.base.open("wb") as file:
            file.truncate(SIZE)
            file.seek(BASE_AT)
            file.write(base)
    with made.file.open("wb") as file:
        if kind == "raw":
            file.truncate(SIZE)
            return made
    options: dict[str, object] = {"driver": "qcow2", "file": "file", "size": SIZE}
    if made.base is not None:
        named = made.base.name if kind == "backed" else os.fspath(made.base)
        options |= {"backing-file": named, "backing-fmt": "raw"}
    with without_machine(emulator, lifetime) as monitor:
        monitor.ask("blockdev-add", **{"driver": "file", "node-name": "file", "filename": os.fspath(made.file)})
        job(monitor, "blockdev-create", "the disk was not made", options=options)
        monitor.ask("blockdev-del", **{"node-name": "file"})
    return made


def job(monitor: Monitor, command: str, otherwise: str, **arguments: object) -> None:
    """A command of QMP that works on in the background, to its end.  Raises BoxError: `otherwise`, and QEMU's words.

    Source: QEMU docs, interop/qemu-qmp-ref, Background jobs.
    """
    name = "job"
    monitor.ask(command, **{"job-id": name, **arguments})
    deadline = time.monotonic() + JOB_TIMEOUT_S
    while True:
        (found,) = [one for one in monitor.ask("query-jobs") if one["id"] == name]
        if found["status"] == "concluded":
            break
        if time.monotonic() > deadline:
            raise BoxError(f"{otherwise}: QEMU's job is {found['status']} after {JOB_TIMEOUT_S:g} s")
        time.sleep(0.01)
    monitor.ask("job-dismiss", id=name)
    if "error" in found:
        raise BoxError(f"{otherwise}: {found['error']}")
