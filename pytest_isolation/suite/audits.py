"""What other plugins contribute to a run, in the order in which the gatherer asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from pytest_isolation.report.run import BoxRow, Contribution, GuaranteeRow, ResultRow, Section


class Contributed:
    """The contributions of all plugins together."""

    def __init__(self, parts: Sequence[Contribution]) -> None:
        self._parts = parts

    def boxes(self) -> tuple[BoxRow, ...]:
        return tuple(row for one in self._parts for row in one.boxes)

    def guarantees(self) -> tuple[GuaranteeRow, ...]:
        return tuple(row for one in self._parts for row in one.guarantees)

    def results(self) -> tuple[ResultRow, ...]:
        return tuple(row for one in self._parts for row in one.results)

    def rows(self) -> tuple[Section, ...]:
        return tuple(one.section for one in self._parts)


def auditor_of(config: pytest.Config) -> Contributed | None:
    """None where no plugin contributes."""
    parts = config.hook.pytest_isolation_contribution(config=config)
    return Contributed(parts) if parts else None
