"""The containers of an audited stack as boxes of the run: attached to, measured, and left as they were.

running services ──► boxes, named as the services are ──► the guarantees one can ask of a running container
                 └─► facts of each ──► inception/contained.py: rows I..
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_isolation.boxes.lifetime import Lifetime, clean
from pytest_isolation.boxes.pool import Pool
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import IsolationError, Unavailable
from pytest_isolation.guarantees.guarantee import Guarantee, guarantee_of
from pytest_isolation.guarantees.property import take_over
from pytest_isolation.inception import contained, services
from pytest_isolation.inception.live import LABEL, running
from pytest_isolation.options.config import RunConfig
from pytest_isolation.report.run import ResultRow
from pytest_isolation.suite.boxes import Chosen, choose
from pytest_isolation.suite.cell import measure
from pytest_isolation.suite.collect import check_files, load_check
from pytest_isolation.suite.controls import Controls
from pytest_isolation.suite.judge import Judge
from pytest_isolation.suite.plan import Cell
from pytest_isolation.technologies import names

LEFT_OUT = ("port",)
"""Domains that say nothing about isolation."""


def askable() -> Iterator[tuple[Guarantee, Callable[..., Any]]]:
    """The checks a running container can be asked: none that starts another, changes it, or uses it up."""
    for path in check_files():
        for test in list(vars(load_check(path)).values()):
            promise = guarantee_of(test) if callable(test) else None
            if promise is None or promise.domain in LEFT_OUT or promise.intrusive or promise.box:
                continue
            if promise.kind != "per-box":
                take_over(test)
                yield promise, test


def measure_stack(top: Path, path: str, asked: RunConfig, tell: Callable[[str], None]) -> dict[str, Any]:
    """`boxes`, `guarantees`, `results` and `inception` rows of the stack that runs from `top`, as plain data.

    `path` is the submission's in the rows; `tell` is told what takes its time.  Never raises for what the daemon,
    the stack or this user's rights do: the rows say it.
    """
    nothing: dict[str, Any] = {"boxes": [], "guarantees": [], "results": [], "inception": []}
    try:
        found = [services.service_of(attrs, f"{LABEL}service") for attrs in running(top)]
    except Exception as error:  # the daemon's client raises its own, requests' and the socket's
        said = " ".join(str(error).split())[:160]
        rows = contained.unmeasured(path, f"Docker does not answer: {said}", "a running Docker daemon")
        return nothing | {"inception": [row.to_json() for row in rows]}
    if not found:
        return nothing  # L01 says so
    named = _named(found, path, asked)
    specs = tuple(
        BoxSpec(technology="docker", name=name, options=(("container", one.id),)) for name, one in named.items()
    )
    clean()  # what an earlier run was killed before it could take back
    own = Lifetime(secrets.token_hex(6))
    pool = Pool(own)
    try:
        return _Measuring(path, replace(asked, boxes=specs), named, pool, tell).all()
    finally:
        pool.close()
        own.close()


def _named(found: list[services.Service], path: str, asked: RunConfig) -> dict[str, services.Service]:
    """A name for the box of each: the service's, and the submission's where there are several."""
    taken = {*(box.name for box in asked.boxes), *names()} if asked.enabled else set()
    several = asked.audits is not None and len(asked.audits.paths) > 1
    named: dict[str, services.Service] = {}
    for one in found:
        candidates = (one.service, one.name, one.id) if not several else ()
        free = (name for name in (*candidates, f"{one.service}@{path}", f"{one.name}@{path}"))
        named[next(name for name in free if name not in taken and name not in named)] = one
    return named


class _Measuring:
    def __init__(
        self, path: str, asked: RunConfig, named: dict[str, services.Service], pool: Pool, tell: Callable[[str], None]
    ) -> None:
        self._path, self._named, self._pool, self._tell = path, named, pool, tell
        self._asked = asked
        self._seed = secrets.randbits(32)
        self._judge = Judge(asked)
        self._controls = Controls(pool, Path(os.fspath(pool.lifetime.new_directory("controls"))), self._seed)
        self._trouble: dict[str, tuple[str, str]] = {}
        """Box -> (why it was not measured, what to do)"""

    def all(self) -> dict[str, Any]:
        from pytest_isolation.suite.gather import box_row, guarantee_row

        checks = [(promise, test) for promise, test in askable() if self._asked.wants(promise.id)]
        chosen = choose(self._asked)
        facts: dict[str, dict[str, Any]] = {}
        results: list[dict[str, Any]] = []
        for number, one in enumerate(chosen, 1):
            if not one.available:
                self._trouble[one.spec.name] = one.reason or "", one.remedy or ""
                continue
            self._tell(f"measuring what {one.spec.name} is held in ({number} of {len(chosen)})")
            found = self._facts(one)
            if found:
                facts[one.spec.name] = found
                results += [self._cell(promise, test, one) for promise, test in checks]
        rows = [ResultRow.from_json(row) for row in results]
        claims = {promise.id: promise.claim for promise, _ in checks}
        inception = list(contained.judge(self._path, facts, rows, claims))
        for name, (reason, remedy) in self._trouble.items():
            inception += contained.unmeasured(self._path, f"{name}: {reason}", remedy)
        boxes = [
            box_row(
                one.knowing({"contained": facts[one.spec.name]} if one.spec.name in facts else {}),
                self._pool.starts.get(one.spec.name, []),
                self._pool.notes.get(one.spec.name, []),
            ).to_json()
            | {"submission": self._path}
            for one in chosen
        ]
        return {
            "boxes": boxes,
            "guarantees": [guarantee_row(promise).to_json() for promise, _ in checks],
            "results": results,
            "inception": [row.to_json() for row in inception],
        }

    def _facts(self, one: Chosen) -> dict[str, Any]:
        """Empty when it cannot be attached to, for a reason in `_trouble`."""
        own = self._named[one.spec.name]
        others = [other for other in self._named.values() if other is not own]
        try:
            return services.facts_of(self._pool.box(one.spec), own, others)
        except Unavailable as error:
            self._trouble[one.spec.name] = error.reason, error.remedy
        except (IsolationError, OSError) as error:
            self._trouble[one.spec.name] = str(error), f"docker logs {own.name}"
        return {}

    def _cell(self, promise: Guarantee, test: Callable[..., Any], one: Chosen) -> dict[str, Any]:
        row = measure(promise, test, Cell(one.spec), pool=self._pool, controls=self._controls, seed=self._seed,
                      examples=self._asked.examples)  # fmt: skip
        return row | self._judge.outcome(row, promise, one)
