"""A capability is tried on something of the box's own: the refusal of that is not the capability's."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from pytest_isolation import Box
from pytest_isolation.errors import Undecided, Unsupported
from pytest_isolation.options.boxes import parse
from pytest_isolation.outside.confined.capable import REFUSALS, TABLE
from pytest_isolation.technologies.pool import Pool
from tests.support import built_in_checks, need

NEEDED = {
    "memfd_create": ("SYS_RAWIO", "LINUX_IMMUTABLE", "CHOWN", "DAC_OVERRIDE", "SETFCAP"),
    "shmget": ("IPC_OWNER",),
    "socket": ("NET_BIND_SERVICE",),
}
"""A call that only makes ready -> the capabilities that are tried after it."""


@pytest.fixture(scope="module")
def box(pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Box:
    """Docker's, whose filter refuses just those calls"""
    need("docker")
    filtered = tmp_path_factory.mktemp("filter") / "profile.json"
    refused = [{"names": [*NEEDED], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]
    filtered.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": refused}))
    return pool.box(parse(f"docker:security_opt=seccomp={filtered}"))


@pytest.mark.parametrize("name", [one for names in NEEDED.values() for one in names])
def test_what_only_makes_ready_decides_nothing(box: Box, name: str) -> None:
    capability = next(one for one in TABLE if one.name == name)
    with box.spawn() as proc, pytest.raises(Undecided, match=r"the box does not let us have .* \(.*not permitted\)"):
        capability.act(proc, 7)


def test_who_starts_it_in_haste_does_not_give_the_capability(own_pool: Pool) -> None:
    """Nice values are inherited, and a process may go down to what it had: nobody granted it anything."""
    if os.geteuid() != 0:
        pytest.skip("a nice value below 0 is for root")
    before = os.getpriority(os.PRIO_PROCESS, 0)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -15)
        spec = need("bubblewrap")
        box = own_pool.box(spec)
        os.setpriority(os.PRIO_PROCESS, 0, before)
        capability = next(one for one in TABLE if one.name == "SYS_NICE")
        with box.spawn() as proc:
            assert not capability.had(capability.act(proc, 1))
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)


def test_the_act_itself_is_what_is_judged(box: Box) -> None:
    capability = next(one for one in TABLE if one.name == "SYS_BOOT")
    with box.spawn() as proc:
        assert capability.act(proc, 7).errno in REFUSALS


def test_a_kernel_that_asks_for_more_is_found_by_trying(pool: Pool) -> None:
    """Debian's counts events for CAP_SYS_ADMIN alone: the control of `cap.perfmon-denied` was silent on its kernels."""
    host = pool.box(need("host")).outside.proc
    if os.geteuid() != 0:
        pytest.skip("a process with one capability is made by root")
    capability = next(one for one in TABLE if one.name == "PERFMON")
    assert capability.serves(host) or "perf_event_paranoid" in capability.refused_by
    asks_more = replace(capability, act=lambda proc, _: proc.acct("/pytest-isolation-nothing"))  # CAP_SYS_PACCT's
    assert not asks_more.serves(host)


def test_what_a_kernel_refuses_to_the_capability_is_no_promise_of_the_box(pool: Pool) -> None:
    promise, test = next((one, check) for one, check in built_in_checks() if one.id == "cap.perfmon-denied")
    box = pool.box(need("namespaces"))
    capability = next(one for one in TABLE if one.name == "PERFMON")
    asks_more = replace(capability, act=lambda proc, _: proc.acct("/pytest-isolation-nothing"))
    with pytest.raises(Unsupported, match="the kernel refuses it, CAP_PERFMON or not"):
        test.hypothesis.inner_test(box, promise=promise, entry=asks_more, number=1, deep=False)
