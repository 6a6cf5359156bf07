"""Nobody can connect to the process that is the box's machine: to its monitor, its debugger, its screen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pytest_isolation import Box, Guarantee, family, severity, weaken
from pytest_isolation.boxes.weakenings import Weakening
from pytest_isolation.outside import emulator


@dataclass(frozen=True)
class Road:
    slug: str
    name: str
    does: str
    hole: Weakening
    open: Callable[[Box], list[str]]


ROADS = (
    Road("tcp", "by TCP", "is a machine that takes connections by TCP", weaken.drop("emulator-ports"), emulator.ports),
    Road(
        "unix", "at a socket with a name", "is a machine that a socket of its host leads into",
        weaken.drop("emulator-names"), emulator.names,
    ),
)  # fmt: skip

closed = family(
    "vm.{entry.slug}-closed",
    over=ROADS,
    claim="the process that is the box's machine takes no connections {entry.name}",
    sources=(
        "https://www.qemu.org/docs/master/system/security.html (Sensitive configurations: monitor console)",
        "https://www.qemu.org/docs/master/system/gdb.html (Security considerations)",
    ),
    severity=lambda entry: severity.surface(entry.does),
    falsified_by=lambda entry: entry.hole,
    kind="per-box",
)


@closed
def test_nobody_can_connect(box: Box, promise: Guarantee, entry: Road) -> None:
    found = entry.open(box)
    promise.held("absent")
    promise.require(not found, at=", ".join(found))
