"""Weakenings: the named, deliberate holes a box can be started with.

A check names the holes that must break its promise (its falsifier); a technology says which it
can open.  Opened together, several are one falsifier: a promise defended in depth needs more than
one.  Written in checks as `weaken.share("pid")`, in reports as `share-pid`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Weakening:
    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}-{self.what.strip('/').replace('/', '_') or 'root'}".lower().replace("_", "-")


Weakenings = frozenset[Weakening]

NAMESPACES = ("pid", "mnt", "net", "ipc", "uts", "user", "cgroup", "time")


LOSSES = ("links", "xattrs", "modes", "names", "owners", "times", "holes", "environment", "identity", "workdir")
"""What an image, or its configuration, can lose on its way into a box."""


def share(namespace: str) -> Weakening:
    """The box has no namespace of this type of its own: it lives in the host's."""
    if namespace not in NAMESPACES:
        raise ValueError(f"share({namespace!r}): expected one of {', '.join(NAMESPACES)}")
    return Weakening("share", namespace)


def join_sibling(namespace: str) -> Weakening:
    """The box and its sibling live in one namespace of this type."""
    if namespace not in NAMESPACES:
        raise ValueError(f"join_sibling({namespace!r}): expected one of {', '.join(NAMESPACES)}")
    return Weakening("join-sibling", namespace)


def grant(capability: str) -> Weakening:
    """The box's root has this capability (capabilities(7), without CAP_)."""
    if not re.fullmatch(r"[A-Z][A-Z_]+", capability):
        raise ValueError(f"grant({capability!r}): expected a name as in capabilities(7), without CAP_")
    return Weakening("grant", capability)


def expose(path: str) -> Weakening:
    """The host's `path` is mounted in the box, read-write, at /host (`/`) or in its own place."""
    return Weakening("expose", path)


def unlimited(resource: str) -> Weakening:
    """The limit asked for is not applied: memory, pids or cpu."""
    if resource not in ("memory", "pids", "cpu"):
        raise ValueError(f"unlimited({resource!r}): expected memory, pids or cpu")
    return Weakening("unlimited", resource)


def drop(defence: str) -> Weakening:
    """A defence the technology has is left out.

    seccomp      the system call filter                    masks        masked and read-only paths
    read-only    the read-only root, or mount, asked for   pivot        pivot_root: only chroot
    propagation  what is mounted below /mnt, both see      userns-map   root in the box is root outside
    devices      every device node may be used             cgroup-ro    the cgroup tree is writable
    init         the agent is not the first process        close-fds    a host directory stays open on fd 3
    clean-up     its control group is left behind          exec-group   who enters is not put in its group
    private-root the box's root is shared with its sibling
    """
    return Weakening("drop", defence)


def lossy(aspect: str) -> Weakening:
    """The image is carried into the box with a loss.

    One of LOSSES: links are followed and copied, names folded to lower case, holes filled.
    """
    if aspect not in LOSSES:
        raise ValueError(f"lossy({aspect!r}): expected one of {', '.join(LOSSES)}")
    return Weakening("lossy", aspect)
