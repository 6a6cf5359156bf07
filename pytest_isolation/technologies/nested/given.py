"""What the outer box is given of its host, read-only, so that the inner technology can run in it: programs and Python.

Its /usr, what leads there, its configuration, and the directories that this Python and pytest-isolation are in.  The
inner box has none of it but what its own technology gives it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pytest_isolation.boxes.spec import Volume
from pytest_isolation.errors import Unavailable

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/boot")
"""hier(7): /bin and its like are links to /usr in a Debian, and directories elsewhere."""
NEVER = ("/", "/tmp", "/var/tmp", "/dev", "/proc", "/run", "/sys")
"""The outer box has its own, though a path of Python's may be one of these."""
OUTERS = ("namespaces", "bubblewrap", "nspawn", "lxc", "runc", "crun", "gvisor", "docker", "podman")
"""Technologies that mount a directory that is there into their boxes."""


def check(outer: str) -> None:
    """Raises Unavailable for a technology that cannot have the host's programs in its boxes."""
    if outer == "qemu":
        raise Unavailable(
            "a virtual machine has a kernel and programs of its own, and none of this host's",
            "measure inside one: `pytest-isolation in-vm`, or Docker in one: `pytest-isolation docker-vm`",
        )
    if outer not in OUTERS:
        raise Unavailable(
            f"{outer} mounts no directory of the host into its boxes, so no program starts another box there",
            f"name one of {', '.join(OUTERS)} after the @",
        )


def volumes() -> tuple[Volume, ...]:
    """Each directory at its own path, none of them below another."""
    wanted = [*SYSTEM, sys.prefix, sys.base_prefix, *sys.path, *os.environ.get("PATH", "").split(":")]
    found: list[str] = []
    for path in sorted({os.path.abspath(one) for one in wanted if one and os.path.isdir(one)}, key=len):
        if path not in NEVER and not any(path == one or path.startswith(f"{one}/") for one in found):
            found.append(path)
    return tuple(Volume(target=path, source=os.path.realpath(path), read_only=True) for path in found)


def environment() -> list[str]:
    """Of a program in the outer box: it finds Python's modules where this process does."""
    modules = os.pathsep.join(os.path.abspath(one) for one in sys.path if Path(one).exists())
    return [
        f"PATH={os.environ.get('PATH', '')}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        f"PYTHONPATH={modules}",
        "PYTHONDONTWRITEBYTECODE=1",
        "HOME=/tmp",
        "LANG=C.UTF-8",
    ]
