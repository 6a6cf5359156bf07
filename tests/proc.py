"""What /proc of this machine says of a process, by its number: proc(5)."""

from __future__ import annotations

import os
from pathlib import Path


def namespace(pid: int | str | None, kind: str) -> str:
    return os.readlink(f"/proc/{pid}/ns/{kind}")


def status(pid: int | None, key: str) -> str:
    """The first word of a line of its status."""
    return Path(f"/proc/{pid}/status").read_text().split(f"{key}:")[1].split()[0]
