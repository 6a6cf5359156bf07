"""Results are kept as they come: whole after each row, and an older report is there until a newer one is."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_isolation.report.run import Run
from pytest_isolation.report.write import replace_file
from pytest_isolation.suite.kept import UNENDED, Partial, write_reports
from tests.unit.test_report import RUN, VALIDATOR

NONE = replace(RUN, results=())


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for 256 KiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting is for root")
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "small", place], check=True)
    yield place
    subprocess.run(["umount", place], check=True)


def _fill(place: Path) -> Path:
    filler = place / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return filler


def _read(path: Path) -> Run:
    document = json.loads(path.read_text())
    VALIDATOR.validate(document)
    return Run.from_json(document)


def test_whole_after_each_row(tmp_path: Path) -> None:
    partial = Partial([("md", tmp_path / "r.md"), ("json", tmp_path / "r.json")])
    partial.begin(NONE)
    assert partial.path == tmp_path / "r.json.partial"
    for number, row in enumerate(RUN.results, 1):
        partial.add(row)
        found = _read(partial.path)
        assert found.results == RUN.results[:number]
        assert UNENDED in found.notes
    assert not (tmp_path / "r.json").exists()
    partial.begin(RUN)
    assert _read(partial.path).results == RUN.results
    partial.remove()
    assert list(tmp_path.iterdir()) == []


def test_without_a_report_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    partial = Partial([])
    partial.begin(NONE)
    partial.add(RUN.results[0])
    partial.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_costs_no_row_before(small: Path) -> None:
    partial = Partial([("json", small / "r.json")])
    partial.begin(NONE)
    partial.add(RUN.results[0])
    filler = _fill(small)
    for _ in range(40):
        partial.add(RUN.results[1])
    assert partial.path is not None
    kept = _read(partial.path).results
    assert kept[0] == RUN.results[0]
    assert len(kept) < 41
    filler.unlink()
    partial.add(RUN.results[2])
    assert _read(partial.path).results == (*kept, RUN.results[2])


def test_an_older_report_outlives_a_full_disk(small: Path, tmp_path: Path) -> None:
    """Whole, where the newer one has no room; and the report of another format is written."""
    old = small / "r.json"
    old.write_text("the older report")
    _fill(small)
    (line,) = write_reports(RUN, [("json", old), ("md", tmp_path / "r.md")])
    assert f"the json report was not written: {old}: No space left on device" in line
    assert old.read_text() == "the older report"
    assert (tmp_path / "r.md").read_text()
    assert [path.name for path in small.iterdir() if path.name not in ("r.json", "filler")] == []


def test_what_a_report_replaces(tmp_path: Path) -> None:
    """Its mode stays, a link stays a link, and what is not text of any encoding is escaped."""
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    replace_file(link, '{"odd": "\udcff"}')
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert json.loads(real.read_text()) == {"odd": "\udcff"}
    replace_file(Path("/dev/null"), "x")
    assert Path("/dev/null").is_char_device()
