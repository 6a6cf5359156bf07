"""What a sound container is made like, and what opens each hole in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_isolation.boxes.image import Image
from pytest_isolation.boxes.spec import Published
from pytest_isolation.boxes.weakenings import ROAD_LOSSES, VOLUME_LOSSES, drop, expose, hand_in, lossy, share
from pytest_isolation.technologies.building import Building
from pytest_isolation.technologies.capabilities import FILTERED, granted, useful
from pytest_isolation.technologies.container import OF_ENGINES, ContainerPlan, shares
from pytest_isolation.technologies.limiting import limits_asked
from pytest_isolation.technologies.opens import Opener, Opens, adds, by, each, removes, sets
from pytest_isolation.technologies.wording import BY_OPTION, lossy_words, worded_lines

GRANTED = ("SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "DAC_READ_SEARCH", "SYS_TIME", "SYS_NICE")


@dataclass(slots=True)
class Plan(ContainerPlan):
    """How a sound container is made."""

    options: list[str] = field(default_factory=list)
    """Words of podman-run(1)."""
    fresh: list[str] = field(default_factory=lambda: ["/tmp", "/run"])
    """Directories that are memory file systems where the root is read-only."""
    binds_addresses: bool = True
    """A port is published on the address that was named."""
    published: list[Published] = field(default_factory=list)
    """Besides those of its spec."""
    pauses_whole: bool = True
    """All its processes stop when it is paused."""
    entering: list[str] = field(default_factory=list)
    """Words of podman-exec(1)."""


def _grants(name: str) -> Opener:
    return adds("options", "--cap-add", name).where(lambda: useful(name))


OPENS: Opens = {
    **OF_ENGINES,
    **each(("uts", "cgroup"), share, shares),
    **granted(_grants, GRANTED, filtered=FILTERED),
    drop("seccomp"): adds("options", "--security-opt", "seccomp=unconfined"),
    drop("exec-user"): adds("entering", "--user", "0:0"),
    drop("masks"): adds("options", "--security-opt", "unmask=ALL"),
    drop("bound-address"): sets("binds_addresses", False),
    hand_in("port"): adds("published", Published(address="127.0.0.1", inside=8080)),
    drop("pause"): sets("pauses_whole", False),
    drop("process-limits"): by(limits_asked),
    **each(ROAD_LOSSES, lossy, by(Image.handed_on)),
    **each(VOLUME_LOSSES, lossy, by(Building.given_volumes)),
    **lossy_words(BY_OPTION, by(worded_lines)),
    expose("/tmp"): OF_ENGINES[expose("/tmp")] & removes("fresh", "/tmp"),
}
