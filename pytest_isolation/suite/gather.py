"""The controller's account of a run: rows from reports, facts of boxes, and in the end one Run."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest

from pytest_isolation.boxes import cgroups
from pytest_isolation.errors import BoxError, UsageError
from pytest_isolation.report import renderer
from pytest_isolation.report.run import (
    BoxRow,
    Cost,
    GivenRow,
    GuaranteeRow,
    HostFacts,
    ResultRow,
    Run,
    RunFacts,
    SupportRow,
    TechnologyRow,
    ToolFacts,
)
from pytest_isolation.suite.audits import auditor_of
from pytest_isolation.suite.boxes import Chosen
from pytest_isolation.suite.joined import joined, worse_proof
from pytest_isolation.suite.support import of_this_host

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pytest_isolation.guarantees.expect import Key
    from pytest_isolation.guarantees.guarantee import Guarantee
    from pytest_isolation.suite.session import Session


def host_facts() -> HostFacts:
    return HostFacts(
        kernel=platform.release(),
        arch=platform.machine(),
        cgroup=cgroups.mode(),
        root=os.geteuid() == 0,
        more={"python": platform.python_version(), "cpus": os.cpu_count() or 0},
    )


def run_facts(id: str, started: float, seed: int | None, exit_status: int) -> RunFacts:
    """`started` as time.time() has it."""
    return RunFacts(
        id=id,
        argv=tuple(sys.argv[1:]),
        started=datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        seconds=round(time.time() - started, 1),
        seed=seed,
        exit=exit_status,
    )


def write_reports(run: Run, reports: tuple[tuple[str, Path], ...]) -> list[str]:
    """Returns a line for each that could not be written."""
    unwritten = []
    for form, path in reports:
        try:
            path.write_text(renderer(form)(run))
        except OSError as error:
            unwritten.append(
                f"the {form} report was not written: {path}: {error.strerror}; make room for it and run again"
            )
    return unwritten


def guarantee_row(promise: Guarantee) -> GuaranteeRow:
    return GuaranteeRow(
        id=promise.id,
        domain=promise.domain,
        claim=promise.claim,
        sources=promise.sources,
        falsified_by=tuple(sorted(map(str, promise.falsified_by))),
    )


def box_row(chosen: Chosen, starts: list[float], notes: list[str]) -> BoxRow:
    costs = {"start_ms": Cost(median=round(statistics.median(starts), 1), n=len(starts))} if starts else {}
    facts = {key: value for key, value in chosen.facts.items() if key not in ("version", "given")}
    return BoxRow(
        name=chosen.spec.name,
        technology=chosen.spec.technology,
        spec=chosen.spec.plain() | ({"facts": facts} if facts else {}),
        version=chosen.facts.get("version"),
        available=chosen.available,
        reason=chosen.reason,
        remedy=chosen.remedy,
        cause=chosen.cause,
        costs=costs,
        notes=tuple(notes),
        given=_given(chosen.facts.get("given")),
    )


def _given(rows: list[dict[str, Any]] | None) -> tuple[GivenRow, ...] | None:
    return tuple(map(GivenRow.from_json, rows)) if rows is not None else None


class Gatherer:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._started = time.time()
        self._rows: dict[Key, dict[str, Any]] = {}
        self._begun: dict[str, dict[str, Any]] = {}
        """Node id -> what is said of the cell if whoever measures it dies."""
        self._promises: dict[str, GuaranteeRow] = {}
        self._known: set[str] = set()
        self._wrong: dict[str, None] = {}
        self._proofs: dict[tuple[str, str], str] = {}
        self._starts: dict[str, list[float]] = {}
        self._notes: dict[str, list[str]] = {}
        self._measured: dict[str, dict[str, Any]] = {}
        self._run_notes: list[str] = []
        self._support: tuple[SupportRow, ...] = ()
        self._technologies: tuple[TechnologyRow, ...] = ()

    # -- filling -------------------------------------------------------------------------

    def add(self, report: pytest.TestReport) -> None:
        row: dict[str, Any] | None = getattr(report, "isolation", None)
        if str(report.when) == "???":  # xdist's word for a worker that crashed during this item
            row = self._begun.get(report.nodeid)
            self._run_notes.append(f"a worker crashed while it ran {report.nodeid}")
        if row is None:
            return
        if report.when == "setup":
            self._begun[report.nodeid] = row
            return
        if "proof" in row:
            at = row["box"], row["guarantee"]
            self._proofs[at] = worse_proof(self._proofs.get(at), row["proof"])
        else:
            key = row["box"], row["guarantee"], row["door"], row["sibling"]
            self._rows[key] = joined(self._rows.get(key), row)

    def of_this_process(self) -> dict[str, Any]:
        """What only the process that started the boxes knows: plain data, for xdist's wire."""
        pool = self._session.pool_if_any
        promises = [guarantee_row(promise).to_json() for promise in self._session.guarantees.values()]
        started = {"starts": pool.starts, "notes": pool.notes, "measured": pool.measured} if pool is not None else {}
        return {"guarantees": promises, "known": sorted(self._session.known), "wrong": self._session.wrong, **started}

    def add_process(self, told: dict[str, Any]) -> None:
        """`told`: of_this_process() of this process or of a worker; empty of one that crashed."""
        self._known.update(told.get("known", ()))
        self._wrong |= dict.fromkeys(told.get("wrong", ()))
        for promise in told.get("guarantees", ()):
            self._promises.setdefault(promise["id"], GuaranteeRow.from_json(promise))
        for name, starts in told.get("starts", {}).items():
            self._starts.setdefault(name, []).extend(starts)
        for name, facts in told.get("measured", {}).items():
            self._measured.setdefault(name, {}).update(facts)
        for name, notes in told.get("notes", {}).items():
            known = self._notes.setdefault(name, [])
            known += [note for note in notes if note not in known]

    # -- saying --------------------------------------------------------------------------

    def run(self, exit_status: int) -> Run:
        session = self._session
        audits = auditor_of(session.config)
        order = {one.spec.name: number for number, one in enumerate(session.chosen)}
        rank = {known: number for number, known in enumerate(self._promises)}

        def place(row: dict[str, Any]) -> tuple[int, ...]:
            """Boxes by themselves, then pairs; box by box, guarantee by guarantee, the start door first."""
            beside = order.get(row["sibling"], -1)
            return beside >= 0, order[row["box"]], rank.get(row["guarantee"], 0), row["door"] == "exec", beside

        rows = [
            ResultRow.from_json(row | {"proofs": self._proofs_of(row)})
            for row in sorted(self._rows.values(), key=place)
        ]
        return Run(
            tool=ToolFacts(version=version("pytest-isolation")),
            run=run_facts(session.run_id, self._started, session.seed, exit_status),
            host=host_facts(),
            boxes=tuple(
                box_row(
                    one.knowing(self._measured.get(one.spec.name)),
                    self._starts.get(one.spec.name, []),
                    self._notes.get(one.spec.name, []),
                )
                for one in session.chosen
            )
            + (audits.boxes() if audits else ()),
            guarantees=tuple(self._with_theirs(audits.guarantees() if audits else ())),
            results=(*rows, *(audits.results() if audits else ())),
            support=self._support,
            technologies=self._technologies,
            inception=audits.rows() if audits else (),
            notes=tuple(self._run_notes + session.judge.notes(list(self._rows.values()))),
        )

    def _with_theirs(self, others: tuple[GuaranteeRow, ...]) -> Iterable[GuaranteeRow]:
        """Those of this run, and those that only the containers of an audited stack were asked."""
        return ({one.id: one for one in others} | self._promises).values()

    def _proofs_of(self, row: dict[str, Any]) -> dict[str, str]:
        state = self._proofs.get((row["box"], row["guarantee"])) if row["sibling"] is None else None
        return {row["box"]: state} if state else {}

    def header(self) -> list[str]:
        from pytest_isolation.report import terminal

        return terminal.header(self.run(0))

    def summarise(self, reporter: Any) -> None:
        from pytest_isolation.report import terminal

        if not (self._promises or self._run_notes):
            return
        reporter.section("isolation")
        text = terminal.render(self.run(0), width=min(reporter._tw.fullwidth, 120), color=reporter._tw.hasmarkup)
        reporter.write_line(text)

    def finish(self, session: pytest.Session) -> None:
        """The exit status the rows ask for, and the reports: written even when the run was interrupted."""
        self._look_at_the_kernel()
        missing = self._session.judge.missing_boxes(self._session.chosen)
        if session.exitstatus == pytest.ExitCode.OK and missing:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if session.exitstatus == pytest.ExitCode.OK and not any(one.available for one in self._session.chosen):
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED  # no box: nothing that could have failed
        self._run_notes += missing
        try:
            for line in self._wrong:
                raise UsageError(line)
            if self._known:
                self._session.judge.check(self._known)
        except UsageError as error:  # only here with workers: they alone know what is in the user's files
            self._run_notes.append(str(error))
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        run = self.run(int(session.exitstatus))
        session.config.hook.pytest_isolation_report(config=session.config, run=run)
        unwritten = write_reports(run, self._session.options.reports)
        if unwritten:
            self._run_notes += unwritten
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _look_at_the_kernel(self) -> None:
        """Host support, unless nobody would see it: boxes were named, all are there, and no report is written."""
        asked, hook = self._session.options, self._session.config.hook.pytest_isolation_report
        heard = asked.reports or hook.get_hookimpls()
        if asked.boxes and not heard and all(one.available for one in self._session.chosen):
            return
        self._session.progress.says("looking at what this kernel can do, some seconds")
        try:
            self._support, self._technologies = of_this_host(self._session.lifetime)
        except BoxError as error:
            self._run_notes.append(f"host support was not finished: {error}")
