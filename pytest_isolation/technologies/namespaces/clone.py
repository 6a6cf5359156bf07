"""The kinds of namespace: namespaces(7)."""

from __future__ import annotations

from pytest_isolation.agent import constants

CLONE: dict[str, int] = {
    "mnt": constants.CLONE.NEWNS,
    "cgroup": constants.CLONE.NEWCGROUP,
    "uts": constants.CLONE.NEWUTS,
    "ipc": constants.CLONE.NEWIPC,
    "user": constants.CLONE.NEWUSER,
    "pid": constants.CLONE.NEWPID,
    "net": constants.CLONE.NEWNET,
    "time": constants.CLONE.NEWTIME,
}
"""The flag of each, for clone(2), unshare(2) and setns(2)."""
