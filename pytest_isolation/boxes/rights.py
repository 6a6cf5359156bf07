"""What this process may do: its capabilities by the kernel's own account, proc_pid_status(5)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pytest_isolation.boxes.procfs import status_of
from pytest_isolation.boxes.weakenings import CAPABILITIES

Set = Literal["CapEff", "CapBnd"]
"""The capabilities that count now, and those that it, and what it starts, can ever have."""


def capabilities(which: Set = "CapEff") -> frozenset[str]:
    """Names without CAP_; of those that capabilities(7) has."""
    mask = int(status_of(Path("/proc/self"))[which], 16)
    return frozenset(name for number, name in enumerate(CAPABILITIES) if mask >> number & 1)
