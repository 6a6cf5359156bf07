"""A short list is tried whole however few examples are asked for: a hole for one way in eight is no matter of luck."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.guarantees.property import run_property
from pytest_isolation.technologies.pool import Pool
from tests.support import need

promise = guarantee(
    "test.short-lists",
    claim="no way is the eighth",
    sources=("man:getpid(2)",),
    severity=severity.host("signals processes of the host"),
    falsified_by=weaken.share("pid"),
)


@pytest.fixture
def box(own_pool: Pool) -> Box:
    return own_pool.box(need("host"))


@given(way=st.sampled_from(range(8)), data=st.binary())
def one_way(box: Box, way: int, data: bytes) -> None:
    promise.require(way != 7, box.proc.getpid())


@given(way=st.sampled_from(range(8)))
def no_way(box: Box, way: int) -> None:
    promise.require(way != 8, box.proc.getpid())


def test_the_one_way_is_found(box: Box) -> None:
    for seed in range(8):
        ran = run_property(promise, one_way, box, examples=1, seed=seed)
        assert ran.violation is not None
        assert ran.arguments["way"] == "7"


def test_a_list_alone_is_exhausted(box: Box) -> None:
    ran = run_property(promise, no_way, box, examples=3, seed=1)
    assert (ran.examples, ran.exhausted, ran.violation) == (8, True, None)
