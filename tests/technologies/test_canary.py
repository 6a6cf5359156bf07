"""The canary serves many examples: with no signal of an earlier one, and never while its number is somebody else's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pytest_isolation import Box, weaken
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.technologies.pool import Pool
from tests.support import need

SIGUSR1, SIGUSR2, SIGKILL = 10, 12, 9


@pytest.fixture
def box(own_pool: Pool) -> Iterator[Box]:
    """With the two holes by which a process in it can choose the number of the next one."""
    spec = need("namespaces")
    if os.geteuid() != 0:
        pytest.skip("/proc/sys/kernel/ns_last_pid is written by root")
    with own_pool.launch(
        replace(spec, weakenings=frozenset({weaken.grant("SYS_ADMIN"), weaken.drop("masks")}))
    ) as made:
        yield made


def test_it_has_forgotten_what_an_earlier_example_did(box: Box) -> None:
    with box.outside.canary() as first:
        box.outside.kill(first.pid, SIGUSR1)
        box.outside.kill(first.pid, SIGUSR2)
    with box.outside.canary() as second:
        assert second is first
        assert second.signals_seen() == {}


def test_one_that_was_killed_is_replaced(box: Box) -> None:
    with box.outside.canary() as first:
        box.outside.kill(first.pid, SIGKILL)
    with box.outside.canary() as second:
        assert second.pid != first.pid
        assert second.alive


def test_one_whose_number_became_somebody_elses_is_replaced(box: Box) -> None:
    with box.outside.canary() as first:
        number = first.pid
        last = box.proc.openat(AT_FDCWD, "/proc/sys/kernel/ns_last_pid", os.O_WRONLY)
        assert box.proc.write(last.value, str(number - 1).encode()).ok
    with box.spawn() as stranger:
        assert stranger.pid == number
        with box.outside.canary() as second:
            assert second.pid != number
