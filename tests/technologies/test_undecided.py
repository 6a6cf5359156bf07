"""An example whose preparation is refused, or whose call aims at nothing, proves nothing."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.guarantees.property import run_property
from pytest_isolation.guarantees.result import PropertyResult
from pytest_isolation.options.config import RunConfig
from pytest_isolation.suite.boxes import BoxCandidate
from pytest_isolation.suite.cell import measure
from pytest_isolation.suite.controls import Controls
from pytest_isolation.suite.judge import Judge
from pytest_isolation.suite.plan import Cell
from pytest_isolation.technologies.pool import Pool

promise = guarantee(
    "mnt.some",
    claim="a claim",
    sources=("a source",),
    severity=severity.host("signals processes of the host"),
    falsified_by=weaken.share("mnt"),
)
NOWHERE = "/proc/no-such-place/x"


def ran(pool: Pool, test: Callable[..., Any], examples: int = 10) -> PropertyResult:
    return run_property(promise, test, pool.box(BoxSpec(technology="host")), examples=examples, seed=1)


@promise
@given(number=st.integers(0, 9))
def refused_preparation(box: Box, number: int) -> None:
    promise.held("refused")
    promise.prepared(box.proc.mkdirat(AT_FDCWD, NOWHERE), "a directory of our own")
    promise.require(True)


@promise
@given(number=st.integers(0, 9))
def vain_act(box: Box, number: int) -> None:
    reply = box.proc.mount("tmpfs", NOWHERE, "tmpfs")
    promise.tried(reply)
    promise.require(True, reply)


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        (
            refused_preparation,
            "the box does not let us have a directory of our own (mkdirat: No such file or directory)",
        ),
        (vain_act, "the call does not come as far as the question (mount: No such file or directory)"),
    ],
)
def test_nothing_was_asked(pool: Pool, test: Callable[..., Any], reason: str) -> None:
    made = ran(pool, test)
    assert (made.examples, made.decided) == (10, 0)
    assert made.unsupported is not None
    assert made.unsupported.reason == f"no example came to the question: {reason}"
    assert not made.exhausted
    assert not made.notes.how, "what it noted before is forgotten"


def test_a_row_says_how_many_were_decided(pool: Pool, tmp_path: Any) -> None:
    @promise
    @given(number=st.integers(0, 9))
    def some(box: Box, number: int) -> None:
        reply = box.proc.faccessat(AT_FDCWD, "/" if number < 3 else NOWHERE, 0)
        promise.require(True, reply)
        promise.tried(reply)

    cell = Cell(BoxSpec(technology="host"))
    judge = Judge(RunConfig())
    row = measure(
        promise,
        some,
        cell,
        pool=pool,
        controls=Controls(pool, tmp_path, 1),
        seed=1,
        judged=lambda key, verdict, control: judge.judged(key, verdict, control, promise, BoxCandidate(cell.spec)),
    )
    assert (row.examples, row.decided) == (10, 3)
    assert row.undecided == "the call does not come as far as the question (faccessat: No such file or directory)"
    assert row.coverage == "sampled", "seven inputs said nothing"


def test_one_call_of_several_is_enough(pool: Pool) -> None:
    @promise
    @given(number=st.integers(0, 9))
    def several(box: Box, number: int) -> None:
        told = [box.proc.faccessat(AT_FDCWD, path, 0) for path in (NOWHERE, "/")]
        promise.tried(*told)
        promise.require(True, *told)

    made = ran(pool, several)
    assert made.decided == 10


def test_the_witness_comes_first(pool: Pool) -> None:
    """Whatever the call answered: seen is seen."""

    @promise
    @given(number=st.integers(0, 9))
    def seen(box: Box, number: int) -> None:
        promise.tried(box.proc.faccessat(AT_FDCWD, NOWHERE, 0))
        promise.require(number < 5)

    assert ran(pool, seen).violation is not None


def test_when_the_time_to_shrink_is_over_nothing_more_is_drawn(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some inputs take longer to draw than their example: shrinking would go on by drawing what is then not tried."""
    monkeypatch.setattr("pytest_isolation.guarantees.property.SHRINK_S", 0.0)
    drawn: list[bytes] = []

    def seen(data: bytes) -> bytes:
        drawn.append(data)
        return data

    @given(data=st.lists(st.binary(min_size=3, max_size=8), min_size=4).map(b"".join).map(seen))
    def long(box: Box, data: bytes) -> None:
        promise.require(len(data) < 30, box.proc.getpid())

    made = ran(pool, long, 100)
    assert made.violation is not None
    assert made.trouble is None
    assert literal_eval(made.arguments["data"]) == drawn[-1]
    assert len(drawn) <= made.examples + 2


@promise
@given(number=st.integers(0, 9))
def never_asked(box: Box, number: int) -> None:
    ASKED.append(number)
    raise Unsupported("the box has nothing of the kind")


ASKED: list[int] = []


def test_what_a_box_lacks_is_found_out_once(pool: Pool) -> None:
    """A box may be started for each example: another input would lack the same thing."""
    ASKED.clear()
    found = ran(pool, never_asked)
    assert str(found.unsupported) == "the box has nothing of the kind"
    assert (len(ASKED), found.examples) == (1, 1)
