"""How a sound container is configured, and what opens each hole in it."""

from __future__ import annotations

from dataclasses import dataclass, field

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
from pytest_isolation.technologies.capabilities import granted
from pytest_isolation.technologies.handed import handed_in
from pytest_isolation.technologies.lacking import in_vain
from pytest_isolation.technologies.limiting import limits_asked
from pytest_isolation.technologies.lxc.wording import WORDING
from pytest_isolation.technologies.opens import Opens, adds, as_root, by, each, folded, sets
from pytest_isolation.technologies.wording import lossy_words, worded_lines

NAMESPACES = ("pid", "net", "ipc", "uts", "cgroup")
EXPOSED = ("/", "/tmp", "/run", "/sys/fs/cgroup")
GRANTED = ("SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "SYS_TIME", "SYS_NICE")


@dataclass(slots=True)
class Plan:
    """How a sound container is configured."""

    shared: list[str] = field(default_factory=list)
    """Namespaces of the host's."""
    joined: list[str] = field(default_factory=list)
    """Namespaces of the sibling's."""
    granted: list[str] = field(default_factory=list)
    mounted: list[str] = field(default_factory=list)
    """Lines of the configuration that mount."""
    privileges: list[str] = field(default_factory=list)
    """Lines of the configuration that take a defence back."""
    few_devices: bool = True
    masks: bool = True
    read_only: bool = True
    own_root: bool = True
    closes: bool = True
    """Nothing that LXC's caller has open is left open."""
    first: bool = True
    """The agent is the first process."""
    pauses_whole: bool = True
    """All its processes stop when it is paused."""
    leaves_group: bool = False
    elevated: list[str] = field(default_factory=list)
    """What lxc-attach leaves to a process that enters, in its words."""


OPENS: Opens = {
    **each(NAMESPACES, share, lambda kind: adds("shared", kind)),
    **each(("pid", "net", "ipc", "uts"), join_sibling, lambda kind: adds("joined", kind)),
    **granted(lambda name: adds("granted", name).where(as_root), GRANTED),
    **each(LIMITS, unlimited, by(launcher.limits_of).where(as_root)),
    drop("seccomp"): adds("privileges", "lxc.seccomp.profile ="),
    drop("cgroup-ro"): adds("mounted", "lxc.mount.auto = cgroup:rw:force").where(as_root),
    drop("devices"): sets("few_devices", False).where(as_root),
    drop("masks"): sets("masks", False),
    drop("read-only"): sets("read_only", False),
    drop("private-root"): sets("own_root", False),
    drop("pause"): sets("pauses_whole", False),
    drop("fails-closed"): by(in_vain),
    drop("process-limits"): by(limits_asked),
    drop("close-fds"): sets("closes", False),
    drop("init"): sets("first", False),
    drop("reaper"): by(folded),
    drop("parent-death"): adds("privileges", "lxc.monitor.signal.pdeath = 0"),
    drop("clean-up"): sets("leaves_group", True).where(as_root),
    drop("exec-group"): adds("elevated", "CGROUP").where(as_root),
    drop("exec-capabilities"): adds("elevated", "CAP").where(as_root),
    drop("exec-label"): adds("elevated", "LSM").where(as_root),
    **each(IMAGE_LOSSES, lossy, by(launcher.new_root)),
    **each(CONFIGURATION_LOSSES, lossy, by(BoxSpec.delivered)),
    **lossy_words(WORDING, by(worded_lines)),
    **handed_in(EXPOSED),
}


def plan_of(spec: BoxSpec) -> Plan:
    """The plan of a box of `spec`."""
    return folded(OPENS, Plan(), spec)
