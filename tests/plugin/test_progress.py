"""What is printed while a run measures: a line for each box."""

from __future__ import annotations

import re
from pathlib import Path

from tests.runs import run
from tests.support import need


def test_a_line_for_each_box(tmp_path: Path) -> None:
    asked = ("--box", "host", "--box", "namespaces:door=both", "--isolation-pairs", "--isolation-only", "pid.si*")
    done = run(tmp_path / "run", "--isolation", *asked)
    lines = re.findall(r"^(\S+) ([.v]+) +\[ *(\d+)%\]$", done.out, re.MULTILINE)
    assert [line[0] for line in lines] == ["host", "namespaces", "namespaces@exec", "pairs"], done.out
    assert [len(line[1]) for line in lines] == [3, 3, 3, 2]
    assert lines[-1][2] == "100"


def test_a_slow_start_is_told_once(tmp_path: Path) -> None:
    need("qemu")
    only = ("--isolation-only", "pid.signal-out*,port.image-config-honoured.workdir")
    done = run(tmp_path / "run", "--isolation", "--box", "qemu", *only)
    assert re.search(r"^qemu \(starts in about \d+ s\) \.\. +\[100%\]$", done.out, re.MULTILINE), done.out


def test_a_quiet_run_has_dots_alone(tmp_path: Path) -> None:
    done = run(tmp_path / "run", "-q", "--isolation", "--box", "host", "--isolation-only", "pid.si*")
    assert re.search(r"^v+ +\[100%\]$", done.out, re.MULTILINE), done.out
