"""What a plain container of a pod is made like, and what opens each hole in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_isolation.boxes.image import Image
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import (
    CONFIGURATION_LOSSES,
    IMAGE_LOSSES,
    LIMITS,
    drop,
    hand_in,
    join_sibling,
    lossy,
    share,
    unlimited,
)
from pytest_isolation.technologies import launcher
from pytest_isolation.technologies.capabilities import FILTERED, bounding, granted
from pytest_isolation.technologies.handed import handed_in
from pytest_isolation.technologies.lacking import in_vain
from pytest_isolation.technologies.opens import Opener, Opens, adds, as_root, by, each, sets

EXPOSED = ("/", "/tmp", "/run", "/sys/fs/cgroup", "/dev")
GRANTED = (
    "SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "NET_RAW", "DAC_READ_SEARCH", "SYS_TIME", "SYS_NICE", "SYS_RESOURCE",
    "SYS_MODULE", "SYSLOG", "LINUX_IMMUTABLE",
)  # fmt: skip


@dataclass(slots=True)
class Plan:
    """How a plain container is made."""

    shared: list[str] = field(default_factory=list)
    """Namespaces of the host's."""
    joined: list[str] = field(default_factory=list)
    """Namespaces of the sibling's, in whose pod it is then."""
    granted: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    """Further ones of its processes."""
    confined: bool = True
    """By a system call filter, where one is asked for."""
    no_new_privs: bool = True
    """Where it is asked for."""
    masks: bool = True
    read_only: bool = True
    own_root: bool = True
    cgroup_read_only: bool = True
    propagates: bool = False
    """What is mounted below /mnt, both see."""


def _grants(name: str) -> Opener:
    # Not where this machine is itself a container without it.
    return adds("granted", name).where(lambda: name in bounding())


OPENS: Opens = {
    **each(("pid", "net", "ipc"), share, lambda kind: adds("shared", kind)),
    **each(("pid", "net", "ipc"), join_sibling, lambda kind: adds("joined", kind)),
    **granted(_grants, GRANTED, filtered=FILTERED),
    **each(LIMITS, unlimited, by(launcher.limits_of)),
    drop("seccomp"): sets("confined", False),
    drop("no-new-privs"): sets("no_new_privs", False),
    drop("masks"): sets("masks", False),
    drop("read-only"): sets("read_only", False),
    drop("private-root"): sets("own_root", False),
    drop("fails-closed"): by(in_vain),
    # Opened from the host's side, by a mount the runtime is not asked for.
    drop("cgroup-ro"): sets("cgroup_read_only", False).where(as_root),
    drop("propagation"): sets("propagates", True).where(as_root),
    **each(IMAGE_LOSSES, lossy, by(Image.carried)),
    **each(CONFIGURATION_LOSSES, lossy, by(BoxSpec.delivered)),
    **handed_in(EXPOSED),
    hand_in("group"): sets("groups", [launcher.HANDED_GROUP]),
    hand_in("variable"): by(launcher.environment),
}
