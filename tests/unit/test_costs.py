"""What boxes cost: the figures in every format, the option, and how room on disk is counted."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_isolation.errors import UsageError
from pytest_isolation.report import costs, renderer, summary, terminal
from pytest_isolation.report.further import Cost, Growth
from pytest_isolation.report.run import Run
from pytest_isolation.suite.costs import host
from tests.unit.test_options import resolved
from tests.unit.test_report import RUN, VALIDATOR

FIGURES = {
    "start_ms": Cost(median=3.1, n=7, low=2.9, high=4.0),
    "memory_mib": Cost(median=0.5, n=7, low=0.5, high=0.5),
    "processes": Cost(median=2, n=7, low=2, high=2, note="agent, shim"),
    "call_us": Cost(median=0.3, n=9, low=0.24, high=0.9, bare=0.12),
}


def costed() -> Run:
    """The golden run with two boxes whose costs are known, the second a thousand times slower."""
    first, second, *others = RUN.boxes
    slow = {key: replace(one, median=one.median * 1000, low=2900.0, high=4000.0) for key, one in FIGURES.items()}
    growth = (Growth(boxes=1, start_ms=3.0, memory_mib=0.5), Growth(boxes=5, start_ms=3.5, memory_mib=None))
    lacking = {"disk_image_mib": "it has <no> image", "disk_layer_mib": "it has <no> image"}
    return replace(
        RUN,
        boxes=(
            replace(first, costs=FIGURES, lacking=lacking, growth=growth),
            replace(second, costs=slow, lacking=lacking),
            *others,
        ),
    )


def test_the_report_has_them_and_is_valid() -> None:
    document = costed().to_json()
    VALIDATOR.validate(document)
    assert Run.from_json(json.loads(json.dumps(document))) == costed()
    assert document["boxes"][0]["costs"]["call_us"] == {"median": 0.3, "n": 9, "low": 0.24, "high": 0.9, "bare": 0.12}
    assert "lacking" not in document["boxes"][2], "only where costs were measured"


@pytest.mark.parametrize("format", ["md", "html"])
def test_a_table_in_each_format(format: str) -> None:
    text = renderer(format)(costed())
    for said in ("What a box costs", "start to first call, ms", "3.1 (2.9-4)", "0.3 x2", "5 boxes: start, ms"):
        assert said in text, said
    assert "<no>" not in text and "&lt;no" in text
    assert "What a box costs" not in renderer(format)(RUN)


def test_the_terminal_says_the_same() -> None:
    text = terminal.render(costed(), width=100)
    first, second = (box.name for box in RUN.boxes[:2])
    assert "what a box costs" in text and "3.1 (2.9-4)" in text and "0.3 x2" in text
    assert f"{first}, {second}: no disk: image; disk: writable layer: it has <no> image" in " ".join(text.split())
    assert f"{first}: processes on the host: agent, shim" in text
    assert "what a box costs" not in terminal.render(RUN, width=100)
    assert "memory" not in summary.box_line(costed().boxes[0]), "the line of a box says its start alone"


def test_a_chart_has_a_line_a_box_and_its_range() -> None:
    start, *_ = costs.charts(costed())
    assert [dot.name for dot in start.dots] == [box.name for box in RUN.boxes[:2]]
    assert all(costs.LABELS <= dot.low <= dot.at <= dot.high <= costs.WIDTH for dot in start.dots)
    assert start.dots[0].at < start.dots[1].at
    assert costs.charts(RUN) == ()
    assert renderer("html")(costed()).count("<svg") == len(costs.charts(costed()))


@pytest.mark.parametrize("odd", [-1.0, 1e-320, 1e308])
def test_a_figure_that_has_no_place_on_the_axis_is_in_no_chart(odd: float) -> None:
    """A report that somebody hands us may have one: its page ended in a traceback."""
    run = costed()
    before = costs.charts(run)[0]
    key = next(key for key in costs.CHARTED if costs.KEYS[key] == before.title)
    box = next(box for box in run.boxes if box.name == before.dots[0].name)
    cost = box.costs[key]
    for figure in (replace(cost, median=odd), replace(cost, low=odd), replace(cost, high=odd)):
        strange = replace(box, name="odd", costs={**box.costs, key: figure})
        after = costs.charts(replace(run, boxes=(*run.boxes, strange, replace(box, name="twin"))))[0]
        assert [dot.name for dot in after.dots] == [*(dot.name for dot in before.dots), "twin"]


def test_least_is_set_against_least() -> None:
    """Whatever else the machine does adds to a time and takes nothing away."""
    assert costs.times(Cost(median=900.0, n=9, low=0.24, high=1000.0, bare=0.12)) == pytest.approx(2)


def test_the_option(tmp_path: Path) -> None:
    assert resolved(tmp_path, "--isolation").costs is None
    assert resolved(tmp_path, "--isolation", "--isolation-costs").costs == 10
    assert resolved(tmp_path, "--isolation", "--isolation-costs", "--isolation-costs-boxes", "50").costs == 50
    for words in (("--isolation-costs",), ("--isolation", "--isolation-costs-boxes", "5")):
        with pytest.raises(UsageError, match="without --isolation"):
            resolved(tmp_path, *words)
    for number in ("0", "101", "some"):
        with pytest.raises(UsageError, match="from 1 to 100, for example 50"):
            resolved(tmp_path, "--isolation", "--isolation-costs", "--isolation-costs-boxes", number)


def test_room_on_disk_counts_a_file_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(os.urandom(1 << 20))
    once = host.room(tmp_path)
    os.link(tmp_path / "a", tmp_path / "b")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert once <= host.room(tmp_path) < once + (1 << 16)
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    assert host.room(tmp_path) < 2 << 20, "a hole takes no room"
    assert host.room(tmp_path / "none") == 0
