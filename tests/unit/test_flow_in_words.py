"""What flows, in words: every format has the same, and a report of it is read again as it was."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest

from pytest_isolation.report import flow, renderer, terminal
from pytest_isolation.report.further import BoxFlow, FlowControl, FlowFinding, FlowKnown
from pytest_isolation.report.run import Run
from pytest_isolation.suite.flow.several import merged
from tests.unit.test_report import RUN, VALIDATOR

FINDING = FlowFinding(
    kind="count",
    resource="sockets",
    sender="for (int i = 0; i < 2; i++) socket(AF_INET, SOCK_STREAM, 0);",
    acts=("tcp",),
    receiver='read(open("/proc/self/net/sockstat", O_RDONLY), buf, 512)',
    receiver_name="/proc/self/net/sockstat",
    value="line 'TCP', word 9",
    alone="constant",
    before="1",
    after="3",
    chance=1e-14,
    hits=64,
    blocks=64,
    bits_per_second=2063.4,
    error_rate=0.0,
    seconds=1.5,
    known="sockets",
    source="KIT",
)
NEW = replace(FINDING, receiver_name="/proc/new", known=None, source=None, bits_per_second=None, error_rate=None)
ROW = BoxFlow(
    box="docker",
    direction="box to sibling",
    seconds=12.0,
    senders=10,
    receivers=900,
    pairs=9000,
    pairs_per_second=1234.5,
    acts=("tcp",),
    findings=(FINDING, NEW),
    not_seen_again=1,
    controls=(
        FlowControl(name="a shared file", holes=("drop-private-root",), found=False, seconds=9.0, pairs=5),
        FlowControl(name="one", holes=("share-user",), found=True, seconds=1.0, pairs=5, receiver="uname(&buf)"),
        FlowControl(name="two", holes=("x",), found=False, seconds=0.0, pairs=0, reason="it does not start"),
    ),
    known=(FlowKnown(what="sockets", source="KIT", asked=True, found=True),
           FlowKnown(what="locks", source="KIT", asked=True, found=False),
           FlowKnown(what="disks", source="KIT", asked=False, found=False)),
)  # fmt: skip
FOUND = replace(RUN, flow=(ROW,))


def test_what_no_document_tells_of_is_first() -> None:
    (told,) = flow.told(FOUND)
    assert told.title == "docker, box to sibling"
    assert told.head == (
        "2 flows, of 1 of them no document that we know of tells; 9000 pairs of 10 senders and 900 receivers, "
        "1234 a second"
    )
    assert [one.receiver_name for one in told.findings] == ["/proc/new", "/proc/self/net/sockstat"]


def test_rows_of_several_processes_are_one() -> None:
    """Pairs and rates are summed, a flow that both found is told once, by its shortest program."""
    other = replace(
        ROW, senders=5, pairs=4500, pairs_per_second=1000.0, findings=(replace(FINDING, sender="x;"),), controls=(),
        known=(replace(ROW.known[1], found=True),), reason="a box ended",
    )  # fmt: skip
    one = merged([ROW, other])
    assert (one.processes, one.senders, one.pairs, one.pairs_per_second) == (2, 15, 13500, 2234.5)
    assert [found.sender for found in one.findings] == ["x;", NEW.sender]
    assert [known.found for known in one.known] == [True, True, False]
    assert one.controls == ROW.controls and one.reason == "a box ended"
    (told,) = flow.told(replace(RUN, flow=(replace(one, door="exec"),)))
    assert told.title == "docker@exec, box to sibling" and told.head.endswith("2234 a second by 2 processes")


def test_what_is_missing_is_said() -> None:
    (told,) = flow.told(FOUND)
    assert told.notes == (
        "1 differences were not seen again in fresh boxes, and are not told",
        "documented as shared by all boxes of a kernel: 1 of 2 found; not seen in this time: locks",
    )
    assert told.controls == (
        "a shared file (drop-private-root): NOT FOUND in 9.0 s",
        "one (share-user): found in 1.0 s by uname(&buf)",
        "two (x): not opened: it does not start",
    )
    (cut,) = flow.told(replace(RUN, flow=(replace(ROW, cut_short=True, unproven=2),)))
    assert cut.notes[0] == "interrupted: more may flow"
    assert "2 differences were not asked again, and are not told" in cut.notes


def test_a_box_that_could_not_be_searched_says_why() -> None:
    (told,) = flow.told(replace(RUN, flow=(replace(ROW, pairs=0, findings=(), known=(), reason="it is gone"),)))
    assert told.head == "nothing was searched: it is gone"


def test_every_format_has_it() -> None:
    said = terminal.render(FOUND, width=200, verbose=True)
    assert "64 of 64 told right in fresh boxes, p 1e-14; 2063 bit/s" in said
    assert "control: a shared file (drop-private-root): NOT FOUND" in said
    for name in ("md", "html"):
        page = renderer(name)(FOUND)
        assert "/proc/self/net/sockstat" in page and "NOT FOUND" in page and "p 1e-14" in page
    assert "what flows" not in terminal.render(RUN)


def test_a_report_is_read_again() -> None:
    data = json.loads(json.dumps(FOUND.to_json()))
    VALIDATOR.validate(data)
    assert Run.from_json(data).flow == (ROW,)
    assert "flow" not in RUN.to_json()


@pytest.mark.parametrize("row", [BoxFlow, FlowFinding, FlowControl, FlowKnown])
def test_the_page_names_each_field_of_the_json(row: type) -> None:
    page = (
        (Path(__file__).parents[2] / "docs" / "flow.md").read_text(encoding="utf-8").partition("In the JSON report")[2]
    )
    assert [one.name for one in fields(row) if f"`{one.name}`" not in page] == []
