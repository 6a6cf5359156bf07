"""The Debian releases whose engines are measured: what is installed of each, in a root and on a machine's disk."""

from __future__ import annotations

from pytest_isolation.errors import UsageError

SUITES = ("bookworm", "trixie", "sid")
ENGINES = (
    "bubblewrap", "containerd", "crun", "docker.io", "fuse-overlayfs", "lxc", "podman", "runc", "systemd-container",
)  # fmt: skip
AND_WHAT_THEY_NEED = (
    "ca-certificates", "containernetworking-plugins", "e2fsprogs", "iproute2", "iptables", "kmod", "nftables", "procps",
    "python3", "tini", "uidmap",
)  # fmt: skip
OF_SUITE = {
    "bookworm": ("runsc", "slirp4netns"),
    "trixie": ("docker-cli", "passt", "runsc"),
    "sid": ("docker-cli", "passt"),
}
"""Packages that not every release has, or not with that content."""


def check(suite: str) -> None:
    """Raises UsageError for what is none of SUITES."""
    if suite not in SUITES:
        raise UsageError(f"there is no suite {suite!r}; expected one of {', '.join(SUITES)}")


def packages(suite: str) -> tuple[str, ...]:
    """Of Debian, those that are asked for by name, sorted.  Raises UsageError for another suite."""
    check(suite)
    return tuple(sorted({*ENGINES, *AND_WHAT_THEY_NEED, *OF_SUITE[suite]}))


def python(link: str) -> tuple[int, int]:
    """The version that /usr/bin/python3 is a link to: "python3.13" is (3, 13)."""
    major, minor = link.removeprefix("python").split(".")
    return int(major), int(minor)
