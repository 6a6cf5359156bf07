"""Which layer of a box makes a call end otherwise: what it does not do where that layer is away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pytest_isolation.agent.shortcuts import read
from pytest_isolation.boxes.mount_table import parse
from pytest_isolation.errors import IsolationError
from pytest_isolation.guarantees.layers import by_layer
from pytest_isolation.guarantees.verdicts import Layer
from pytest_isolation.outside.behaviour.compared import compared, compared_elsewhere, compared_on_image
from pytest_isolation.technologies import technology

if TYPE_CHECKING:
    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.outside.behaviour.kinds import Kind
    from pytest_isolation.outside.behaviour.play import Call
    from pytest_isolation.outside.box import Box
    from pytest_isolation.technologies.pool import Pool

OWN_KERNEL = "its own kernel"


def layer(spec: BoxSpec, pool: Pool, kind: Kind, sequence: Sequence[Call]) -> str:
    """In words: a kernel of its own; its file system, where the same ends alike on another; a layer as --isolation-why
    has them, where it ends alike in a box without that; or `unknown`.
    """
    box = pool.box(spec)
    if not box.parts.shares_kernel:
        return OWN_KERNEL
    try:
        if compared_elsewhere(box, kind, sequence).first is None:
            return f"its file system, {file_system(box)}"
    except (IsolationError, OSError):
        pass  # it has no other
    for one, holes in by_layer(technology(spec.technology).weakenings() - spec.weakenings).items():
        try:
            weaker = pool.box(spec.weakened(*holes))
            answer = (
                compared_on_image(weaker, kind, [sequence])[0] if kind.on_image else compared(weaker, kind, sequence)
            )
        except (IsolationError, OSError):
            continue
        if answer.first is None:
            return str(one)
    return str(Layer.UNKNOWN)


def file_system(box: Box) -> str:
    """The type of the box's root: man:proc_pid_mountinfo(5); the last that was mounted there."""
    table = parse(read(box.proc, "/proc/self/mountinfo").data.decode(errors="replace"))
    found = [mount.fstype for mount in table if mount.point == "/"]
    return found[-1] if found else "of a type that it does not tell"
