"""What a box was handed besides files: capabilities, groups, devices, variables, and limits it was not given.

Posture: that it is there, not whether today's user of the box can use it.  What the machine says decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.boxes.cgroups import NONE_V1
from pytest_isolation.boxes.procfs import status_of, text_of
from pytest_isolation.boxes.resources import SWAP
from pytest_isolation.boxes.weakenings import CAPABILITIES
from pytest_isolation.errors import BoxError, Unsupported
from pytest_isolation.outside.limits import asked_resources
from pytest_isolation.outside.limits.asked import IN_THE_GUEST, Bounded, on_host
from pytest_isolation.outside.limits.exercised import processors_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_isolation.boxes.cgroups import Group
    from pytest_isolation.outside.box import Box

SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
"""proc_pid_status(5)."""
BEYOND = (
    "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "SYS_BOOT", "SYS_TIME", "SYS_NICE", "SYS_PACCT",
    "SYS_TTY_CONFIG", "SYSLOG", "NET_ADMIN", "NET_RAW", "DAC_READ_SEARCH", "IPC_LOCK", "IPC_OWNER",
    "LINUX_IMMUTABLE", "WAKE_ALARM", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
)  # fmt: skip
"""Capabilities that neither containers.conf(5), default_capabilities, nor moby's oci/caps/defaults.go gives, and
NET_RAW, which moby's alone does; each of them a technology here can grant."""


@dataclass(frozen=True, slots=True)
class Given:
    """A capability, by its name of capabilities(7) without CAP_."""

    name: str

    @property
    def slug(self) -> str:
        """Of ids: sys-admin."""
        return self.name.lower().replace("_", "-")

    @property
    def number(self) -> int:
        """Its bit: linux/capability.h."""
        return CAPABILITIES.index(self.name)


def beyond_default() -> tuple[Given, ...]:
    """Those of BEYOND."""
    return tuple(map(Given, BEYOND))


def status(box: Box, pid: int) -> Mapping[str, str]:
    """The fields of the machine's /proc/PID/status.  Raises BoxError where the process has ended."""
    try:
        return status_of(box.outside.path(f"/proc/{pid}"))
    except OSError as error:
        raise BoxError(f"the machine's /proc/{pid}/status, of the box's first process: {error.strerror}") from None


def capability_sets(box: Box, pid: int) -> dict[str, int] | None:
    """Each of SETS as a mask; None where they are of another user namespace than its machine's."""
    own, machines = (box.outside.path(f"/proc/{one}/ns/user") for one in (pid, "self"))
    if own.readlink() != machines.readlink():
        return None
    found = status(box, pid)
    return {name: int(found[name], 16) for name in SETS if name in found}


def further_groups(box: Box, pid: int) -> set[int]:
    """Groups of process `pid`, by its machine's numbers, that are neither its own nor its user's by the box's file."""
    found = status(box, pid)
    own = {int(number) for number in found["Gid"].split()}
    return (
        {int(number) for number in found.get("Groups", "").split()} - own - _by_file(box, pid, found["Uid"].split()[0])
    )


def _by_file(box: Box, pid: int, uid: str) -> set[int]:
    """group(5): the groups, by the machine's numbers, that the box's own /etc/group gives the machine's user `uid`.

    None without those files.  In a user namespace the box has numbers of its own for both.
    """
    try:
        users = box.read_file("/etc/passwd").decode(errors="replace")
        groups = box.read_file("/etc/group").decode(errors="replace")
    except BoxError:
        return set()
    inside = {str(here) for here, there, count in _map(box, pid, "uid") for here in _one(int(uid), there, here, count)}
    names = {line.split(":")[0] for line in users.splitlines() if set(line.split(":")[2:3]) & inside}
    found = [line.split(":") for line in groups.splitlines()]
    its = {int(one[2]) for one in found if len(one) > 3 and one[2].isdigit() and names & set(one[3].split(","))}
    maps = _map(box, pid, "gid")
    return {outside for gid in its for here, there, count in maps for outside in _one(gid, here, there, count)}


def _map(box: Box, pid: int, kind: str) -> list[tuple[int, int, int]]:
    """user_namespaces(7): first number in the box, the machine's number for it, and how many follow."""
    text = text_of(box.outside.path(f"/proc/{pid}/{kind}_map"))
    return [(int(here), int(there), int(count)) for here, there, count in map(str.split, text.splitlines())]


def _one(number: int, start: int, other: int, count: int) -> tuple[int, ...]:
    """What a number is on the other side of one line of a map; nothing where the line has not got it."""
    return (other + number - start,) if start <= number < start + count else ()


# -- devices ---------------------------------------------------------------------------------------------------

RULES = {
    ("c", "1", "3"), ("c", "1", "5"), ("c", "1", "7"), ("c", "1", "8"), ("c", "1", "9"), ("c", "5", "0"),
    ("c", "5", "1"), ("c", "5", "2"), ("c", "136", "*"), ("c", "10", "200"),
}  # fmt: skip
"""What every container's group allows: oci:runtime-spec config-linux default-devices, terminals, and tun, which runc
before 1.2 lets everybody use (opencontainers/runc#3468): dev.tun-closed is of that one."""


def device_rules(group: Group) -> list[str]:
    """Rules of the group's list that let one read or write a device besides RULES: cgroup-v1/devices.rst.

    Raises Unsupported where the kernel shows no list: on version 2 it is a program.
    """
    place = group.places.get("devices")
    if place is None:
        raise Unsupported("the kernel shows no list of the devices that the box may use: there are none on version 2")
    found = []
    for line in text_of(place / "devices.list").splitlines():
        kind, numbers, access = line.split()
        major, _, minor = numbers.partition(":")
        if (kind, major, minor) not in RULES and set(access) & {"r", "w"}:
            found.append(line)
    return found


# -- limits ----------------------------------------------------------------------------------------------------

GUARD: Mapping[Bounded, float] = {"memory": 1 << 30, "swap": 1 << 30, "pids": 1024, "cpus": 2.0}
"""What no box of ours may pass (launcher.GUARD): where it could be given no group around it, the box itself has it."""


def bound(box: Box, what: Bounded) -> float | None:
    """The limit on `what` in the host's file of the box's group; None: none, or one that is ours and not the box's.

    Raises Unsupported where the host sees no group of it, or the limit is in no file of the host's.
    """
    if box.parts.memory_overhead is not None and what != "cpus":
        raise Unsupported(IN_THE_GUEST)
    found = memory_and_swap(box) if what == "swap" else on_host(box, what)
    asked = getattr(box.parts.asked or box.spec, "memory" if what == "swap" else what, None)
    return None if asked is None and not box.spec.attached and found == GUARD[what] else found


def memory_and_swap(box: Box) -> float | None:
    """The limit on both together in the host's files of the box's group, in bytes; None: none on one of them.

    Version 1 has one file for both, version 2 one for each; on a machine without swap the limit on memory is that on
    both.  Raises Unsupported where the host sees no group of it.
    """
    memory = on_host(box, "memory")
    if not swap_of_machine(box):
        return memory  # the kernel may have no file for the rest, or engines leave it without a limit
    swap = asked_resources.on_host(box, SWAP)
    if memory is None or swap is None or not swap.isdigit():
        return None
    group = asked_resources.group_on_host(box)
    if group is not None and "memory" in group.places:
        return float(swap) if int(swap) < NONE_V1 else None
    return memory + int(swap)


def the_machines(box: Box, what: Bounded) -> float:
    """How much of it the machine has: a limit that is not below it bounds nothing."""
    if what in ("memory", "swap"):
        return _meminfo(box, "MemTotal:") + (swap_of_machine(box) if what == "swap" else 0)
    if what == "pids":
        return float(text_of(box.outside.path("/proc/sys/kernel/pid_max")))
    return float(processors_of(box.parts.host))


def swap_of_machine(box: Box) -> float:
    """Bytes of swap that the machine has: 0 where it has none."""
    return _meminfo(box, "SwapTotal:")


def _meminfo(box: Box, name: str) -> float:
    text = text_of(box.outside.path("/proc/meminfo"))
    return float(text.split(name)[1].split()[0]) * 1024


# -- variables -------------------------------------------------------------------------------------------------

NAMED = re.compile(
    r"(^|_)(PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|ACCESS_?KEY|SECRET_?KEY|PRIVATE_?KEY|CREDENTIALS?)($|_)"
    r"|(^|_)PASS$|^(PGPASSWORD|MYSQL_PWD|SSHPASS|DOCKER_AUTH_CONFIG)$",
    re.IGNORECASE,
)
"""Names by which programs are given a secret; the last four by psql(1), mysql(1), sshpass(1) and GitLab's runner."""
ABOUT = re.compile(
    r"_(FILE|PATH|DIR|DIRECTORY|URL|NAME|ID"
    r"|LENGTH|LEN|EXPIRY|EXPIRATION|EXPIRES|TTL|LIFETIME|TIMEOUT|TYPE|POLICY|ALGORITHM|ROUNDS)$",
    re.IGNORECASE,
)
"""Names of what only says where a secret is, or what one is to be like."""
SWITCH = re.compile(r"true|false|yes|no|on|off|y|n|t|f|0|1|none|null", re.IGNORECASE)
"""Values of what only says whether there is to be one: MYSQL_ALLOW_EMPTY_PASSWORD=yes."""
VALUED = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|"
    r"\bgh[pousr]_[0-9A-Za-z]{36}\b|\bxox[abprs]-[0-9A-Za-z-]{10,}|"
    r"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#:@]*:[^\s/?#@]+@"
)
"""Values that say themselves what they are: PEM (RFC 7468), keys of AWS, tokens of GitHub and Slack, and a URL with a
password in it (RFC 3986 3.2.1), as of a database or a proxy."""


def secrets_of(variables: Iterable[tuple[str, str]]) -> list[str]:
    """The names of variables that hold a secret, by their name or their value."""
    return [
        name
        for name, value in variables
        if value
        and (VALUED.search(value) or (NAMED.search(name) and not ABOUT.search(name) and not SWITCH.fullmatch(value)))
    ]


def variables_of(box: Box) -> list[tuple[str, str]]:
    """Name and value of the variables of the box's first process, as its machine tells them.

    Raises Unsupported where that has no number for it.
    """
    pid = box.parts.init_pid
    if pid is None or not box.parts.shares_kernel:
        raise Unsupported("no process of the box is one of its machine's: nobody outside reads its variables")
    raw = bytes(box.outside.path(f"/proc/{pid}/environ").read_bytes())
    pairs = (item.decode("utf-8", "surrogateescape").partition("=") for item in raw.split(b"\0") if item)
    return [(name, value) for name, _, value in pairs]
