"""What one pytest process that measures knows of its run: session.py has the hooks that fill it in."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

from pytest_isolation.suite.boxes import BoxCandidate, choose
from pytest_isolation.suite.judge import Judge, Judged
from pytest_isolation.suite.messages import Agreed
from pytest_isolation.suite.progress import Progress
from pytest_isolation.suite.since import Since
from pytest_isolation.suite.started import Started

if TYPE_CHECKING:
    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.guarantees.guarantee import Guarantee
    from pytest_isolation.guarantees.verdicts import Control, Key, Verdict
    from pytest_isolation.options.config import RunConfig
    from pytest_isolation.suite.plan import Cell


class RunState:
    """On the controller what was asked for, on a worker what the controller tells it: for_workers()."""

    def __init__(self, config: pytest.Config, asked: RunConfig) -> None:
        self.config = config
        self.options = asked
        self.is_worker = hasattr(config, "workerinput")
        agreed = Agreed.from_json(config.workerinput["isolation"]) if hasattr(config, "workerinput") else None
        self.host: str | None = agreed.host if agreed is not None else None
        """Of a worker: what its machine is called, where several measure side by side."""
        self.run_id: str = agreed.run_id if agreed is not None else secrets.token_hex(6)
        self.seed: int = agreed.seed if agreed is not None else _seed(config)
        self.chosen: list[BoxCandidate] = choose(
            self.options, unavailable=agreed.unavailable if agreed is not None else None
        )
        self.judge = Judge(self.options, run_xfail=bool(config.option.runxfail))
        self._since = Since(asked, self.judge, self.chosen)
        self.guarantees: dict[str, Guarantee] = {}
        no_path = config.args_source is not pytest.Config.ArgsSource.ARGS
        self.only_built_in: bool = agreed.only_built_in if agreed is not None else no_path
        self.planned: set[Key] = set()
        """The rows that are to be measured: filled when the collection is over."""
        self.known: set[str] = set()
        """Ids of the guarantees there are, wanted or not: filled by the collection."""
        self.wrong: list[str] = []
        """What is written wrongly in the user's files: filled by the collection, said by the controller."""
        self.side_by_side = not self.is_worker and config.getoption("dist", "no") == "each" and bool(config.option.tx)
        """Whether this process asks machines that measure each for itself."""
        self.progress = Progress(config)
        controls = agreed.controls if agreed is not None else None
        self.started = Started(self.run_id, self.seed, controls, self.progress.starting)

    @property
    def only_collects(self) -> bool:
        """Whether pytest lists tests and runs none."""
        return bool(self.config.option.collectonly)

    @property
    def specs(self) -> list[BoxSpec]:
        """Of the chosen boxes, those that can be started."""
        return [one.spec for one in self.chosen if one.available]

    def measured_facts(self) -> dict[str, dict[str, Any]]:
        """Of each box, what only a running one could tell: in this run, else in the one that rows are carried from."""
        pool = self.started.pool_if_any
        return {**self._since.measured, **(pool.measured if pool is not None else {})}

    def for_workers(self, host: str | None = None) -> Agreed:
        """What every worker has to agree on; `host`: what its machine is called, which is none of this one's."""
        return Agreed(
            run_id=self.run_id,
            seed=self.seed,
            only_built_in=self.only_built_in,
            controls=self.started.controls_directory() if host is None else None,
            unavailable=(
                {one.spec.name: one.reason for one in self.chosen if one.reason is not None} if host is None else None
            ),
            host=host,
        )

    def judged(self, promise: Guarantee, cell: Cell, key: Key, verdict: Verdict, control: Control) -> Judged:
        """What is made of a verdict on `cell`: by what is claimed, and expected, of its boxes."""
        measured, specs = self.measured_facts(), [one for one in (cell.spec, cell.sibling) if one is not None]
        boxes = [self._chosen(one).with_facts(measured.get(one.name)) for one in specs]
        return self.judge.judged(key, verdict, control, promise, *boxes)

    def _chosen(self, spec: BoxSpec) -> BoxCandidate:
        return next(one for one in self.chosen if one.spec.name == spec.name)


def _seed(config: pytest.Config) -> int:
    """Hypothesis' own option, or 32 bits of chance."""
    asked = config.getoption("hypothesis_seed", None)
    return int(asked) if asked is not None else secrets.randbits(32)
