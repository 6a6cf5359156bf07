"""The fixtures for users' own tests: boxes of any technology, ended with the test or the session."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NoReturn

import pytest

from pytest_isolation.boxes import fields
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import Lacking, UsageError
from pytest_isolation.options import resolve
from pytest_isolation.options.boxes import changed, parse
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies import names, technology
from pytest_isolation.technologies.pool import Pool


class Boxes:
    """`boxes("docker", memory=64 << 20)` starts a box; all end with the session, or with their `with`."""

    def __init__(self, pool: Pool, require: tuple[str, ...] = ()) -> None:
        """`require`: boxes and technologies whose absence fails a test (--isolation-require)."""
        self._pool, self._require = pool, require
        self._started: list[Box] = []

    def __call__(self, asked: str | BoxSpec, **changes: Any) -> Box:
        """A new box.  `asked`: a spec, or its text as for --box; `changes`: what the box is to have besides.

        Skips the test, with reason and remedy, where the technology cannot run or has nothing of what was asked;
        raises UsageError for a spec that is none.
        """
        __tracebackhide__ = True
        try:
            spec = _spec(asked, changes)
            with self._skipping(spec):
                technology(spec.technology).check_available(spec)
        except UsageError as error:
            raise UsageError(str(error)) from None  # here: the line of the test is all that pytest is to show
        with self._skipping(spec):
            box = self._pool.launch(spec)
        self._started.append(box)
        return box

    @contextmanager
    def _skipping(self, spec: BoxSpec) -> Iterator[None]:
        try:
            yield
        except Lacking as error:
            self.lacks(spec, str(error))

    def lacks(self, spec: BoxSpec, why: str) -> NoReturn:
        """Skip the test that could not have this box; fail it where the box is required."""
        if self.required(spec):
            pytest.fail(f"--isolation-require: {spec.name} is not available: {why}", pytrace=False)
        pytest.skip(why)

    def required(self, spec: BoxSpec) -> bool:
        """Whether its absence fails a test."""
        return bool({spec.name, spec.technology} & set(self._require))

    def close(self) -> None:
        """End every box that was started here."""
        with ExitStack() as undo:
            for box in self._started:
                undo.callback(box.close)
            self._started.clear()


def _spec(asked: object, changes: Mapping[str, Any]) -> BoxSpec:
    """Raises UsageError."""
    where = f"isolation_boxes({asked!r})"
    if isinstance(asked, str):
        return changed(parse(asked, where=where), changes, where)
    if isinstance(asked, BoxSpec):
        said = {key: getattr(asked, key) for key in fields.KNOWN}
        return changed(asked, {**said, **changes}, f"isolation_boxes({asked.id!r})")
    raise UsageError(f'{where}: expected a text as for --box, or a BoxSpec: isolation_boxes("docker", network="none")')


def boxes(config: pytest.Config) -> Generator[Boxes]:
    """For the tests of one session; ended after it."""
    lifetime = Lifetime()
    pool = Pool(lifetime)
    made = Boxes(pool, resolve(config).require)
    try:
        yield made
    finally:
        made.close()
        lifetime.close()


def box_parameters(config: pytest.Config) -> list[BoxSpec]:
    """What `isolation_box` runs over: the boxes a run with --isolation would measure."""
    return list(resolve(config).boxes) or [BoxSpec(technology=name) for name in names()]


def box(request: pytest.FixtureRequest) -> Generator[Box]:
    """One box for one test, of request.param."""
    factory: Boxes = request.getfixturevalue("isolation_boxes")
    with factory(request.param) as made:
        yield made


def first_of(request: pytest.FixtureRequest, wanted: tuple[str, ...]) -> Generator[Box]:
    """A box of the first technology of `wanted` that runs here; of the --box given, if one of them was."""
    factory: Boxes = request.getfixturevalue("isolation_boxes")
    specs = [spec for spec in resolve(request.config).boxes if spec.technology in wanted] or [
        BoxSpec(technology=name) for name in wanted if name in names()
    ]
    reasons = []
    for spec in specs:
        try:
            technology(spec.technology).check_available(spec)
        except Lacking as error:
            why = str(error)
        else:
            with factory(spec) as made:
                yield made
            return
        if factory.required(spec):
            factory.lacks(spec, why)  # another one in its place would hide that
        reasons.append(f"{spec.name}: {why}")
    pytest.skip("; ".join(reasons))
