"""Each guarantee's falsifier, opened on every technology that can open it, must be caught there.

CI opens each on some of them, another part each time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.guarantees.guarantee import Guarantee
from pytest_isolation.suite.controls import prove
from pytest_isolation.technologies import names, technology
from pytest_isolation.technologies.attach.likeness import label
from pytest_isolation.technologies.pool import Pool
from tests.support import built_in_checks, need

CHECKS = built_in_checks()
KEPT_OTHERWISE = {
    (
        "pid.init-death-kills-all",
        "docker",
    ): "without a PID namespace, the engine kills what is left in the container's group",
    (
        "pid.init-death-kills-all",
        "podman",
    ): "without a PID namespace, the runtime kills what is left in the container's group",
    ("mnt.open-by-handle-denied", "gvisor"): "its kernel has no open_by_handle_at(2), whatever the capabilities are",
}
"""Cells whose promise is kept by a second defence that nothing can switch off, and how."""
NOT_ASKED = {
    (id, "qemu"): "volumes"
    for id in ("mnt.bind-ro", "mnt.bind-rro-recursive", "mnt.ro-remount-refused", "mnt.locked-umount-refused")
} | {
    ("cg.mem.as-asked", "qemu"): "of its guest",
    ("cg.pids.nested-counted", "docker"): "namespaces of our own",
    ("cg.mem.limit-readable", "qemu"): "a machine's size is its limit",
    ("cg.cpu.limit-readable", "qemu"): "a machine's size is its limit",
    ("rlimit.processes-not-shared", "bubblewrap"): "another user than root",
    ("rlimit.locked-memory-not-shared", "bubblewrap"): "another user than root",
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


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    lifetime = Lifetime()
    made = Pool(lifetime)
    yield made
    made.close()
    lifetime.close()


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
