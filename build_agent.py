"""The build hook: compiles the agent for both architectures with the ziglang wheel.

Run by hatchling for wheels and editable installs; `python build_agent.py` does it by hand.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

AGENT = Path(__file__).parent / "pytest_isolation" / "agent"
FLAGS = [
    "-Os",
    "-std=gnu11",
    "-ffreestanding",
    "-fno-stack-protector",
    "-fno-sanitize=all",
    "-fno-builtin",
    "-nostdlib",
    "-static",
    "-fno-pic",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wl,--build-id=none",
    "-s",
]


def compile_agent(machine: str) -> Path:
    """Compile for `machine` ("x86_64" or "aarch64"); raises CalledProcessError."""
    target = AGENT / "bin" / f"agent-{machine}"
    target.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "ziglang", "cc", "-target", f"{machine}-linux-none", *FLAGS]
    subprocess.run([*command, "-o", str(target), str(AGENT / "agent.c")], check=True)
    return target


class AgentBuildHook(BuildHookInterface[Any]):
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        for machine in ("x86_64", "aarch64"):
            compiled = compile_agent(machine)
            build_data["artifacts"].append(str(compiled.relative_to(Path(self.root))))


if __name__ == "__main__":
    for machine in ("x86_64", "aarch64"):
        compile_agent(machine)
