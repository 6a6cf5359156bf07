"""How a sound box is walled in, and what opens each hole in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_isolation.boxes.attributes import BY_SLUG
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import (
    CONFIGURATION_LOSSES,
    IMAGE_LOSSES,
    LIMITS,
    RESOURCES,
    SKEWED,
    VOLUME_LOSSES,
    drop,
    expose,
    hand_in,
    join_sibling,
    lossy,
    share,
    unlimited,
)
from pytest_isolation.technologies import launcher
from pytest_isolation.technologies.building import Building
from pytest_isolation.technologies.capabilities import granted, useful
from pytest_isolation.technologies.handed import handed_in
from pytest_isolation.technologies.lacking import in_vain
from pytest_isolation.technologies.limiting import set_limits
from pytest_isolation.technologies.namespaces.clone import CLONE
from pytest_isolation.technologies.opens import Opens, adds, as_root, by, each, folded, removes, sets

GRANTED = ("SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "NET_RAW", "DAC_READ_SEARCH", "SYS_TIME", "SYS_NICE")
KINDS = tuple(kind for kind in CLONE if kind != "user")
JOINED = ("pid", "net", "ipc", "uts")
"""What can be a sibling's, too."""


@dataclass(slots=True)
class Plan:
    """How a sound box is walled in."""

    own: list[str] = field(default_factory=lambda: list(KINDS))
    """The kinds of namespace it has to itself, besides a user namespace."""
    joined: list[str] = field(default_factory=list)
    """Those of the sibling's."""
    own_users: bool = True
    """Where a user namespace was asked for."""
    granted: list[str] = field(default_factory=list)
    masks: bool = True
    pivots: bool = True
    first: bool = True
    """The agent is the first process."""
    read_only: bool = True
    closes: bool = True
    """Nothing that its caller has open is left open."""
    cgroup_read_only: bool = True
    own_root: bool = True
    own_devices: bool = True
    """Of /dev."""
    proc_mounted: bool = True
    true_devices: bool = True
    """They are devices, and not files of the same names."""
    fresh_random: bool = True
    """Of those devices that give random bytes, each gives others."""
    few_devices: bool = True
    """No other than those may be used."""
    enters_group: bool = True
    enters_namespaces: list[str] = field(default_factory=lambda: [*KINDS, "user"])
    """The kinds that a process that enters joins, of those that are not the host's."""
    enters_root: bool = True
    enters_as_user: bool = True
    """Of the box's spec."""
    enters_unprivileged: bool = True
    """Without the capabilities that the first process gave up."""
    enters_with_no_new_privs: bool = True
    enters_with_limits: bool = True
    """Those of the first process."""
    enters_with_filter: bool = True
    enters_with_score: bool = True
    """The oom_score_adj that all of the box has."""
    usual: list[str] = field(default_factory=lambda: list(BY_SLUG))
    """What fork(2) and execve(2) hand on that is set back, whatever its caller has."""
    own_session: bool = True
    """Its caller's terminal is not its own."""
    no_new_privs: bool = True
    own_keyring: bool = True
    """A session keyring that none of its caller's keys is in."""
    pauses_whole: bool = True
    """All its processes stop when it is paused."""
    stops_gracefully: bool = True
    """Its first process is asked to end before it is killed."""
    stops_by_force: bool = True
    """It is killed where it does not end by itself."""
    tells_status: bool = True
    restarts_alike: bool = True
    """Started again, it has all that it was asked to have."""
    propagates: bool = False
    """What is mounted below /mnt, both see."""
    volumes_alone: bool = True
    """It has the directories that it was handed, and none above them."""


OPENS: Opens = {
    **each(KINDS, share, lambda kind: removes("own", kind)),
    **each(JOINED, join_sibling, lambda kind: adds("joined", kind)),
    share("user"): sets("own_users", False).where(as_root),
    **granted(lambda name: adds("granted", name).where(lambda: useful(name)), GRANTED),
    **each((*LIMITS, *RESOURCES), unlimited, by(launcher.limits_of)),
    drop("masks"): sets("masks", False),
    drop("pivot"): sets("pivots", False),
    drop("init"): sets("first", False),
    drop("reaper"): by(folded),
    drop("read-only"): sets("read_only", False),
    drop("close-fds"): sets("closes", False),
    drop("cgroup-ro"): sets("cgroup_read_only", False),
    drop("private-root"): sets("own_root", False),
    drop("exec-group"): sets("enters_group", False),
    drop("exec-namespaces"): removes("enters_namespaces", "ipc"),
    drop("exec-root"): sets("enters_root", False),
    drop("exec-user"): sets("enters_as_user", False).where(as_root),
    drop("exec-capabilities"): sets("enters_unprivileged", False),
    drop("exec-no-new-privs"): sets("enters_with_no_new_privs", False),
    drop("exec-limits"): sets("enters_with_limits", False),
    drop("exec-filter"): sets("enters_with_filter", False),
    drop("exec-oom-score"): sets("enters_with_score", False),
    drop("no-new-privs"): sets("no_new_privs", False),
    drop("keyring"): sets("own_keyring", False),
    drop("clear-env"): by(launcher.become_agent),
    **each(BY_SLUG, lambda slug: drop(f"usual-{slug}"), lambda slug: removes("usual", slug)),
    drop("pause"): sets("pauses_whole", False),
    drop("fails-closed"): by(in_vain),
    drop("process-limits"): by(set_limits),
    drop("session"): sets("own_session", False),
    drop("graceful-stop"): sets("stops_gracefully", False),
    drop("forced-stop"): sets("stops_by_force", False),
    drop("exit-status"): sets("tells_status", False),
    drop("restart"): sets("restarts_alike", False),
    drop("own-kernel"): by(launcher.become_agent),  # always: the agent runs on the kernel that starts it
    drop("propagation"): sets("propagates", True).where(as_root),
    drop("volume-edge"): sets("volumes_alone", False).where(as_root),
    drop("clean-up"): by(launcher.new_groups).where(as_root),
    drop("devices"): sets("few_devices", False).where(as_root),
    **each(IMAGE_LOSSES, lossy, by(launcher.new_root)),
    **each(CONFIGURATION_LOSSES, lossy, by(launcher.become_agent)),
    **each(VOLUME_LOSSES, lossy, by(Building.given_volumes)),
    **each(SKEWED, lossy, by(launcher.become_agent)),
    drop("fresh-random"): sets("fresh_random", False),
    lossy("behaviour-devices"): sets("true_devices", False),
    lossy("behaviour-proc"): sets("proc_mounted", False),
    **handed_in(("/", "/tmp", "/run", "/sys/fs/cgroup")),
    expose("/dev"): sets("own_devices", False),
    hand_in("group"): by(launcher.become_agent).where(as_root),
    hand_in("variable"): by(launcher.become_agent),
}


def plan_of(spec: BoxSpec) -> Plan:
    """The plan of a box of `spec`."""
    return folded(OPENS, Plan(), spec)
