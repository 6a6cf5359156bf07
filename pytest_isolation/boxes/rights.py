"""What this process may do: its capabilities by the kernel's own account, proc_pid_status(5)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pytest_isolation.boxes.weakenings import CAPABILITIES

Set = Literal["CapEff", "CapBnd"]
"""The capabilities that count now, and those that it, and what it starts, can ever have."""


def capabilities(which: Set = "CapEff") -> frozenset[str]:
    """Names without CAP_; of those that capabilities(7) has."""
    status = Path("/proc/self/status").read_text(encoding="utf-8", errors="surrogateescape")
    mask = int(status.split(f"{which}:")[1].split()[0], 16)
    return frozenset(name for number, name in enumerate(CAPABILITIES) if mask >> number & 1)
