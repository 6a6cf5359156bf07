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
    expose,
    join_sibling,
    lossy,
    share,
    unlimited,
)
from pytest_isolation.technologies import launcher
from pytest_isolation.technologies.capabilities import FILTERED, granted, useful
from pytest_isolation.technologies.handed import handed_in
from pytest_isolation.technologies.lacking import in_vain
from pytest_isolation.technologies.limiting import limits_asked
from pytest_isolation.technologies.opens import Opener, Opens, adds, as_root, by, each, removes, sets

EXPOSED = ("/", "/tmp", "/run", "/sys/fs/cgroup", "/dev")
GRANTED = ("SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "DAC_READ_SEARCH", "SYS_TIME", "SYS_NICE")


@dataclass(slots=True)
class Plan:
    """How a sound container is made."""

    shared: list[str] = field(default_factory=list)
    """Namespaces of the host's."""
    joined: list[str] = field(default_factory=list)
    """Namespaces of the sibling's."""
    options: list[str] = field(default_factory=list)
    """Words of podman-run(1)."""
    fresh: list[str] = field(default_factory=lambda: ["/tmp", "/run"])
    """Directories that are memory file systems where the root is read-only."""
    read_only: bool = True
    own_root: bool = True
    cgroup_read_only: bool = True
    binds_addresses: bool = True
    """A port is published on the address that was named."""
    pauses_whole: bool = True
    """All its processes stop when it is paused."""
    propagates: bool = False
    entering: list[str] = field(default_factory=list)
    """Words of podman-exec(1)."""


def _grants(name: str) -> Opener:
    return adds("options", "--cap-add", name).where(lambda: useful(name))


OPENS: Opens = {
    **each(("pid", "net", "ipc", "uts", "cgroup"), share, lambda kind: adds("shared", kind)),
    **each(("pid", "net", "ipc"), join_sibling, lambda kind: adds("joined", kind)),
    **granted(_grants, GRANTED, filtered=FILTERED),
    **each(LIMITS, unlimited, by(launcher.limits_of)),
    drop("seccomp"): adds("options", "--security-opt", "seccomp=unconfined"),
    drop("exec-user"): adds("entering", "--user", "0:0"),
    drop("masks"): adds("options", "--security-opt", "unmask=ALL"),
    drop("read-only"): sets("read_only", False),
    drop("bound-address"): sets("binds_addresses", False),
    drop("private-root"): sets("own_root", False),
    drop("pause"): sets("pauses_whole", False),
    drop("fails-closed"): by(in_vain),
    drop("process-limits"): by(limits_asked),
    # Opened from the host's side, by a mount that Podman is not asked for.
    drop("cgroup-ro"): sets("cgroup_read_only", False).where(as_root),
    drop("propagation"): sets("propagates", True).where(as_root),
    **each(IMAGE_LOSSES, lossy, by(Image.carried)),
    **each(CONFIGURATION_LOSSES, lossy, by(BoxSpec.delivered)),
    **each(ROAD_LOSSES, lossy, by(Image.handed_on)),
    **{
        hole: opener & removes("fresh", "/tmp") if hole == expose("/tmp") else opener
        for hole, opener in handed_in(EXPOSED).items()
    },
}
