"""Reports of many hosts as one: the majority, who deviates, and what is no report."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation.cli import main
from pytest_isolation.report import fleet
from pytest_isolation.report.write import replace_file
from tests.unit.test_report import DOCUMENT


def report(place: Path, name: str, *, flipped: tuple[int, ...] = (), left: tuple[int, ...] = (), **host: Any) -> Path:
    """The golden run as of a host: rows of these numbers say the opposite, or are not there."""
    document = json.loads(json.dumps(DOCUMENT))
    document["run"]["exit"] = host.pop("exit", 0)
    document["host"] |= host
    for number in flipped:
        row = document["results"][number]
        row["verdict"] = "violated" if row["verdict"] == "holds" else "holds"
    document["results"] = [row for number, row in enumerate(document["results"]) if number not in left]
    path = place / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def merged(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str]:
    status = main(["merge", *map(str, argv)])
    shown = capsys.readouterr()
    return status, shown.out + shown.err


def test_who_deviates_from_the_majority(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b", "c"):
        report(tmp_path / "in", name)
    report(tmp_path / "in", "far/d", flipped=(0,), kernel="9.9")
    report(tmp_path / "in", "e", left=(1,))
    status, said = merged(capsys, tmp_path / "in", "-o", tmp_path / "fleet.json")
    first, second = DOCUMENT["results"][:2]
    assert status == 0, "to deviate is no failure"
    assert (
        said.splitlines()[-1] == f"5 hosts, {len(DOCUMENT['results'])} rows: 2 deviate, 0 failed, 0 unreadable: passed"
    )
    assert "far/d:\n  kernel 9.9; most have " in said
    assert f"{first['guarantee']}: " in said and f"e:\n  {second['box']}" in said
    found = json.loads((tmp_path / "fleet.json").read_text())
    hosts = {row["host"]: row for row in found["by_host"]}
    assert set(hosts) == {"a", "b", "c", "far/d", "e"} and found["schema"] == fleet.FLEET
    assert hosts["a"]["deviates"] == [] and hosts["a"]["differs"] == {}
    (one,) = hosts["far/d"]["deviates"]
    assert (one["guarantee"], one["majority"]) == (first["guarantee"], first["verdict"])
    (one,) = hosts["e"]["deviates"]
    assert one["verdict"] == "not measured"
    row = next(row for row in found["rows"] if row["guarantee"] == second["guarantee"] and row["box"] == second["box"])
    assert row["hosts"] == {"not measured": 1, second["verdict"]: 4}
    assert merged(capsys, tmp_path / "in", "--strict")[0] == 1


def test_a_row_that_a_later_host_is_the_first_to_have(tmp_path: Path) -> None:
    last = len(DOCUMENT["results"]) - 1
    report(tmp_path, "a", left=(last,))
    report(tmp_path, "b")
    found = fleet.read([str(tmp_path)])
    rows = {host.name: rows for host, rows, _ in found.deviations()}
    assert [one.verdict for one in rows["a"]] == ["not measured"] and rows["b"] == [], "a verdict is more than none"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "Expecting property name"),
        ("[]", "it holds a list"),
        ('{"schema": "other/1"}', "expected 'pytest-isolation/report/1'"),
        ('{"schema": "pytest-isolation/report/1"}', "it has no 'results'"),
        ("\0\0", "Expecting value"),
        ("[" * 100_000, "recursion"),
        (json.dumps(DOCUMENT).replace('"holds"', '"fine"'), "a verdict is 'fine'; expected holds"),
    ],
    ids=["cut short", "a list", "another schema", "without results", "zeros", "deep", "a strange verdict"],
)
def test_what_is_no_report_is_named_and_red(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, why: str
) -> None:
    good, bad = report(tmp_path, "good"), tmp_path / "bad.json"
    bad.write_text(text)
    status, said = merged(capsys, good, bad, tmp_path / "none.json", "-o", tmp_path / "out" / ".." / "fleet.txt")
    assert status == 2 and "there is no directory" in said, "told before anything is read"
    status, said = merged(capsys, good, bad, tmp_path / "none.json")
    assert status == 1
    assert f"UNREADABLE {bad}: " in said and why in said
    assert f"UNREADABLE {tmp_path / 'none.json'}: No such file" in said
    assert "1 host, " in said.splitlines()[-1] and said.rstrip().endswith("FAILED"), "the others are merged"


def test_a_host_whose_run_failed_is_red(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report(tmp_path, "good")
    bad = report(tmp_path, "bad", exit=1)
    status, said = merged(capsys, tmp_path)
    assert status == 1 and f"FAILED bad: its run ended with 1 ({bad})" in said


def test_nothing_to_merge_is_red(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = merged(capsys, tmp_path)
    assert status == 1
    assert said.splitlines()[-1] == "0 hosts, 0 rows: 0 deviate, 0 failed, 1 unreadable: FAILED"
    assert f"UNREADABLE {tmp_path}: no file below it is called *.json" in said
    assert "to do: name files that `pytest --isolation --isolation-report json:FILE` wrote" in said


def test_what_is_no_plain_file_is_written_to_and_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file was put in its place: as root, `-o /dev/null` took the device away."""
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("")
    link.symlink_to(real)
    assert merged(capsys, report(tmp_path, "good"), "-o", link)[0] == 0
    assert link.is_symlink() and json.loads(real.read_text())["schema"] == fleet.FLEET
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True) as reader:
        assert merged(capsys, tmp_path / "good.json", "-o", pipe)[0] == 0
        assert json.loads(reader.communicate(timeout=60)[0])["schema"] == fleet.FLEET
    assert pipe.is_fifo()


def test_a_directory_that_has_none_is_red_beside_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It was passed over: the hosts whose reports should lie there were not missed."""
    (tmp_path / "empty").mkdir()
    status, said = merged(capsys, report(tmp_path, "good"), tmp_path / "empty")
    assert status == 1 and f"UNREADABLE {tmp_path / 'empty'}: no file below it" in said and "1 host, " in said


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can become a user who may not read")
def test_a_directory_that_cannot_be_listed_is_red() -> None:
    with tempfile.TemporaryDirectory() as name:
        top, shut = Path(name), Path(name, "shut")
        top.chmod(0o755)
        report(top, "good")
        shut.mkdir(mode=0o700)
        code = "import os, sys; from pytest_isolation.report import fleet; os.setuid(65534); "
        code += "found = fleet.read(sys.argv[1:]); print(len(found.hosts), found.unreadable)"
        done = subprocess.run([sys.executable, "-c", code, name], capture_output=True, text=True, check=True)
    assert done.stdout == f"1 [({str(shut)!r}, 'Permission denied')]\n"


def busy(path: Path, target: Path) -> None:
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))


@pytest.mark.parametrize("beside", [True, False], ids=["in its place", "written over"])
def test_what_is_written_is_not_held(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, beside: bool
) -> None:
    """The whole of it was put together first: of ten thousand hosts that all deviate it is hundreds of MiB."""
    good, out = report(tmp_path, "good"), tmp_path / "fleet.json"
    if not beside:  # as of a file that is a mount of its own
        out.write_text("the older one")
        monkeypatch.setattr(Path, "replace", busy)
    monkeypatch.setattr(fleet, "written", lambda _: (f"{number:d}".rjust(1 << 20, "x") for number in range(32)))
    tracemalloc.start()
    try:
        assert merged(capsys, good, "-o", out)[0] == 0
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert out.stat().st_size == 32 << 20 and out.read_bytes().endswith(b"x31")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fleet.json", "good.json"]
    assert most < 8 << 20, f"{most >> 20} MiB at once"


def test_a_piece_that_cannot_be_made_leaves_the_older_one(tmp_path: Path) -> None:
    out = tmp_path / "fleet.json"
    out.write_text("the older one")
    with pytest.raises(ZeroDivisionError):
        replace_file(out, (str(1 // number) for number in (1, 0)))
    assert [path.read_text() for path in tmp_path.iterdir()] == ["the older one"]


def test_hosts_that_say_the_same_take_a_few_bytes_each(tmp_path: Path) -> None:
    """What is kept of a host does not grow with its evidence."""
    path = report(tmp_path, "one")
    size = path.stat().st_size
    document = json.loads(path.read_text())
    found = fleet.Fleet()
    found.add("first", "first.json", document)
    tracemalloc.start()
    try:
        for number in range(1000):
            found.add(f"host-{number}", "host.json", document)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used / 1000 < min(2000, size / 20), f"{used / 1000:.0f} bytes a host"
