"""`pytest-isolation limits` says that a limit bites where it was reached, and that a box ended where it has."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_isolation.boxes.cgroups import Group
from pytest_isolation.boxes.host import LOCAL_HOST, LocalHost
from pytest_isolation.errors import AgentLost
from pytest_isolation.outside.limits import exercised
from pytest_isolation.suite.limits import bites


def box(pid: int | None, group: Group | None = None, kernel_pid: int | None = None) -> Any:
    return SimpleNamespace(
        parts=SimpleNamespace(init_pid=pid, kernel_pid=kernel_pid, host=LOCAL_HOST, group=group, deadly_limits=""),
        spec=SimpleNamespace(memory=None, pids=None),
    )


@pytest.mark.parametrize(
    ("charged", "throttled", "said"),
    [(0.6, 0, ""), (0.8, 7, "yes: 0.4 processors were had"), (1.8, 7, "no: 0.9 processors were had")],
)
@pytest.mark.parametrize("version", ["cpu", "unified"])
def test_a_quota_that_nobody_reached_is_not_said_to_bite(
    version: str, charged: float, throttled: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = tmp_path / "cpu.stat"
    stat.write_text("nr_periods 3\nnr_throttled 1\nthrottled_time 5\n", encoding="utf-8")

    def burnt(*_: object) -> tuple[float, float, float]:
        stat.write_text(f"nr_periods 20\nnr_throttled {1 + throttled}\nthrottled_time 9\n", encoding="utf-8")
        return charged, 1.1, 2.0

    monkeypatch.setattr(bites, "burn_against", burnt)
    assert bites.bites(box(1, Group("g", {version: tmp_path})), "cpu-quota", "50000 of 100000") == said


class Elsewhere(LocalHost):
    """A machine whose files are below a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, *parts: str | os.PathLike[str]) -> Path:
        return self.root.joinpath(*(os.fspath(one).lstrip("/") for one in parts))


def test_a_quota_is_given_out_by_the_processors_of_the_boxs_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """red: by those of this one, where a daemon is elsewhere."""
    assert exercised.processors_of(LOCAL_HOST) == os.cpu_count()
    there = box(1)
    there.parts.host = Elsewhere(tmp_path)
    (tmp_path / "proc").mkdir()
    stat = "cpu  9 9\n" + "".join(f"cpu{number} 1 1\n" for number in range(500)) + "intr 3\n"
    (tmp_path / "proc/stat").write_text(stat, encoding="utf-8")
    monkeypatch.setattr(exercised, "burn", lambda *_: (1.0, 1.0))
    _, allowed, _ = exercised.burn_against(there, 0.5, 2)
    assert allowed == pytest.approx(0.5 * 1.1 + 500 * 0.01)


def test_a_box_that_is_silent_has_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object) -> str:
        raise AgentLost("the box stopped answering: no answer within 20 s")

    monkeypatch.setattr(bites, "TRIED", {"memory": silent})
    monkeypatch.setattr(bites, "ENDING_S", 0.05)
    with subprocess.Popen(["sleep", "60"]) as sleeping:
        for pid in (sleeping.pid, None):
            with pytest.raises(AgentLost):
                bites.bites(box(pid), "memory", "33554432")
        sleeping.kill()
        monkeypatch.setattr(bites, "ENDING_S", 5.0)
        # It is a zombie until it is waited for, and then nothing.
        for one in (box(sleeping.pid), box(None, kernel_pid=sleeping.pid)):
            assert bites.bites(one, "memory", "33554432") == "yes: the first process was ended"
    assert bites.bites(box(sleeping.pid), "memory", "33554432") == "yes: the first process was ended"
