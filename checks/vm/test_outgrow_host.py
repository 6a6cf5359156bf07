"""The box's machine can come to have no more than its host has."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_isolation import Box, Guarantee, Unsupported, family, severity, weaken
from pytest_isolation.outside.emulator import NO_MACHINE
from pytest_isolation.outside.limits.asked import Bounded
from pytest_isolation.outside.start.handed_in import the_machines


@dataclass(frozen=True)
class Part:
    slug: str
    at: int
    """In BoxHandle.size."""
    of_host: Bounded


PARTS = (Part("memory", 0, "memory"), Part("processors", 1, "cpus"))

below = family(
    "vm.{entry.slug}-below-hosts",
    over=PARTS,
    claim="the box's machine can come to have no more {entry.slug} than its host has",
    sources=("https://www.qemu.org/docs/master/system/invocation.html (-m, -smp)",),
    severity=lambda entry: severity.use(f"is a machine that may have more {entry.slug} than its host"),
    falsified_by=lambda entry: weaken.drop(f"machine-{entry.slug}"),
    kind="per-box",
)


@below
def test_machine_is_smaller(box: Box, promise: Guarantee, entry: Part) -> None:
    if box.parts.size is None:
        raise Unsupported(NO_MACHINE)
    most, of_host = box.parts.size()[entry.at], the_machines(box, entry.of_host)
    promise.held("refused")
    promise.require(most <= of_host, machine=most, host=of_host)
