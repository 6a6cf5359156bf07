"""The box's machine was handed no device of its host, and no network card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pytest_isolation import Box, Guarantee, Unsupported, family, severity, weaken
from pytest_isolation.agent.shortcuts import listing
from pytest_isolation.agent.shortcuts import read as read_at
from pytest_isolation.boxes.weakenings import Weakening
from pytest_isolation.errors import BoxError
from pytest_isolation.guarantees.severity import Consequence
from pytest_isolation.outside import emulator

BUS = "/sys/bus/pci/devices"
NETWORK = "0x02"
"""The first byte of a PCI class: a network controller."""


def _cards(box: Box) -> list[str]:
    """By what the guest's kernel finds on its bus: a driver is not needed, and an address neither."""
    emulator.pid_of(box)
    if not (names := listing(box.proc, BUS)):
        raise Unsupported(f"the machine's own kernel shows nothing in {BUS}")
    read = {name: reply for name in names if (reply := read_at(box.proc, f"{BUS}/{name}/class")).ok}
    if not read:
        raise Unsupported(f"the box does not let us read the class of anything in {BUS}")
    found = [name for name, reply in read.items() if reply.data.decode(errors="replace").startswith(NETWORK)]
    if not found and (rest := sorted(set(names) - read.keys())):
        raise BoxError(f"the class of {', '.join(rest)} in {BUS} could not be read: one may be a network card")
    return found


@dataclass(frozen=True)
class Kind:
    slug: str
    claim: str
    hole: Weakening
    does: Consequence
    sources: tuple[str, ...]
    given: Callable[[Box], list[str]]


SECURITY = "https://www.qemu.org/docs/master/system/security.html"
KINDS = (
    Kind(
        "device", "the process that is the box's machine has no device of its host open, besides what every process "
        "may have and the one that it runs on",
        weaken.hand_in("device"), severity.surface("is a machine that was handed a device of its host"),
        (f"{SECURITY} (Virtual device attack surface)", "kernel:admin-guide/devices"), emulator.devices,
    ),
    Kind(
        "network", "the box's machine has no network card",
        weaken.hand_in("network"), severity.surface("is a machine with a network card"),
        ("https://www.qemu.org/docs/master/system/devices/net.html",), _cards,
    ),
)  # fmt: skip

given = family(
    "vm.{entry.slug}-not-given",
    over=KINDS,
    claim="{entry.claim}",
    sources=lambda entry: entry.sources,
    severity=lambda entry: entry.does,
    falsified_by=lambda entry: entry.hole,
    kind="per-box",
)


@given
def test_no_such_thing_was_given(box: Box, promise: Guarantee, entry: Kind) -> None:
    found = entry.given(box)
    promise.held("absent")
    promise.require(not found, given=", ".join(sorted(found)))
