"""What a sound container is made like, and what opens each hole in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_isolation.boxes.image import Image
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import (
    CONFIGURATION_LOSSES,
    IMAGE_LOSSES,
    LIMITS,
    ROAD_LOSSES,
    drop,
    hand_in,
    join_sibling,
    lossy,
    share,
    unlimited,
)
from pytest_isolation.technologies import launcher
from pytest_isolation.technologies.capabilities import FILTERED, bounding, granted
from pytest_isolation.technologies.handed import HAND_INS, handed_in
from pytest_isolation.technologies.lacking import in_vain
from pytest_isolation.technologies.limiting import limits_asked
from pytest_isolation.technologies.opens import Opener, Opens, adds, as_root, by, each, folded, sets

EXPOSED = ("/", "/tmp", "/run", "/sys/fs/cgroup", "/dev")
GRANTED = (
    "SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "NET_RAW", "DAC_READ_SEARCH", "SYS_TIME", "SYS_NICE", "SYS_RESOURCE",
    "SYS_MODULE", "SYSLOG", "LINUX_IMMUTABLE",
)  # fmt: skip
UNGRANTED = FILTERED | {"CHECKPOINT_RESTORE"}
"""Engine 20.10 knows no capability of the last name."""


@dataclass(slots=True)
class Plan:
    """How a sound container is made."""

    shared: list[str] = field(default_factory=list)
    """Namespaces of the host's."""
    joined: list[str] = field(default_factory=list)
    """Namespaces of the sibling's."""
    granted: list[str] = field(default_factory=list)
    added: list[tuple[str, str]] = field(default_factory=list)
    """Keywords of the SDK's host configuration that are lists, and what each has besides."""
    maps_users: bool = True
    """Where the daemon does."""
    masks: bool = True
    read_only: bool = True
    own_root: bool = True
    first: bool = True
    """The agent is the first process."""
    cgroup_read_only: bool = True
    binds_addresses: bool = True
    """A port is published on the address that was named."""
    enters_as_user: bool = True
    """Whoever the container was told to run as."""
    pauses_whole: bool = True
    """All its processes stop when it is paused."""
    propagates: bool = False
    hands_in: bool = False
    """A file or a socket of this machine."""


def _grants(name: str) -> Opener:
    # Not where this machine is itself a container without it.
    return adds("granted", name).where(lambda: name in bounding())


OPENS: Opens = {
    **each(("pid", "net", "ipc", "uts", "cgroup"), share, lambda kind: adds("shared", kind)),
    **each(("pid", "net", "ipc"), join_sibling, lambda kind: adds("joined", kind)),
    share("user"): sets("maps_users", False),
    drop("userns-map"): sets("maps_users", False),
    **granted(_grants, GRANTED, filtered=UNGRANTED),
    **each(LIMITS, unlimited, by(launcher.limits_of)),
    drop("seccomp"): adds("added", ("security_opt", "seccomp=unconfined")),
    drop("devices"): adds("added", ("device_cgroup_rules", "a *:* rwm")),
    drop("masks"): sets("masks", False),
    drop("read-only"): sets("read_only", False),
    drop("init"): sets("first", False),
    drop("reaper"): by(folded),
    drop("bound-address"): sets("binds_addresses", False),
    drop("exec-user"): sets("enters_as_user", False),
    drop("private-root"): sets("own_root", False),
    drop("pause"): sets("pauses_whole", False),
    drop("fails-closed"): by(in_vain),
    drop("process-limits"): by(limits_asked),
    # Opened from the host's side, by a mount the daemon is not asked for.
    drop("cgroup-ro"): sets("cgroup_read_only", False).where(as_root),
    drop("propagation"): sets("propagates", True).where(as_root),
    **each(IMAGE_LOSSES, lossy, by(Image.carried)),
    **each(CONFIGURATION_LOSSES, lossy, by(BoxSpec.delivered)),
    **each(ROAD_LOSSES, lossy, by(Image.handed_on)),
    hand_in("group"): adds("added", ("group_add", str(launcher.HANDED_GROUP))),
    hand_in("variable"): by(launcher.handed_variables),
    **{
        hole: opener & sets("hands_in", True) if hole in HAND_INS else opener
        for hole, opener in handed_in(EXPOSED).items()
    },
}
