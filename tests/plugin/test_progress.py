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


def test_what_it_came_to_is_told_before_the_next_box(tmp_path: Path) -> None:
    asked = ("--box", "host", "--box", "namespaces", "--isolation-only", "pid.si*", "--isolation-profile", "container")
    done = run(tmp_path / "run", "--isolation", *asked)
    lines = [line.rstrip() for line in done.out.splitlines()]
    legend = next(number for number, line in enumerate(lines) if line.startswith(". holds, v violated"))
    begun = [number for number, line in enumerate(lines) if line.startswith("host V")]
    assert begun[0] > legend
    assert lines[begun[0] + 1].startswith("  VIOLATED pid."), done.out
    assert lines.index("  host: 0 of 3 hold, 3 violated") < next(
        number for number, line in enumerate(lines) if line.startswith("namespaces ...")
    )


def test_host_support_is_tried_where_somebody_sees_it(tmp_path: Path) -> None:
    """It takes seconds: a run of named boxes that are there, without a report, leaves it out; and who does not ask."""
    asked = ("--isolation", "--box", "host", "--isolation-only", "pid.signal-out*")
    done = run(tmp_path / "run", *asked, support=True)  # it writes a report
    assert "looking at what this kernel can do" in done.out
    assert done.report["support"] and done.report["technologies"]
    for how in ({"report": False}, {"support": False}):
        done = run(tmp_path / "again", *asked, **how)
        assert "looking at what this kernel can do" not in done.out
        assert "passed" in done.out
    assert done.report["results"] and not done.report["support"] and not done.report["technologies"]


def test_a_slow_start_is_told_once(tmp_path: Path) -> None:
    need("qemu")
    only = ("--isolation-only", "pid.signal-out*,port.image-config-honoured.workdir")
    done = run(tmp_path / "run", "--isolation", "--box", "qemu", *only)
    assert re.search(r"^qemu \(starts in about \d+ s\) \.\. +\[100%\]$", done.out, re.MULTILINE), done.out


def test_a_quiet_run_has_dots_alone(tmp_path: Path) -> None:
    done = run(tmp_path / "run", "-q", "--isolation", "--box", "host", "--isolation-only", "pid.si*")
    assert re.search(r"^v+ +\[100%\]$", done.out, re.MULTILINE), done.out
