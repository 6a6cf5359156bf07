"""Each kind of namespace that who enters is kept out of is seen, with real boxes."""

from __future__ import annotations

import errno
import os
import struct

import pytest

from pytest_isolation.agent.client import Agent, Program
from pytest_isolation.agent.numbers import number
from pytest_isolation.guarantees.property import PROVING, run_property
from pytest_isolation.technologies.attach import filters
from pytest_isolation.technologies.namespaces.clone import CLONE
from pytest_isolation.technologies.pool import Pool
from tests.support import built_in_checks, need

CHECKS = {promise.id: (promise, test) for promise, test in built_in_checks() if promise.domain == "exec"}


@pytest.mark.parametrize("kind", [kind for kind in CLONE if kind != "user"])
def test_one_kind_left_out_is_seen(pool: Pool, kind: str) -> None:
    with pool.leased(need("namespaces"), fresh=True) as (box, _):
        box.parts.enter.__self__.plan.enters_namespaces.remove(kind)  # type: ignore[union-attr]
        ran = run_property(*CHECKS["exec.same-namespaces"], box, examples=10, seed=1, phases=PROVING)
        assert ran.violation is not None, ran
        assert kind in ran.violation.observed
        pool.discard(box.spec)


def test_a_box_without_a_door_says_so(pool: Pool) -> None:
    with pool.leased(need("chroot")) as (box, _):
        ran = run_property(*CHECKS["exec.same-caps"], box, examples=10, seed=1, phases=PROVING)
    assert "no way into a running box" in str(ran.unsupported)


LOAD_NUMBER, IF_EQUAL, RETURN = 0x20, 0x15, filters.BPF_RET_K
"""Of seccomp(2)'s programs: bpf(4)."""


def _refuses(call: str) -> filters.Filter:
    """A filter that answers EPERM to one call, and lets the others through."""
    code = (
        (LOAD_NUMBER, 0, 0, 0),
        (IF_EQUAL, 0, 1, number(call, os.uname().machine)),
        (RETURN, 0, 0, 0x0005_0000 | errno.EPERM),
        (RETURN, 0, 0, 0x7FFF_0000),
    )
    return filters.Filter(b"".join(struct.pack("<HBBI", *one) for one in code), 0)


@pytest.mark.parametrize(("inside", "seen"), [("kcmp", False), ("unshare", True)])
def test_another_filter_of_the_same_number_is_seen(pool: Pool, inside: str, seen: bool) -> None:
    with pool.leased(need("namespaces"), fresh=True) as (box, _):
        enter = box.parts.enter
        assert enter is not None

        def under(call: str, agent: Agent) -> Agent:
            program = Program()
            filters.lay_on(program, _refuses(call))
            assert agent.proc.run(program)[0].ok
            return agent

        under("kcmp", box.parts.agent)
        box.parts.enter = lambda: under(inside, enter())
        ran = run_property(*CHECKS["exec.same-filter"], box, examples=4, seed=1, phases=PROVING)
        assert ran.trouble is None, ran.trouble
        assert (ran.violation is not None) is seen
        if ran.violation is not None:
            assert ran.violation.observed == {
                "kcmp(2)": "EPERM of the first process, let through of who entered",
                "unshare(2)": "let through of the first process, EPERM of who entered",
            }
        pool.discard(box.spec)
