"""Every option of an engine's command is in the table of what it changes, and each that changes no row says why."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import sensitivity

ROOT = Path(__file__).parents[2]
MOST = 0.05
"""Of the options that change what a box may do: how many may change no row without a reason."""


@pytest.mark.parametrize("engine", sensitivity.TABLES)
def test_each_option_of_the_command_is_in_the_table(engine: str) -> None:
    """A release hides options from its help that the daemon does not know, so that the table may have more."""
    if shutil.which(sensitivity.program(engine)) is None:
        pytest.skip(f"{engine} is not installed: its own help says what options there are")
    if not (there := sensitivity.helped(engine)):
        pytest.skip(f"{engine}'s manual page is not installed: it says what options there are")
    assert len(there) > 20
    new = there - set(sensitivity.options(engine))
    assert not new, f"say in tests/data/sensitivity/{engine}.toml what {sorted(new)} change, and measure them"


@pytest.mark.parametrize("engine", sensitivity.ENGINES)
def test_an_option_that_changes_no_row_says_why(engine: str) -> None:
    gaps = sensitivity.gaps(engine)
    unexplained = [name for name, why in gaps.items() if not why]
    tried = [one for one in sensitivity.options(engine).values() if one.changes == "box"]
    assert len(unexplained) <= MOST * len(tried), f"no row changes with {unexplained}"


@pytest.mark.parametrize("engine", sensitivity.ENGINES)
def test_an_option_that_changes_a_row_has_no_excuse(engine: str) -> None:
    silent = sensitivity.gaps(engine)
    excused = [one.name for one in sensitivity.options(engine).values() if one.gap and one.name not in silent]
    assert excused == []


@pytest.mark.parametrize("engine", sensitivity.ENGINES)
def test_an_option_that_changes_nothing_changes_no_row(engine: str) -> None:
    """Those that have words in the table: a label, a name, --rm."""
    assert {name: rows for name, rows in sensitivity.noticed(engine).items() if rows} == {}


def test_the_page_is_current() -> None:
    done = subprocess.run([sys.executable, "dev/sensitivity", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_row_that_is_another_in_the_same_box_says_nothing_of_an_option() -> None:
    base = {"": {"a.a": "holds", "b.b": "holds"}, "again": {"a.a": "violated", "b.b": "holds"}}
    kept = {"version": "1", "plain": {**base, "--x": {"a.a": "violated", "b.b": "violated"}}}
    trial = sensitivity.Measured(kept).trial("plain", "--x")
    assert trial is not None
    assert trial.changed == {"b.b": ("holds", "violated")}


def test_a_box_of_which_nothing_is_known_has_no_row_that_stayed() -> None:
    kept = {"version": "1", "plain": {"": {"a.a": "holds"}, "again": {"a.a": "holds"}, "--x": {}}}
    assert sensitivity.Measured(kept).trial("plain", "--x") is None


def test_what_was_measured_is_read_as_it_was_written(tmp_path: Path) -> None:
    kept = {
        "version": "1",
        "hardened": {"": {"a.a": "holds", "b.b": "holds"}, "--x": {"a.a": "violated"}, "--y": {"refused": "no"}},
        "plain": {"": {"a.a": "holds"}, "again": {"a.a": "holds"}},
    }
    sensitivity.save(tmp_path / "one.json", kept)
    assert sensitivity.load(tmp_path / "one.json") == kept
    assert sensitivity.load(tmp_path / "none.json") == {}
