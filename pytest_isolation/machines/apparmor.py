"""AppArmor in a machine: the profiles that came with its packages are loaded, as Debian's service does at boot.

Docker and Podman load their own when they start; LXC expects its profiles to be there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_isolation.agent.constants import AT_FDCWD

if TYPE_CHECKING:
    from pytest_isolation.outside.box import Box

PACKAGE = "apparmor"
"""Debian's, of the program that loads profiles: without it an engine on such a kernel has none, or does not start."""
PARSER = "/sbin/apparmor_parser"
PROFILES = "/etc/apparmor.d"
KERNEL = "/sys/kernel/security/apparmor"
"""Of a kernel that has it, and has it on."""


def load(machine: Box, timeout: float) -> str:
    """Load all profiles of /etc/apparmor.d; what the parser said of those that it refuses, one line, or nothing.

    Nothing is loaded where the kernel has no AppArmor.  `timeout` in seconds.
    """
    if not all(machine.proc.faccessat(AT_FDCWD, place, os.R_OK).ok for place in (KERNEL, PARSER, PROFILES)):
        return ""
    done = machine.run([PARSER, "--replace", "--skip-cache", PROFILES], timeout=timeout)
    said = done.stderr.decode(errors="replace").strip().splitlines() or ["nothing"]
    return f"AppArmor refuses some profiles of the machine's packages; the parser says: {said[-1]}" if done.code else ""
