"""Machines side by side, by pytest-xdist's --dist each: an account of each, and one run of them all.

A machine that is lost is red, and says why; what it had measured until then stays, and the others go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from pytest_isolation.errors import UsageError
from pytest_isolation.report.hosts import merged, named, row_of
from pytest_isolation.suite.gather import Gatherer
from pytest_isolation.suite.messages import Found, Machine, Process, told_by
from pytest_isolation.suite.rows import host_facts

if TYPE_CHECKING:
    from pytest_isolation.report.run import ResultRow, Run
    from pytest_isolation.suite.boxes import BoxCandidate
    from pytest_isolation.suite.state import RunState


TELLS_S = 5.0
"""How often a partial report says anew how far each machine has come."""


def machine_of(session: RunState) -> Machine:
    """This one, as a worker tells it to whoever asked."""
    boxes = {
        one.spec.name: Found(reason=one.reason, remedy=one.remedy, cause=one.cause, facts=one.facts)
        for one in session.chosen
    }
    return Machine(facts=host_facts(), boxes=boxes)


def check_asked(config: pytest.Config) -> None:
    """Raises UsageError where pytest-xdist would ask no other machine: this one would pass for those that are named."""
    dist, machines = config.getoption("dist", "no"), config.getoption("tx", None)
    if machines and dist == "no":
        raise UsageError(
            f"--tx {machines[0]} is given without --dist, so that this machine alone would be measured; "
            "add --dist each, and each machine measures everything"
        )
    if dist == "each" and not machines:
        raise UsageError(
            "--dist each is given without --tx, so that this machine alone would be measured; "
            "name each machine: --tx ssh=HOST//python=PYTHON"
        )


def check(session: RunState) -> None:
    """Raises UsageError for what only the machine that asks would measure."""
    if session.options.measures_further:
        raise UsageError(
            "--isolation-costs, -depth, -why and -flow measure this machine alone, and --dist each measures others; "
            "leave one of the two out"
        )


class OneHost(Gatherer):
    """The account of one machine; `keep` is told of each of its rows, and whether there was one like it before."""

    def __init__(self, session: RunState, keep: Callable[[ResultRow, bool], None]) -> None:
        super().__init__(session, reports=())
        self._keep_it = keep
        self.machine: Machine | None = None
        self.lost: str | None = None

    def _keep(self, row: ResultRow, *, anew: bool) -> None:
        """In the partial report of them all."""
        self._keep_it(row, anew)

    def add_process(self, told: Process) -> None:
        """What its worker tells, first of what it is going to measure, and at its end."""
        super().add_process(told)
        self.machine = told.machine

    def candidates(self) -> list[BoxCandidate]:
        """The boxes, as that machine found them; where it was lost before it told, those that it has rows of."""
        chosen = super().candidates()
        if self.machine is not None:
            found = self.machine.boxes
            return [
                replace(one, reason=held.reason, remedy=held.remedy, cause=held.cause, facts=held.facts)
                for one in chosen
                if (held := found.get(one.spec.name)) is not None
            ]
        measured = {box for box, *_ in self._rows}
        why = f"the machine was lost: {self.lost}" if self.lost else "the machine has not told yet"
        return [
            replace(one, reason=None if one.spec.name in measured else why, remedy=None, cause=None, facts={})
            for one in chosen
        ]

    def own(self, exit_status: int) -> Run:
        """Without what other plugins give, which is of the machine that asks."""
        found = super().own(exit_status)
        return replace(found, host=self.machine.facts) if self.machine is not None else found


class Hosts(Gatherer):
    """The account of all of them, on the machine that has asked."""

    AS_OWED = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)

    def __init__(self, session: RunState) -> None:
        super().__init__(session)
        self._of: dict[str, OneHost] = {}
        self._lost: dict[str, str] = {}
        self._told_at = -TELLS_S

    def host(self, name: str) -> OneHost:
        """Its account; begun when first asked for."""
        if name not in self._of:
            self._of[name] = OneHost(self._session, partial(self._keep_of, name))
        return self._of[name]

    def _keep_of(self, name: str, row: ResultRow, anew: bool) -> None:
        """A row in the partial report, which now and then is written anew: it tells how many rows a machine has."""
        now = time.monotonic()
        if anew := anew or now - self._told_at > TELLS_S:
            self._told_at = now
        self._keep(row_of(name, row), anew=anew)

    def add(self, report: pytest.TestReport) -> None:
        """What the machine of the report's worker says of a test."""
        node = getattr(report, "node", None)
        if node is None:
            super().add(report)
            return
        if (told := told_by(report)) is not None and told.plan is not None:
            self._add_guarantees(told.plan)
        self.host(host_of(node)).add(report)

    def add_process_of(self, name: str, told: Process) -> None:
        """What a worker tells at its end."""
        self.host(name).add_process(told)
        self._add_guarantees(told)

    def _add_guarantees(self, told: Process) -> None:
        """Those that a worker knows."""
        super().add_process(Process(guarantees=told.guarantees, known=told.known, wrong=told.wrong))

    def lose(self, name: str, why: str) -> None:
        """It did not come to its end."""
        self._lost[name] = self.host(name).lost = why
        self._session.progress.says(f"LOST {name}: {why}; the other machines go on")

    def own(self, exit_status: int) -> Run:
        """All machines' rows; boxes are called MACHINE/BOX."""
        asker = super().own(exit_status)
        runs = {name: one.own(exit_status) for name, one in self._of.items()}
        for name, one in self._of.items():
            if one.machine is None:
                runs[name] = replace(runs[name], host=asker.host)  # merged() knows by it that nothing was told
        return merged(asker, runs, self._lost)

    def owed(self) -> tuple[list[str], bool]:
        """A machine that was lost is never a pass, and neither is what one of them owes."""
        said, nothing = [f"{name} was lost: {why}" for name, why in self._lost.items()], not self._lost
        for name, one in self._of.items():
            if name not in self._lost:
                unmet, none = one.owed()
                said += [f"{name}: {line}" for line in unmet]
                nothing = nothing and none
        return said, nothing

    def heard(self, report: pytest.TestReport, row: ResultRow) -> ResultRow:
        """The row as one of its machine's."""
        node = getattr(report, "node", None)
        return row if node is None else replace(row, box=named(host_of(node), row.box))

    def _look_at_the_kernel(self) -> None:
        """Host support is of the machine that asks, and no box of it is measured."""

    def header(self) -> list[str]:
        """The machine that asks; who is asked, xdist says."""
        return [*super().header(), "  measured on other machines, each beside the others (--dist each)"]


def host_of(node: object) -> str:
    """What the machine of one of xdist's workers is called."""
    return str(node.workerinput["isolation"]["host"])  # type: ignore[attr-defined]
