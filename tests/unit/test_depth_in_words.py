"""On how many layers it rests, in words: every format has the same, and a report of it is read again as it was."""

from __future__ import annotations

import json
from dataclasses import replace

from pytest_isolation.report import depth, renderer, terminal
from pytest_isolation.report.further import BoxDepth, DepthRow
from pytest_isolation.report.run import Run
from tests.unit.test_report import RUN, VALIDATOR

BOX = BoxDepth(
    box="docker",
    opened=("drop-seccomp", "grant-bpf", "share-pid"),
    defences={"drop-seccomp": "system-call-filter", "grant-bpf": "without-cap-bpf", "share-pid": "pid-namespace"},
    refused={"share-mnt": "it does not start"},
    together={"2": 3},
    seconds=12.3,
    guarantees=(
        DepthRow(guarantee="pid.signal-out-refused", asked=3, breakers=(("share-pid",),)),
        DepthRow(guarantee="sec.bpf-refused", asked=3, breakers=(("drop-seccomp", "grant-bpf"),)),
        DepthRow(guarantee="net.firm", asked=3),
        DepthRow(guarantee="cg.unasked", asked=0),
    ),
)
FOUND = replace(RUN, depth=(BOX,))


def test_the_layers_are_counted() -> None:
    (told,) = depth.told(FOUND)
    assert told.head == (
        "4 hold: 1 rests on one layer, 1 on two, 1 on more than was opened here, of 1 no box with a hole told anything"
    )
    assert [fall.line() for fall in told.falls] == [
        "without pid-namespace 1 falls: pid.signal-out-refused",
        "without system-call-filter and with CAP_BPF 1 falls: sec.bpf-refused",
    ]
    assert told.firm == ("net.firm",)
    assert told.notes == (
        "3 holes were opened one by one; 3 boxes in pairs; 12 s",
        "not opened: share-mnt: it does not start",
    )


def test_a_search_that_was_cut_short_says_so() -> None:
    (told,) = depth.told(replace(RUN, depth=(replace(BOX, cut_short=True),)))
    assert "the time was over before all were opened: more may fall" in told.notes


def test_every_format_has_it() -> None:
    for text in (terminal.render(FOUND, width=500), renderer("md")(FOUND), renderer("html")(FOUND)):
        for said in ("On how many layers it rests".lower(), "pid-namespace", "with cap_bpf", "share-mnt"):
            assert said in text.lower(), said


def test_a_run_without_it_says_nothing() -> None:
    assert "depth" not in RUN.to_json()
    assert "layers" not in terminal.render(RUN) + renderer("md")(RUN)


def test_it_comes_back_from_json() -> None:
    said = json.loads(json.dumps(FOUND.to_json()))
    VALIDATOR.validate(said)
    assert Run.from_json(said).depth == (BOX,)


def test_a_line_names_the_first_and_counts_the_others() -> None:
    many = DepthRow(guarantee="x", asked=1, breakers=(("share-pid",),))
    rows = tuple(replace(many, guarantee=f"pid.a-{number}") for number in range(6))
    (told,) = depth.told(replace(RUN, depth=(replace(BOX, guarantees=rows),)))
    assert told.falls[0].line(4) == "without pid-namespace 6 fall: pid.a-0, pid.a-1, pid.a-2, pid.a-3 and 2 more"
