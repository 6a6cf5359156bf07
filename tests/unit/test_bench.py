"""The form of the bench's results, and what the comparison says of two of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread, get_native_id

import pytest

from bench import compare
from bench.__main__ import targets
from bench.runs import same_memory, together
from bench.series import Series, read, write


def rates(side: str, *values: float, metric: str = "calls") -> Series:
    return Series(metric, "1/s", list(values), {"side": side})


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    series = [rates("agent in docker", 1.0, 2.0), Series("suite", "s", [3.0], {"box": "docker"})]
    write(tmp_path / "a.json", series)
    assert read(tmp_path / "a.json") == series
    (tmp_path / "b.json").write_text("{}")
    with pytest.raises(ValueError, match=r"b\.json: expected a result of `python -m bench`"):
        read(tmp_path / "b.json")


def test_targets_are_ratios_of_medians() -> None:
    series = [
        rates("agent in docker", 1.0, 2000.0, 9999.0),
        rates("docker exec by SDK", 10.0),
        Series("suite", "s", [61.0], {"box": "docker"}),
    ]
    assert targets(series) == [
        "reached: calls: agent in docker / docker exec by SDK = 200.00, wanted 200",
        "MISSED:  suite docker: 61.0 s, wanted 60 at most",
    ]


def test_two_results_are_told_apart_by_rank(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("scipy", reason="of the bench group, which the tests do not install")
    before = [rates("a", *range(100, 110)), rates("b", *range(100, 110)), rates("c", 1, 2), rates("gone", 1)]
    after = [rates("a", *range(200, 210)), rates("b", *range(101, 111)), rates("c", 3, 4), rates("new", 1)]
    write(tmp_path / "before", before)
    write(tmp_path / "after", after)
    monkeypatch.setattr(sys, "argv", ["compare", str(tmp_path / "before"), str(tmp_path / "after")])
    assert compare.main() == 0
    _, a, b, c, *only = capsys.readouterr().out.splitlines()
    assert "1.96x  differs" in a
    assert "no difference seen" in b
    assert "too few values to tell" in c
    assert sorted(line.split(":")[0] for line in only) == ["only in after", "only in before"]


def test_the_share_of_another_commit_is_told_with_how_often_it_was_measured() -> None:
    of = {"box": "docker", "against": "501c5ca"}
    series = [Series("suite.ratio", "x", [0.4, 0.2, 0.3], of), Series("suite.memory.ratio", "x", [1.3, 1.5, 1.4], of)]
    assert targets(series) == [
        "reached: suite of docker: 0.30 of 501c5ca (n = 3), wanted 0.33",
        "MISSED:  memory of suite of docker: 1.40 of 501c5ca, wanted 1.2 at most",
    ]
    assert targets([Series("suite.ratio", "x", [0.4], {"box": "docker", "against": "HEAD"})]) == []


def test_the_memory_of_a_run_is_that_of_all_its_processes() -> None:
    child = "import os, sys; held = os.urandom(64 << 20); print(flush=True); sys.stdin.read()"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdin is not None
        process.stdout.readline()
        assert 64 < together(process.pid) < 256
        process.stdin.close()


def test_tasks_with_one_address_space_are_told_from_a_process_and_its_child() -> None:
    """A child between vfork(2) and execve(2) doubled what a run seemed to have."""
    numbers: list[int] = []
    told, may_end = Event(), Event()

    def wait() -> None:
        numbers.append(get_native_id())
        told.set()
        may_end.wait(60)

    thread = Thread(target=wait)
    thread.start()
    assert told.wait(60)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert not same_memory(child.pid, os.getpid())
        child.kill()
    assert same_memory(numbers[0], os.getpid())
    may_end.set()
    thread.join(60)
