"""Each guarantee's falsifier, opened on every technology that can open it, must be caught there.

CI opens each on some of them, another part each time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from pytest_isolation.guarantees.guarantee import Guarantee
from pytest_isolation.suite.controls import prove
from pytest_isolation.technologies import names, technology
from pytest_isolation.technologies.attach.likeness import label
from pytest_isolation.technologies.base import further
from pytest_isolation.technologies.lacking import NOUNS
from pytest_isolation.technologies.pool import Pool
from tests.support import built_in_checks, need

CHECKS = built_in_checks()
KEPT_OTHERWISE = (
    {
        (
            "pid.init-death-kills-all",
            "docker",
        ): "without a PID namespace, the engine kills what is left in the container's group",
        (
            "pid.init-death-kills-all",
            "podman",
        ): "without a PID namespace, the runtime kills what is left in the container's group",
        (
            "pid.init-death-kills-all",
            "cri",
        ): "without a PID namespace, the runtime kills what is left in the container's group",
        (
            "mnt.lower-layer-bytes",
            "cri",
        ): "the hole shares directories of its own: layers of the image nobody can write",
        (
            "mnt.lower-layer-bytes",
            "docker",
        ): "the hole shares directories of its own: layers of the image nobody can write",
        (
            "mnt.lower-layer-bytes",
            "podman",
        ): "the hole shares directories of its own: layers of the image nobody can write",
        ("cg.pids.bounded", "podman"): "where none is asked for, the engine has a limit of its own, 2048",
        (
            "mnt.open-by-handle-denied",
            "gvisor",
        ): "its kernel has no open_by_handle_at(2), whatever the capabilities are",
    }
    | {
        (
            f"mnt.{what}-not-shared",
            "gvisor",
        ): "each box has a kernel of its own: of one directory of the host, its own view"
        for what in ("locks", "watches", "fifos", "sockets")
    }
    | {
        (
            f"net.sibling-ipv6-{what}",
            "docker",
        ): "without an IPv6 network the engine switches IPv6 off, loopback included"
        for what in ("connections", "datagrams")
    }
)
"""Cells whose promise is kept by a second defence that nothing can switch off, and how."""
NOT_ASKED = (
    {
        (id, "qemu"): "volumes"
        for id in ("mnt.bind-ro", "mnt.bind-rro-recursive", "mnt.ro-remount-refused", "mnt.locked-umount-refused")
    }
    | {
        ("mnt.host-trigger-files", "qemu"): "mounted no directory of the host's",
        ("cg.mem.as-asked", "qemu"): "of its guest",
        ("cg.mem.bounded", "qemu"): "of its guest",
        ("cg.swap.bounded", "qemu"): "of its guest",
        ("mnt.shm-size-as-asked", "cgroup"): "no /dev/shm",
        ("cg.pids.nested-counted", "docker"): "namespaces of our own",
        ("net.none-only-lo", "cri"): "no pod is without a network",
        ("net.denied-sees-nothing", "cri"): "no pod is without a network",
        ("life.out-of-memory-told", "qemu"): "its own kernel ends its processes",
        ("cg.mem.limit-readable", "qemu"): "a machine's size is its limit",
        ("cg.cpu.limit-readable", "qemu"): "a machine's size is its limit",
        ("net.hosts-links-in-sysfs-hidden", "bubblewrap"): "the box gives no list",
        ("rlimit.processes-not-shared", "bubblewrap"): "another user than root",
        ("rlimit.locked-memory-not-shared", "bubblewrap"): "another user than root",
    }
    | {
        (f"dos.{what}-of-a-user", "bubblewrap"): "another user, whom nobody else is"
        for what in ("inotify-instances", "pipes", "descriptors-in-flight", "timers")
    }
    | {
        ("secret.environment-unread-by-number", "bubblewrap"): "another group",
        ("secret.files-unread-by-number", "bubblewrap"): "another user's",
    }
)
NOT_ASKED |= {
    (f"start.{layer}-fails-closed", name): "cannot be asked for"
    for name in names()
    for layer in NOUNS
    if layer not in further(technology(name)).lacking
}
"""Cells that cannot be measured, though the hole alone can be opened, and what the reason tells of."""
if not label(os.getpid()):
    NOT_ASKED["exec.same-label", "lxc"] = "the label of the kernel's security module"
CELLS = [
    pytest.param(promise, test, name, id=f"{promise.id}-{name}", marks=pytest.mark.long(promise.id))
    for name in names()
    for promise, test in CHECKS
    if promise.falsified_by <= technology(name).weakenings()
]


@pytest.mark.parametrize(("promise", "test", "name"), CELLS)
def test_falsifier_fires(promise: Guarantee, test: Callable[..., Any], name: str, pool: Pool) -> None:
    spec = need(name).weakened(*promise.falsified_by)
    control = prove(promise, test, spec, pool, seed=1)
    state, reason = control.state, control.reason
    if (promise.id, name) in NOT_ASKED:
        assert (state, NOT_ASKED[promise.id, name] in str(reason)) == ("none", True), reason
    else:
        assert state == ("silent" if (promise.id, name) in KEPT_OTHERWISE else "fired"), reason


def test_every_guarantee_has_a_falsifier_that_something_can_open() -> None:
    opened = {cell.values[0].id for cell in CELLS}
    assert not {promise.id for promise, _ in CHECKS} - opened
