"""What a sound container is made like, and what opens each hole in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_isolation.boxes.image import Image
from pytest_isolation.boxes.spec import Published
from pytest_isolation.boxes.weakenings import ROAD_LOSSES, VOLUME_LOSSES, drop, hand_in, lossy, share
from pytest_isolation.technologies import launcher
from pytest_isolation.technologies.building import Building
from pytest_isolation.technologies.capabilities import FILTERED, granted
from pytest_isolation.technologies.container import GRANTED, OF_ENGINES, ContainerPlan, grants, shares
from pytest_isolation.technologies.handed import HAND_INS
from pytest_isolation.technologies.limiting import limits_asked
from pytest_isolation.technologies.opens import Opens, adds, by, each, folded, sets
from pytest_isolation.technologies.wording import BY_OPTION, lossy_words, worded_lines

UNGRANTED = FILTERED | {"CHECKPOINT_RESTORE"}
"""Engine 20.10 knows no capability of the last name."""


@dataclass(slots=True)
class Plan(ContainerPlan):
    """How a sound container is made."""

    granted: list[str] = field(default_factory=list)
    added: list[tuple[str, str]] = field(default_factory=list)
    """Keywords of the SDK's host configuration that are lists, and what each has besides."""
    maps_users: bool = True
    """Where the daemon does."""
    masks: bool = True
    first: bool = True
    """The agent is the first process."""
    binds_addresses: bool = True
    """A port is published on the address that was named."""
    published: list[Published] = field(default_factory=list)
    """Besides those of its spec."""
    enters_as_user: bool = True
    """Whoever the container was told to run as."""
    pauses_whole: bool = True
    """All its processes stop when it is paused."""
    hands_in: bool = False
    """A file or a socket of this machine."""


OPENS: Opens = {
    **OF_ENGINES,
    **each(("uts", "cgroup"), share, shares),
    share("user"): sets("maps_users", False),
    drop("userns-map"): sets("maps_users", False),
    **granted(grants, GRANTED, filtered=UNGRANTED),
    drop("seccomp"): adds("added", ("security_opt", "seccomp=unconfined")),
    drop("devices"): adds("added", ("device_cgroup_rules", "a *:* rwm")),
    drop("masks"): sets("masks", False),
    drop("init"): sets("first", False),
    drop("reaper"): by(folded),
    drop("bound-address"): sets("binds_addresses", False),
    hand_in("port"): adds("published", Published(address="127.0.0.1", inside=8080)),
    drop("exec-user"): sets("enters_as_user", False),
    drop("pause"): sets("pauses_whole", False),
    drop("process-limits"): by(limits_asked),
    **each(ROAD_LOSSES, lossy, by(Image.handed_on)),
    **each(VOLUME_LOSSES, lossy, by(Building.given_volumes)),
    **lossy_words(BY_OPTION, by(worded_lines)),
    hand_in("group"): adds("added", ("group_add", str(launcher.HANDED_GROUP))),
    hand_in("variable"): by(launcher.handed_variables),
    **{hole: OF_ENGINES[hole] & sets("hands_in", True) for hole in HAND_INS},
}
