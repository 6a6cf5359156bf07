"""What fork(2) and execve(2) hand on of a caller: each is found by itself, and is no other's."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_isolation import Violation, weaken
from pytest_isolation.boxes import attributes
from pytest_isolation.boxes.attributes import ALL, ATTRIBUTES, BY_SLUG, Attribute
from pytest_isolation.boxes.local import start_local
from pytest_isolation.errors import Undecided, Unsupported
from pytest_isolation.outside.start.handed_on import HANDED_ON, PARTS, Habits
from pytest_isolation.technologies.pool import Pool
from tests.support import built_in_checks, need

CHECKS = {promise.id: (promise, test) for promise, test in built_in_checks()}
HABITS: Habits = (
    ("ignored-signals", ALL), ("blocked-signals", ALL), ("umask", 0o077), ("fixed-addresses", 0x40000),
    ("timer-slack", 70_000), ("huge-pages", 1),
)  # fmt: skip


def asked(one: Attribute, technology: str, pool: Pool, *holes: weaken.Weakening, habits: Habits = HABITS) -> None:
    """One example of its check."""
    promise, test = CHECKS[f"port.callers-{one.slug}-not-inherited"]
    box = pool.box(need(technology).weakened(*holes))
    test.hypothesis.inner_test(box, promise=promise, entry=one, callers=habits)


def test_habits_are_of_all() -> None:
    assert [slug for slug, _ in HABITS] == [one.slug for one in ATTRIBUTES]


@pytest.mark.parametrize("one", ATTRIBUTES, ids=lambda one: one.slug)
def test_each_is_handed_on_where_nobody_sets_it_back(one: Attribute, pool: Pool) -> None:
    with pytest.raises(Violation) as told:
        asked(one, "host", pool)
    assert told.value.observed["found"] == told.value.observed["callers"] == one.words(dict(HABITS)[one.slug])
    asked(one, "namespaces", pool)
    with pytest.raises(Violation):
        asked(one, "namespaces", pool, weaken.drop(f"usual-{one.slug}"))
    for other in ATTRIBUTES:
        if other is not one:
            asked(other, "namespaces", pool, weaken.drop(f"usual-{one.slug}"))


@pytest.mark.parametrize("one", ATTRIBUTES, ids=lambda one: one.slug)
def test_each_comes_alone(one: Attribute, pool: Pool) -> None:
    """A part that is started by itself brings nothing of the others'."""
    host = pool.box(need("host"))
    with PARTS[one.slug].start(host, HABITS) as box:
        for other in ATTRIBUTES:
            expected = dict(HABITS)[other.slug] if other is one else other.look(host.proc)
            assert other.look(box.proc) == expected, other.slug


def test_what_all_have_decides_nothing(pool: Pool) -> None:
    usual = BY_SLUG["umask"].look(pool.box(need("host")).proc)
    same: Habits = tuple((slug, usual if slug == "umask" else value) for slug, value in HABITS)
    with pytest.raises(Undecided):
        asked(BY_SLUG["umask"], "host", pool, habits=same)


def test_what_a_process_cannot_have_is_no_caller() -> None:
    """Nobody ignores SIGKILL: what was asked for and did not come is told, and nothing is measured by it."""
    local = start_local()
    try:
        with pytest.raises(Unsupported, match="asked for SIGKILL, has none"):
            attributes.put(local.proc, [("blocked-signals", attributes.mask_of([signal.SIGKILL]))])
        attributes.put(local.proc, HABITS)
        attributes.put_usual(local.proc)
        assert {one.slug: one.look(local.proc) for one in ATTRIBUTES} == {one.slug: one.usual for one in ATTRIBUTES}
    finally:
        local.close()


def test_a_kernel_of_ones_own_tells_what_it_has(pool: Pool) -> None:
    """gVisor's has no timer slack: that is no answer, and the others are asked still."""
    box = pool.box(need("gvisor"))
    assert HANDED_ON.answer(PARTS["umask"], box, HABITS) == BY_SLUG["umask"].look(box.proc)
    with pytest.raises(Unsupported, match="is not told"):
        BY_SLUG["timer-slack"].look(box.proc)


def test_a_launcher_gets_a_terminal_from_the_first_process_of_a_pid_namespace(tmp_path: Path) -> None:
    """As pytest in a container is: its process group is nobody's there, and each process that it made led one."""
    id = "dev.callers-terminal-not-kept"
    pytest_alone = [sys.executable, "-m", "pytest", "-q", "--isolation", "--box", "namespaces", "--isolation-only", id]
    report = tmp_path / "report.json"
    need("namespaces")
    subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", *pytest_alone, "--isolation-report", f"json:{report}"],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    (row,) = json.loads(report.read_text())["results"]
    assert row["verdict"] == "holds", row["reason"]
