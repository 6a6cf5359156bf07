"""What our commands print where nobody reads it, where there is no room, and where there is no standard output."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.test_report import DOCUMENT

SHELL = f"{sys.executable} -m pytest_isolation.cli"


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A directory with a.json, and b.json, which is weaker by one row."""
    weaker = json.loads(json.dumps(DOCUMENT))
    next(row for row in weaker["results"] if row["verdict"] == "holds")["verdict"] = "violated"
    for name, document in (("a", DOCUMENT), ("b", weaker)):
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    return tmp_path


def ran(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    words = ["bash", "-c", line.replace("OURS", SHELL)]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)


COMMANDS = (
    "diff a.json b.json",
    "merge a.json b.json",
    "redact a.json",
    "report a.json html:-",
    "expect a.json -o known.toml --why x --expires never",
)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", COMMANDS)
def test_no_room(reports: Path, command: str) -> None:
    """It was a traceback, or status 120 with "Exception ignored"."""
    done = ran(reports, f"OURS {command} >/dev/full")
    name = command.split()[0]
    assert done.returncode == 2
    assert done.stderr == (
        f"pytest-isolation {name}: the standard output cannot be written: No space left on device; make room for it\n"
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_reader_that_has_enough(reports: Path, command: str) -> None:
    """The exit status is what the command found, and not when its reader went away."""
    alone = ran(reports, f"OURS {command} >out")
    (reports / "known.toml").unlink(missing_ok=True)
    done = ran(reports, f"OURS {command} | true; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stderr) == (alone.returncode, "")
    assert alone.returncode == 1 or not command.startswith("diff"), "it is weaker"


@pytest.mark.parametrize("command", COMMANDS)
def test_it_is_closed(reports: Path, command: str) -> None:
    alone = ran(reports, f"OURS {command} >out")
    (reports / "known.toml").unlink(missing_ok=True)
    done = ran(reports, f"OURS {command} >&-")
    assert (done.returncode, done.stderr) == (alone.returncode, "")
