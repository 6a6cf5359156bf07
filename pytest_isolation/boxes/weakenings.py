"""Weakenings: the named, deliberate holes a box can be started with.

A check names the holes that must break its promise (its falsifier); a technology says which it
can open.  Opened together, several are one falsifier: a promise defended in depth needs more than
one.  Written in checks as `weaken.share("pid")`, in reports as `share-pid`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pytest_isolation.boxes.words import choice
from pytest_isolation.errors import UsageError

__all__ = [
    "Weakening",
    "drop",
    "expose",
    "grant",
    "hand_in",
    "join_sibling",
    "lossy",
    "share",
    "unlimited",
]


@dataclass(frozen=True, slots=True, order=True)
class Weakening:
    """One hole: its kind, such as "share", and what it opens, such as "pid".  As text: `share-pid`."""

    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}-{self.what.strip('/').replace('/', '_') or 'root'}".lower().replace("_", "-")


Weakenings = frozenset[Weakening]

NAMESPACES = ("pid", "mnt", "net", "ipc", "uts", "user", "cgroup", "time")


IMAGE_LOSSES = ("links", "xattrs", "modes", "names", "owners", "times", "holes", "contents")
CONFIGURATION_LOSSES = ("environment", "identity", "workdir", "host-name")
ROADS = {"save": "saved and loaded again", "export": "exported and imported", "build": "copied by a build"}
"""Ways of images and files between engines that boxes can be asked about: boxes/roads.py."""
ROAD_LOSSES = tuple(
    f"{road}-{aspect}"
    for road in ROADS
    for aspect in (
        "names",
        "contents",
        "links",
        "modes",
        "owners",
        "times",
        "xattrs",
        "capabilities",
        "holes",
        "identity",
    )
    if aspect != "identity" or road == "save"
)
WRITTEN_LIMITS = (
    "memory", "memory-swap", "memory-reservation", "pids", "cpu-quota", "cpu-shares", "cpuset-cpus", "oom-score-adj",
    "shm-size", "nofile",
)  # fmt: skip
"""Of those that boxes/wording.py has, which guarantees ask for."""
LIMIT_LOSSES = tuple(f"limit-{name}" for name in WRITTEN_LIMITS)
VOLUME_LOSSES = ("volume-links", "volume-modes", "volume-owners", "volume-xattrs")
SKEWED = {
    "behaviour-files": ("copy_file_range", "ENOSYS"),
    "behaviour-names": ("linkat", "EPERM"),
    "behaviour-image": ("renameat2", "EXDEV"),
    "behaviour-times": ("utimensat", "ENOSYS"),
    "behaviour-channels": ("shutdown", "EOPNOTSUPP"),
    "behaviour-locks": ("flock", "ENOLCK"),
    "behaviour-memory": ("mprotect", "EACCES"),
    "behaviour-processes": ("kill", "EPERM"),
}
"""Of a loss of behaviour: the call that a layer below the program refuses, and the errno, as real ones do."""
BEHAVIOUR_LOSSES = (*SKEWED, "behaviour-devices", "behaviour-proc")
LOSSES = IMAGE_LOSSES + CONFIGURATION_LOSSES + ROAD_LOSSES + LIMIT_LOSSES + VOLUME_LOSSES + BEHAVIOUR_LOSSES
"""What an image, or its configuration, can lose on its way into a box, or from there to the next."""

DEFENCES = {
    "seccomp": "the system call filter",
    "read-only": "the read-only root, or mount, asked for",
    "propagation": "what is mounted below /mnt, both see",
    "devices": "every device node may be used",
    "init": "the agent is not the first process",
    "clean-up": "its control group is left behind",
    "private-root": "the box's root is shared with its sibling",
    "masks": "masked and read-only paths",
    "pivot": "pivot_root: only chroot",
    "userns-map": "root in the box is root outside",
    "cgroup-ro": "the cgroup tree is writable",
    "close-fds": "a directory of the host stays open on fd 3, or the caller's descriptors do",
    "clear-env": "the box has its caller's variables as well",
    "fresh-random": "its random bytes are those that another box has",
    "usual-ignored-signals": "it ignores the signals that its caller ignores",
    "usual-blocked-signals": "it blocks the signals that its caller blocks",
    "usual-umask": "it has its caller's umask",
    "usual-fixed-addresses": "its memory is at addresses that are not random where its caller's is",
    "usual-timer-slack": "it has its caller's timer slack",
    "usual-huge-pages": "it has no huge pages where its caller has none",
    "exec-group": "a process that enters is not put into the box's group",
    "no-new-privs": "a program may gain privileges that its user has not",
    "exec-namespaces": "a process that enters stays out of one of its namespaces",
    "exec-root": "a process that enters keeps its own root directory and mounts",
    "exec-filter": "the first process is under a filter, and a process that enters is not",
    "exec-capabilities": "a process that enters keeps capabilities that the first process has not",
    "exec-no-new-privs": "a process that enters may gain privileges by the programs it runs",
    "exec-user": "a process that enters is root, whatever user the first process is",
    "exec-limits": "the first process has a resource limit that a process that enters has not",
    "session": "it stays in the session of whoever starts it, whose terminal it has",
    "process-limits": "the limits of its processes that it was asked to have are not set",
    "exec-label": "a process that enters keeps its own label of the security module",
    "exec-oom-score": "a process that enters has its own oom_score_adj",
    "bound-address": "its ports are published on every address of the host",
    "keyring": "it keeps its caller's session keyring",
    "pause": "its first process alone stops when it is paused",
    "fails-closed": "what it is asked to have and cannot is left out, without a word",
    "graceful-stop": "who stops it does not ask: it is killed at once",
    "forced-stop": "who stops it only asks",
    "reaper": "nobody waits for its processes that have lost their parent",
    "parent-death": "it runs on when the program that started it is killed",
    "exit-status": "whoever started it is told that it ended with 0, however it did",
    "restart": "started again, it lacks what it was asked to have",
    "own-kernel": "its processes are its machine's kernel's",
    "kept-state": "moved, it begins anew",
    "volume-edge": "the directory above the one that it was handed is handed in as well",
    "emulator-filter": "no filter keeps the process that is the machine from any system call",
    "emulator-user": "the process that is the machine is root's",
    "emulator-root": "the process that is the machine has its host's root directory",
    "emulator-ports": "the process that is the machine takes connections by TCP",
    "emulator-names": "the process that is the machine takes connections at a socket with a name",
    "machine-memory": "it may have more memory than its host",
    "machine-processors": "it may have more processors than its host",
}
"""What drop() can leave out, and what that means."""

LIMITS = ("memory", "pids", "cpu")
RESOURCES = (
    "processors", "cpu-weight", "swap", "reservation", "swappiness", "oom-kill", "oom-score", "disk-weight",
    "read-bytes", "write-bytes", "reads", "writes", "parent", "shm",
)  # fmt: skip
"""What else a box may be asked to have: boxes/resources.py says of each where it is."""
HANDED_IN = ("file", "socket", "directory", "group", "variable", "port", "device", "network")
CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
)  # fmt: skip
"""capabilities(7), in the order of linux/capability.h: the index is the number."""


def _known(maker: str, given: object, known: Iterable[str]) -> str:
    """`given`, if it is one of `known`.  Raises UsageError."""
    known = tuple(known)
    if not isinstance(given, str) or given not in known:
        raise UsageError(f"weaken.{maker}({given!r}): {choice(str(given), known)}")
    return given


def share(namespace: str) -> Weakening:
    """The box has no namespace of this type of its own: it lives in the host's."""
    return Weakening("share", _known("share", namespace, NAMESPACES))


def join_sibling(namespace: str) -> Weakening:
    """The box and its sibling live in one namespace of this type."""
    return Weakening("join-sibling", _known("join_sibling", namespace, NAMESPACES))


def grant(capability: str) -> Weakening:
    """The box's root has this capability (capabilities(7), without CAP_)."""
    return Weakening("grant", _known("grant", capability, CAPABILITIES))


def expose(path: str) -> Weakening:
    """The host's directory `path` is mounted in the box, read-write, at a place drawn for the start.

    /tmp and /dev are mounted in their own place: what is asked about those is asked by name.
    """
    if not isinstance(path, str) or not path.startswith("/") or "\0" in path:
        raise UsageError(f"weaken.expose({path!r}): expected a path of the host that begins with /")
    return Weakening("expose", path)


def hand_in(what: str) -> Weakening:
    """One `file` of the host's system, one `socket` of a daemon, or one `directory` of data, at a place drawn as well.

    `group`: its first process is in a further group of the host's.  `variable`: it has a secret in its environment.
    `port`: one of the host's loopback leads into it.  Of a machine: a `device` of its host, and a card of a `network`.
    """
    return Weakening("hand-in", _known("hand_in", what, HANDED_IN))


def unlimited(resource: str) -> Weakening:
    """The limit asked for is not applied: memory, pids, cpu, or one of RESOURCES."""
    return Weakening("unlimited", _known("unlimited", resource, (*LIMITS, *RESOURCES)))


def drop(defence: str) -> Weakening:
    """A defence the technology has is left out: one of DEFENCES."""
    return Weakening("drop", _known("drop", defence, DEFENCES))


def lossy(aspect: str) -> Weakening:
    """The image is carried into the box with a loss; or ROAD-ASPECT: what the box's engine sends over a road has one.

    Or limit-NAME: that limit, as somebody has written it, does not come as far as the box's engine.  Or volume-ASPECT:
    a directory that it is handed has the loss.

    Or behaviour-KIND: a layer between its programs and the kernel refuses one call (SKEWED); behaviour-devices: its
    devices are plain files; behaviour-proc: /proc of it is an empty directory.

    One of LOSSES: links are followed and copied, names folded to lower case, holes filled.
    """
    return Weakening("lossy", _known("lossy", aspect, LOSSES))


def spoken() -> dict[str, str]:
    """How a hole's name in reports is written in a check: "share-uts" -> 'weaken.share("uts")'; paths are left out."""
    makers: dict[Callable[[str], Weakening], Iterable[str]] = {
        share: NAMESPACES, join_sibling: NAMESPACES, grant: CAPABILITIES,
        unlimited: (*LIMITS, *RESOURCES), drop: DEFENCES, lossy: LOSSES, hand_in: HANDED_IN,
    }  # fmt: skip
    return {str(make(word)): f'weaken.{make.__name__}("{word}")' for make, words in makers.items() for word in words}
