"""The box was handed no device node, whatever its user can open."""

import os
from errno import ENOENT, ENOTDIR

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.outside.objects.nodes import USUAL, nodes

promise = guarantee(
    "dev.node-not-given",
    claim="below the box's /dev there is no character device but those that every box has, and terminals of its own: "
    "usable by its user or not",
    sources=("oci:runtime-spec config-linux default-devices", "CIS Docker Benchmark 1.6.0, 5.17"),
    severity=severity.surface("was handed a device node"),
    falsified_by=weaken.expose("/dev"),
    kind="per-box",
    distinct="that a node is there, not that it opens: the next image's user may be another",
)
TERMINALS = (136, 143)
"""Majors of pseudo-terminals: kernel:admin-guide/devices."""


@promise
def test_no_node_was_given(box: Box) -> None:
    if not box.parts.shares_kernel:
        raise Unsupported("the box has a kernel of its own, and devices of that")
    listed = box.proc.openat(AT_FDCWD, "/dev", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    if not listed.ok and listed.errno not in (ENOENT, ENOTDIR):  # a box without one was given none
        promise.undecided(f"the box does not let us look into its /dev ({os.strerror(listed.errno)})")
    box.proc.close(listed.value)
    found = nodes(box.proc)
    handed = {
        path: number
        for path, number in found.items()
        if number not in USUAL and not TERMINALS[0] <= number[0] <= TERMINALS[1]
    }
    promise.held("absent")
    promise.require(not handed, given=", ".join(sorted(handed)[:12]), of=len(found))
