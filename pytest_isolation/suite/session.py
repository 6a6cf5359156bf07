"""A run inside pytest, hook by hook: what is collected, how a cell becomes an outcome, and where the rows go.

One object, registered as a plugin of its own: on the controller, and on every worker of
pytest-xdist.  Workers measure; the controller gathers rows from the reports, so both ways of
running give the same report.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from pytest_isolation.boxes.lifetime import check_room, state_directory
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import NotStarted, UsageError
from pytest_isolation.guarantees import claims
from pytest_isolation.guarantees.guarantee import Guarantee
from pytest_isolation.guarantees.property import draw_of_strategies_alone
from pytest_isolation.suite import hosts
from pytest_isolation.suite.cell import key, measure, unfinished, unless_cut_short
from pytest_isolation.suite.collect import (
    FORKED,
    add_guarantee,
    all_guarantees,
    built_in_guarantees,
    collect_built_in,
    is_a_copy,
    refuse_to_fork,
)
from pytest_isolation.suite.controls import State, prove
from pytest_isolation.suite.gather import Gatherer
from pytest_isolation.suite.interrupts import (
    ended_by_signals,
    forget_what_came,
    interrupt,
    let_go_of_logging,
    lost_without_a_word,
    raise_what_was_lost,
)
from pytest_isolation.suite.items import check_of, properties, raise_outcome, unwritten_failures
from pytest_isolation.suite.jobs import Jobs, helpable, how_many
from pytest_isolation.suite.messages import (
    Closed,
    Measured,
    Proof,
    Told,
    started_by,
    tell,
)
from pytest_isolation.suite.order import is_alone, place_of
from pytest_isolation.suite.plan import Cell, cell_of, promise_of, spread
from pytest_isolation.suite.state import RunState
from pytest_isolation.technologies import import_all
from pytest_isolation.technologies.clean import clean

if TYPE_CHECKING:
    from pytest_isolation.options.config import RunConfig

TOLD: pytest.StashKey[Told] = pytest.StashKey()


class Session(RunState):
    """The hooks of one pytest process that measures, and what they keep."""

    def __init__(self, config: pytest.Config, asked: RunConfig) -> None:
        super().__init__(config, asked)
        self._told: set[tuple[str, str | None]] = set()
        """Box and reason of rows that failed.  Of rows that decide nothing, one cause is told once."""
        self._jobs: Jobs | None = None
        self._through = False
        """All tests were run: nothing ended the run before."""
        self.lost_a_worker = False
        if config.getoption("forked", False):
            raise UsageError(FORKED.format(what="--forked"))
        if self.only_built_in:
            config.args = []
        if not self.is_worker:
            built_in, known = built_in_guarantees(), {promise.id for promise in all_guarantees()}
            for name in dict.fromkeys(one.spec.technology for one in self.chosen):
                claims.check(name, built_in, known)
            if self.only_built_in:
                self.judge.check(known)
            hosts.check_asked(config)
        if self.side_by_side:
            hosts.check(self)
        self.gatherer = hosts.Hosts(self) if self.side_by_side else Gatherer(self)
        if self.only_built_in:
            draw_of_strategies_alone()
        _leave_nothing_beside_the_user(self)
        if not self.is_worker and not self.only_collects:
            check_room()
            clean()  # what an earlier run of this user was killed before it could remove

    # -- what is started ------------------------------------------------------------------

    def close(self) -> None:
        """End every box; the register goes with them, unless something could not be removed."""
        if self._jobs is not None:
            self._jobs.close()
            self._jobs = None
        self._end_boxes()
        if self.lost_a_worker or self.config.pluginmanager.hasplugin("dsession"):
            clean()  # xdist kills a worker that takes too long to end, and tells nobody

    def _end_boxes(self) -> None:
        self._tell_what_resisted(self.started.end())

    def _tell_what_resisted(self, resisted: list[str]) -> None:
        """After the summary: only now it is known."""
        reporter = self.config.pluginmanager.getplugin("terminalreporter")
        if reporter is None or self.is_worker:
            return
        for what in resisted:
            reporter.write_line(f"not removed: {what}; `pytest --isolation-clean` removes it once it can", red=True)

    # -- collection -----------------------------------------------------------------------

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A check becomes one item for each of its cells."""
        spread(metafunc, self.specs, self.options)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Add the built-in checks, drop what was not asked for, and put cells in the order of measuring."""
        built_in = {promise.id: promise for promise in all_guarantees()}
        items.extend(collect_built_in(session))
        kept: list[pytest.Item] = []
        left: list[pytest.Item] = []
        wrong: list[str] = []
        for item in items:
            promise = promise_of(item)
            if promise is not None and not (copied := is_a_copy(promise, built_in)):
                try:
                    add_guarantee(self.guarantees, promise)
                    refuse_to_fork(item, promise)
                except UsageError as error:
                    wrong.append(str(error))
            wanted = promise is None or (not copied and self.options.wants(promise.id))
            (kept if wanted else left).append(item)
        if left:
            config.hook.pytest_deselected(items=left)
        self.known = set(self.guarantees)
        if not self.is_worker:  # a worker that refuses to collect is a crash to xdist: its controller asks
            try:
                for line in wrong:
                    raise UsageError(line)
                self.judge.check(self.known)
            except UsageError as error:
                raise pytest.UsageError(str(error)) from None
        self.wrong = list(dict.fromkeys(wrong))
        self.guarantees = {known: one for known, one in self.guarantees.items() if self.options.wants(known)}
        # What is carried over comes first: a run that goes on from a partial report soon has as much in its own.
        names = [one.spec.name for one in self.chosen]
        kept.sort(key=lambda item: place_of(item, names))
        items[:] = sorted(kept, key=lambda item: self._since.row(item) is None)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Whatever else chose among the items has chosen."""
        for item in session.items:
            promise, cell = promise_of(item), cell_of(item)
            if promise is not None and cell is not None and not cell.proof:
                self.planned.add(key(promise, cell))

    # -- measuring ------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Say what is measured now."""
        if (cell := cell_of(item)) is None:
            return
        raise_what_was_lost()
        if not self.is_worker:
            self.progress.measuring(cell, item.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Measure the cell of an item in pytest's stead; None of another test, which pytest calls."""
        promise, cell = promise_of(pyfuncitem), cell_of(pyfuncitem)
        if promise is None or cell is None:
            return None
        if cell.proof:
            return self._prove(pyfuncitem, promise, cell.spec)
        measure = self._jobs.measured if self._jobs is not None else self._measured
        before = self._since.row(pyfuncitem)
        found = measure(pyfuncitem) if before is None else Measured(told=Told(row=before))
        for name, facts in found.facts.items():
            self.started.pool.measured[name] = {**facts, **self.started.pool.measured.get(name, {})}
        pyfuncitem.stash[TOLD] = found.told
        if (closed := found.told.closed) is not None:
            pytest.skip(f"{closed.box} is not available: {closed}")
        assert found.told.row is not None
        raise_outcome(found.told.row, self._told)
        return True

    def _measured(self, item: pytest.Function) -> Measured:
        """Measure a cell now, in this process."""
        promise, cell = promise_of(item), cell_of(item)
        assert promise is not None and cell is not None
        self._keep_only(cell)
        judged = partial(self.judged, promise, cell)
        try:
            with unwritten_failures(item):
                row = unless_cut_short(
                    promise,
                    cell,
                    judged,
                    lambda: measure(
                        promise,
                        check_of(item),
                        cell,
                        pool=self.started.pool,
                        controls=self.started.controls,
                        seed=self.seed,
                        judged=judged,
                        examples=self.options.examples,
                    ),
                )
            raise_what_was_lost()
        except NotStarted as error:
            raise_what_was_lost()
            why = error.lack
            closed = Closed(box=error.box, door=error.door, reason=why.reason, remedy=why.remedy, cause=why.cause)
            return Measured(told=Told(closed=closed))
        names = {cell.spec.name} | ({cell.sibling.name} if cell.sibling is not None else set())
        facts = {name: self.started.pool.measured[name] for name in names & set(self.started.pool.measured)}
        return Measured(told=Told(row=row), facts=facts)

    def _keep_only(self, cell: Cell) -> None:
        """End the boxes that the cell is not about.  A pair may be any two: while pairs are measured, all stay."""
        self.started.pool.keep_only({cell.spec.name} if cell.sibling is None else {spec.name for spec in self.specs})

    def _begin_jobs(self, items: list[pytest.Item]) -> None:
        """Fork the helpers, before anything of this run is started: see jobs.py."""
        cells = [item for item in helpable(items) if self._since.row(item) is None]
        if not (number := how_many(self.options.jobs, len([item for item in cells if not is_alone(item)]))):
            return
        self.started.controls_directory()  # one for all of them
        self._jobs = Jobs(self.started.lifetime.new_directory("cells"), cells, self._measured)
        self._jobs.fork(number, lambda: started_by(self.started.pool), self.started.end, first=self.started.leave)

    def _prove(self, item: pytest.Function, promise: Guarantee, spec: BoxSpec) -> bool:
        self._keep_only(Cell(spec))
        control = prove(promise, check_of(item), spec, self.started.pool, self.seed)
        proof = Proof(box=spec.name, guarantee=promise.id, state=control.state.of_row, reason=control.reason)
        item.stash[TOLD] = Told(proof=proof)
        if control.state is not State.FIRED:
            pytest.fail(f"{promise.id} on {spec.id}: {control.reason}", pytrace=False)
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """The report of an item carries its row, and passes or fails by it."""
        report = yield
        if cell_of(item) is None:
            forget_what_came()  # a test of the user's may have sent it to itself
        told = item.stash.get(TOLD, None)
        if call.when == "setup" and self.is_worker:
            told = self._if_it_dies(item)  # the last the controller hears of a cell whose worker crashes
        elif told is not None and call.when == "call":
            item.user_properties += properties(told)
            item.user_properties += [("isolation.host", self.host)] if self.host is not None else []
            if (promise := promise_of(item)) is not None:
                item.user_properties += [
                    ("isolation.severity", str(promise.consequence.severity)),
                    ("isolation.consequence", promise.consequence.phrase),
                ]
        if told is not None and call.when in ("setup", "call"):
            tell(report, told)
        return report

    def _if_it_dies(self, item: pytest.Item) -> Told | None:
        promise, cell = promise_of(item), cell_of(item)
        if promise is None or cell is None or cell.proof:
            return None
        return Told(row=unfinished(promise, cell, partial(self.judged, promise, cell)))

    # -- gathering ------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """With signals that end it as Control-C does; on a controller, helpers are forked first."""
        if threading.current_thread() is not threading.main_thread():
            return (yield)
        if self.is_worker:
            if self.planned:
                import_all()
            # execnet ends a worker by a SIGINT to itself; nohup(1) and background jobs hand that down ignored.
            if signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, signal.default_int_handler):
                signal.signal(signal.SIGINT, interrupt)
            with lost_without_a_word():
                return (yield)
        with ended_by_signals():
            if not (self.only_collects or self.config.pluginmanager.hasplugin("dsession")):
                if self.planned:
                    import_all()
                self._begin_jobs(session.items)
            done = yield
            raise_what_was_lost()
            self._through = True
            return done

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        """Boxes end last: what a worker knows of them is sent before, what the controller knows is written."""
        if self.is_worker:
            self._tell(session)
            yield
            self.close()
            return
        with ended_by_signals():
            try:
                self._tell(session)
                yield
            finally:
                self._close_unless_interrupted()

    def _tell(self, session: pytest.Session) -> None:
        """What this process knows, once; a controller writes the reports, whoever is in a hurry."""
        if self._jobs is not None and self._through:
            try:
                for told in self._jobs.finish():
                    self.gatherer.add_process(told)
            except KeyboardInterrupt:
                session.exitstatus = pytest.ExitCode.INTERRUPTED
        told = self.gatherer.of_this_process()
        if self.is_worker:
            if self.host is not None:
                told = replace(told, machine=hosts.machine_of(self))
            self.config.workeroutput["isolation"] = told.to_json()  # type: ignore[attr-defined]
        else:
            self.gatherer.add_process(told)
        if not self.only_collects and not self.is_worker:
            if session.exitstatus != pytest.ExitCode.INTERRUPTED and self.options.measures_further:
                try:
                    if (pool := self.started.pool_if_any) is not None:
                        pool.close()
                    self.gatherer.measure_further()
                except KeyboardInterrupt:
                    session.exitstatus = pytest.ExitCode.INTERRUPTED
            let_go_of_logging()
            with suppress(KeyboardInterrupt):  # once they are written
                self.gatherer.finish(session)

    def _close_unless_interrupted(self) -> None:
        try:
            self.close()
        except KeyboardInterrupt:
            self._tell_what_resisted(["what was left when this was interrupted"])


def _leave_nothing_beside_the_user(session: Session) -> None:
    """Hypothesis and pytest keep caches beside the project; a run that only measures leaves nothing there."""
    if not session.only_built_in:
        return
    from hypothesis.configuration import set_hypothesis_home_dir

    set_hypothesis_home_dir(state_directory() / "hypothesis")
    plugins = session.config.pluginmanager
    if plugins.hasplugin("nfplugin") and not session.config.getoption("newfirst", False):
        plugins.unregister(name="nfplugin")  # pytest's list of all tests it ever saw, in .pytest_cache
