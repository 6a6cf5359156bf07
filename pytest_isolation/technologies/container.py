"""What a sound container of any engine is made like, and the holes that are opened alike in all of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_isolation.boxes.image import Image
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import (
    CONFIGURATION_LOSSES,
    IMAGE_LOSSES,
    LIMITS,
    drop,
    join_sibling,
    lossy,
    share,
    unlimited,
)
from pytest_isolation.technologies import launcher
from pytest_isolation.technologies.capabilities import bounding
from pytest_isolation.technologies.handed import handed_in
from pytest_isolation.technologies.lacking import in_vain
from pytest_isolation.technologies.opens import Opener, Opens, adds, as_root, by, each, sets

GRANTED = (
    "SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "NET_RAW", "DAC_READ_SEARCH", "SYS_TIME", "SYS_NICE", "SYS_RESOURCE",
    "SYS_MODULE", "SYSLOG", "LINUX_IMMUTABLE",
)  # fmt: skip
"""Capabilities that a daemon which is root's gives its containers when it is asked to: see grants()."""


@dataclass(slots=True)
class ContainerPlan:
    """How a sound container is made: what the plans of all engines have."""

    shared: list[str] = field(default_factory=list)
    """Namespaces of the host's."""
    joined: list[str] = field(default_factory=list)
    """Namespaces of the sibling's."""
    read_only: bool = True
    own_root: bool = True
    cgroup_read_only: bool = True
    propagates: bool = False
    """What is mounted below /mnt, both see."""


def shares(kind: str) -> Opener:
    """The opener of share(kind)."""
    return adds("shared", kind)


def joins(kind: str) -> Opener:
    """The opener of join_sibling(kind)."""
    return adds("joined", kind)


def grants(name: str) -> Opener:
    """The opener of grant(name) by a daemon: not where this machine is itself a container without the capability."""
    return adds("granted", name).where(lambda: name in bounding())


OF_CONTAINERS: Opens = {
    **each(("pid", "net", "ipc"), share, shares),
    **each(("pid", "net", "ipc"), join_sibling, joins),
    drop("read-only"): sets("read_only", False),
    drop("private-root"): sets("own_root", False),
    drop("fails-closed"): by(in_vain),
    # Opened from the host's side, by a mount that an engine is not asked for.
    drop("cgroup-ro"): sets("cgroup_read_only", False).where(as_root),
    drop("propagation"): sets("propagates", True).where(as_root),
    **each(CONFIGURATION_LOSSES, lossy, by(BoxSpec.delivered)),
    **handed_in(("/", "/tmp", "/run", "/sys/fs/cgroup", "/dev")),
}
"""Opened alike by each technology whose plan is a ContainerPlan."""

OF_ENGINES: Opens = {
    **OF_CONTAINERS,
    **each(LIMITS, unlimited, by(launcher.limits_of)),
    **each(IMAGE_LOSSES, lossy, by(Image.carried)),
}
"""The same of engines that make the container of an image of theirs, for whoever may ask them."""
