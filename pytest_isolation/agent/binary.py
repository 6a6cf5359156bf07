"""Where the compiled agent is."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_isolation.errors import UsageError

DIRECTORY = Path(__file__).parent / "bin"


def agent_binary(machine: str | None = None) -> Path:
    """The agent for `machine` ("x86_64", "aarch64"; None: this one).

    Raises UsageError when the package was not built, or not for that architecture.
    """
    machine = machine or os.uname().machine
    path = DIRECTORY / f"agent-{machine}"
    if not path.is_file():
        raise UsageError(
            f"the agent for {machine} is not in this installation ({path} is missing); "
            "install pytest-isolation with pip, which compiles it, on x86_64 or aarch64"
        )
    return path
