"""Which layer refuses, in words: the rows that --isolation-why asked, by box and layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.report.depth import FEW, folded

if TYPE_CHECKING:
    from pytest_isolation.report.run import Run


@dataclass(frozen=True, slots=True)
class Refused:
    """What the same layers of a box refuse."""

    box: str
    layers: str
    """ "seccomp"; "seccomp and capability", where each refuses by itself."""
    guarantees: tuple[str, ...]
    """Ids; of a family its pattern, and which of it."""
    opened: tuple[str, ...]
    """The holes that were opened for any of them: "drop-seccomp", or "drop-seccomp with grant-sys-admin"."""

    def line(self) -> str:
        """ "seccomp: sec.unshare-refused, ... (opened by drop-seccomp)"."""
        more = len(self.opened) - FEW
        opened = ", ".join(self.opened[:FEW]) + (f" and {more} more" if more > 0 else "")
        return f"{self.layers}: {', '.join(self.guarantees)}" + (f" (opened by {opened})" if opened else "")


def told(run: Run) -> tuple[Refused, ...]:
    """By box, then by layers, in the order of the rows."""
    known = {row.id: row for row in run.guarantees}
    ids: dict[tuple[str, str], list[str]] = {}
    holes: dict[tuple[str, str], dict[str, None]] = {}
    for row in run.results:
        if row.refused_by is None:
            continue
        at = row.box, " and ".join(row.refused_by)
        ids.setdefault(at, []).append(row.guarantee)
        if row.opened_by:
            holes.setdefault(at, {})[" with ".join(row.opened_by)] = None
    return tuple(
        Refused(box, layers, tuple(folded(some, known)), tuple(holes.get((box, layers), ())))
        for (box, layers), some in ids.items()
    )


LEGEND = (
    "found by the same check in further boxes of the same spec, each without one layer, then without two; where an "
    "engine widens its filter with each capability it gives, the filter may refuse as well what the capability is said "
    "to; kernel: root outside of all boxes is refused it, too; unknown: it stayed refused wherever it was tried"
)
