"""A program that is not run after all leaves no process: who adopts it in somebody's container may wait for nobody."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pytest_isolation.agent.client import Proc
from pytest_isolation.boxes.programs import run_program
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies.pool import Pool
from tests.support import need


@pytest.fixture
def box(own_pool: Pool) -> Box:
    return own_pool.box(need("namespaces"))


class Refused(Exception):
    pass


def test_what_was_to_become_the_program_is_waited_for(box: Box) -> None:
    pids: list[int] = []

    def execute(child: Proc, argv: tuple[str, ...], env: Mapping[str, str], fds: list[int]) -> None:
        pids.append(child.pid)
        raise Refused

    with pytest.raises(Refused):
        run_program(box, ("program",), b"", {}, 5.0, execute=execute)
    assert box.proc.kill(pids[0], 0).errno == 3, "ESRCH: it is no zombie"
