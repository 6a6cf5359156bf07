"""Whether this user may make user namespaces, and what to do where not: user_namespaces(7)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pytest_isolation.boxes.local import start_local
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.errors import Cause, Unavailable
from pytest_isolation.technologies.namespaces.clone import CLONE

KNOBS = (
    ("user/max_user_namespaces", "0", "as root: sysctl user.max_user_namespaces=10000"),
    ("kernel/unprivileged_userns_clone", "0", "as root: sysctl kernel.unprivileged_userns_clone=1"),
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "as root: sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
)
"""What switches user namespaces off, its value then, what to do: namespaces(7), kernels of Debian and of Ubuntu."""
ELSEWHERE = "run where user namespaces are allowed: a container's seccomp filter, or a chroot, refuses them"


def check_user_namespaces() -> None:
    """Raises Unavailable, with the remedy, where this user may not make a user namespace."""
    if said := _refusal_of_user_namespaces():
        remedy = next((remedy for path, off, remedy in KNOBS if _reads(path, off)), ELSEWHERE)
        raise Unavailable(
            f"this user may make no user namespace ({said})",
            cause=Cause("user namespaces are switched off, or not for this user", remedy),
        )


@cache
def _refusal_of_user_namespaces() -> str:
    """What a child of ours was told when it tried; empty when it became root of one, with capabilities there."""
    with start_local() as local:
        child, reply = local.proc.try_spawn(CLONE["user"])
        if child is None:
            return str(reply)
        # Some let the namespace be made and have nothing granted in it (apparmor_restrict_unprivileged_userns).
        inside = child.unshare(CLONE["uts"])
        child.end()
        return "" if inside.ok else str(inside)


def _reads(path: str, text: str) -> bool:
    try:
        return text_of(Path("/proc/sys", path)).strip() == text
    except OSError:
        return False
