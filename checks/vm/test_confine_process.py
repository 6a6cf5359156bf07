"""The process that is the box's machine is confined on its host, for the day a guest gets into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pytest_isolation import Box, Guarantee, family, severity, weaken
from pytest_isolation.boxes.weakenings import Weakening
from pytest_isolation.guarantees.severity import Consequence
from pytest_isolation.outside import emulator


def _filtered(box: Box) -> str:
    without = emulator.unfiltered(box)
    return f"without a filter of its own: {', '.join(without)}" if without else ""


def _unprivileged(box: Box) -> str:
    users = {number for one in emulator.status(box) for number in one.get("Uid", "").split()}
    return "user 0" if "0" in users else ""


def _apart(box: Box) -> str:
    return "the root directory of whoever measures" if emulator.has_the_hosts_root(box) else ""


@dataclass(frozen=True)
class Wall:
    slug: str
    claim: str
    hole: Weakening
    does: Consequence
    sources: tuple[str, ...]
    lacks: Callable[[Box], str]
    """What it has instead; empty: nothing."""


SECURITY = "https://www.qemu.org/docs/master/system/security.html"
OPTIONS = "https://www.qemu.org/docs/master/system/invocation.html"
WALLS = (
    Wall(
        "filter-in-force", "every thread of the process that is the box's machine runs under a seccomp filter",
        weaken.drop("emulator-filter"), severity.surface("is a machine whose process no filter holds"),
        (f"{OPTIONS} (-sandbox)", "man:seccomp(2)"), _filtered,
    ),
    Wall(
        "user-not-root", "the process that is the box's machine is not root's on its host",
        weaken.drop("emulator-user"), severity.surface("is a machine whose process is root's"),
        (f"{SECURITY} (Principle of least privilege)", "man:credentials(7)"), _unprivileged,
    ),
    Wall(
        "root-not-hosts", "the process that is the box's machine has another root directory than its host",
        weaken.drop("emulator-root"), severity.surface("is a machine whose process finds the host's files"),
        (f"{OPTIONS} (-chroot)", "man:chroot(2)"), _apart,
    ),
)  # fmt: skip

confined = family(
    "vm.{entry.slug}",
    over=WALLS,
    claim="{entry.claim}",
    sources=lambda entry: entry.sources,
    severity=lambda entry: entry.does,
    falsified_by=lambda entry: entry.hole,
    kind="per-box",
)


@confined
def test_process_is_confined(box: Box, promise: Guarantee, entry: Wall) -> None:
    has = entry.lacks(box)
    promise.held("refused")
    promise.require(not has, has=has)
