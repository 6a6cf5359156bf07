"""What of an earlier report still stands: --isolation-since.

A row is carried over where nothing that made it has changed: the sources of its check and of this package, Hypothesis,
the host, and what is known of its box before it starts.  What decided nothing, was red or would be red now, and what
rested on what the machine lacked, is measured again; so is each row of a box whose contents no fact names.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_isolation.guarantees.verdicts import Control, Outcome, Verdict
from pytest_isolation.report.rows import plain
from pytest_isolation.suite import fewer
from pytest_isolation.suite.cell import key
from pytest_isolation.suite.collect import check_files
from pytest_isolation.suite.digest import check_digest
from pytest_isolation.suite.plan import cell_of, promise_of
from pytest_isolation.suite.rows import host_facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pytest

    from pytest_isolation.guarantees.verdicts import Key
    from pytest_isolation.options.config import RunConfig
    from pytest_isolation.report.run import BoxRow, ResultRow
    from pytest_isolation.suite.boxes import BoxCandidate
    from pytest_isolation.suite.judge import Judge

EXAMPLES = "--isolation-examples"


class Since:
    """The rows of an earlier run that still stand in this one; none where no earlier run was named."""

    def __init__(self, asked: RunConfig, judge: Judge, chosen: Iterable[BoxCandidate]) -> None:
        self._asked, self._judge = asked, judge
        self.measured: dict[str, dict[str, Any]] = {}
        """Facts that only a running box could tell, of those with a row that was carried over: as Pool.measured."""
        self._rows: dict[Key, ResultRow] = {}
        if (run := asked.since) is None:
            return
        self._started = run.run.started
        self._chosen = {one.spec.name: one for one in chosen}
        self._rows = {row.key: row for row in run.results}
        self._boxes = {box.name: box for box in run.boxes}
        self._checks = {row.id: row.check for row in run.guarantees}
        self._ours = frozenset(map(str, check_files()))
        self._same_host = plain(run.host) == plain(host_facts())
        self._as_few = asked.examples in (None, _examples(run.run.argv))

    def row(self, item: pytest.Item) -> ResultRow | None:
        """The row of a test's cell as the earlier run measured it, with today's claim; None: it is to be measured."""
        promise, cell = promise_of(item), cell_of(item)
        if not self._rows or promise is None or cell is None or cell.proof or promise.file not in self._ours:
            return None
        at = key(promise, cell)
        row = self._rows.get(at)
        if row is None or not self._stands(row) or self._checks.get(promise.id) != check_digest(promise):
            return None
        names = [one.name for one in (cell.spec, cell.sibling) if one is not None]
        if not all(_same(self._boxes.get(name), self._chosen[name]) for name in names):
            return None
        facts = {name: self._facts(name) for name in names}
        boxes = [self._chosen[name].with_facts(facts[name]) for name in names]
        now = self._judge.judged(at, row.verdict, row.control, promise, *boxes)
        if now.outcome is Outcome.FAILED:
            return None
        self.measured |= facts
        return replace(
            row,
            claim=now.claim,
            claim_source=now.claim_source,
            required_by=now.required_by,
            outcome=now.outcome,
            note=now.note,
            known=now.known,
            proofs={},
            carried=row.carried or self._started,
        )

    def _facts(self, name: str) -> dict[str, Any]:
        box = self._boxes[name]
        given = {"given": plain(box.given)} if box.given is not None else {}
        return {**box.spec.get("facts", {}), **given}

    def _stands(self, row: ResultRow) -> bool:
        if not self._same_host or not self._as_few or row.outcome is Outcome.FAILED or row.tests:
            return False
        if self._asked.examples is None and fewer.SAYS in (row.remark or ""):
            return False
        if row.verdict is Verdict.HOLDS:
            return row.control is Control.FIRED
        return row.verdict is Verdict.VIOLATED


def _examples(argv: Sequence[str]) -> int | None:
    """What a run that was called so was given as --isolation-examples; None: nothing, or no number."""
    told = None
    for word, after in zip(argv, (*argv[1:], ""), strict=True):
        if word == EXAMPLES:
            told = after
        elif word.startswith(f"{EXAMPLES}="):
            told = word.partition("=")[2]
    return int(told) if told is not None and told.isdecimal() else None


def _same(before: BoxRow | None, now: BoxCandidate) -> bool:
    """Whether a box is the one there was, as far as is known before it starts; a version is needed to say so."""
    spec = now.spec
    # What these hold may be another today, and no fact tells: somebody's box, image, program, variables.
    told_by_nothing = spec.attached or spec.image or spec.env or spec.technology == "command"
    if before is None or told_by_nothing or not now.facts.get("version"):
        return False
    known = dict(before.spec)
    facts = dict(known.pop("facts", {})) | {"version": before.version}
    told = {key: value for key, value in now.facts.items() if key != "given"}
    return before.available and _plain(known) == _plain(spec.plain()) and facts | _plain(told) == facts


def _plain(value: Any) -> Any:
    """As a report that was read has it."""
    return json.loads(json.dumps(plain(value)))
