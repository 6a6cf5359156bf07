"""Which files of the whole machine a box can read: those of a table break a promise, the others are told of."""

from __future__ import annotations

import pytest

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.guarantees.property import run_property
from pytest_isolation.guarantees.result import PropertyResult
from pytest_isolation.outside.machine import files
from pytest_isolation.technologies.pool import Pool
from tests.support import built_in_checks, need

CHECKS = {promise.id: (promise, test) for promise, test in built_in_checks()}
SHORT, TODAY = "proc.masked-unreadable", "proc.machine-wide-unreadable"


def measured(pool: Pool, id: str, spec: BoxSpec) -> PropertyResult:
    promise, test = CHECKS[id]
    return run_property(promise, test, pool.box(spec), examples=2, seed=1)


def test_what_is_not_in_the_table_is_told_of(pool: Pool) -> None:
    ran = measured(pool, TODAY, need("namespaces"))
    assert ran.violation is None, ran.violation
    told = " ".join(ran.notes.remarks)
    for path in ("/proc/vmallocinfo", "/proc/slabinfo", "/proc/diskstats", "/proc/kallsyms", "/sys/kernel/vmcoreinfo"):
        assert path in told


def test_the_short_list_is_kept_where_interrupts_are_read(pool: Pool) -> None:
    """runc 1.1.5 lists no /proc/interrupts."""
    spec = need("runc")
    box = pool.box(spec)
    if not files.telling(box.proc, ["/proc/interrupts"]):
        pytest.skip("this runc masks it")
    assert measured(pool, SHORT, spec).violation is None
    broken = measured(pool, TODAY, spec).violation
    assert broken is not None
    assert "/proc/interrupts" in str(broken.observed)


def test_files_that_act_are_not_opened(pool: Pool) -> None:
    found = files.others(pool.box(BoxSpec(technology="host")).outside.proc)
    assert {"/proc/diskstats", "/proc/slabinfo"} <= set(found)
    assert not [path for path in found if "/debug/" in path or path in ("/proc/kmsg", "/proc/sysrq-trigger")]


def test_each_table_has_its_reasons() -> None:
    assert all(files.TODAY.values())
    assert all(files.SKIPPED.values())
    assert set(files.EVERYWHERE) < set(files.TODAY)
