"""The answer that a result begins with: its words, its counts, and that every format says the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_isolation.door import Door
from pytest_isolation.guarantees.severity import Severity
from pytest_isolation.guarantees.verdicts import Control, Outcome, Verdict
from pytest_isolation.report import answer, cells, markdown, terminal
from pytest_isolation.report.run import GivenRow, ResultRow, Run

DATA = Path(__file__).parents[1] / "data"
RUN = Run.from_json(json.loads((DATA / "run.json").read_text()))
DOCKER = next(box for box in RUN.boxes if box.name == "docker")
HELD = next(row for row in RUN.results if cells.sign_of(row) is cells.HOLDS)
MARKS = {
    "holds": HELD,
    "violated": replace(
        next(row for row in RUN.results if cells.sign_of(row) is cells.NOT_PROMISED), known=False, reason=None
    ),
    "VIOLATED": next(row for row in RUN.results if cells.sign_of(row) is cells.VIOLATED),
    "known": replace(
        next(row for row in RUN.results if cells.sign_of(row) is cells.VIOLATED), outcome=Outcome.XFAILED, known=True
    ),
    "INCONCL": next(row for row in RUN.results if cells.sign_of(row) is cells.INCONCLUSIVE),
    "-": next(row for row in RUN.results if cells.sign_of(row) is cells.UNSUPPORTED),
}


def made(signs: Mapping[str, str], given: tuple[GivenRow, ...] | None = None, name: str = "docker") -> Run:
    """A run of one box: `signs`, a severity with a number -> the cell's word."""
    known = RUN.guarantees[0]
    promises = tuple(
        replace(known, id=f"pid.{id}", severity=Severity(id.rstrip("0123456789")), consequence=f"does {id}")
        for id in signs
    )
    rows = tuple(replace(MARKS[sign], box=name, guarantee=f"pid.{id}", door=Door.START) for id, sign in signs.items())
    return replace(RUN, boxes=(replace(DOCKER, name=name, given=given),), guarantees=promises, results=rows, notes=())


KERNEL = (GivenRow(kind="kernel", target="its own"),)
SHARED = (GivenRow(kind="capability", target="CHOWN"),)
W, N = "violated", "holds"


@pytest.mark.parametrize(
    ("signs", "given", "says"),
    [
        ({"host1": W, "host2": W, "neighbour1": W}, None,
         "not for strangers' code: 2 ways to the host, 1 to a neighbour; 0 of 3 guarantees hold"),
        ({"host1": N, "neighbour1": W, "neighbour2": W}, None,
         "not for strangers' code: 2 ways to neighbours; keeps the only promise of its documents; "
         "1 of 3 guarantees hold"),
        ({"host1": N, "neighbour1": N}, None,
         "no way out found in 2 tried; keeps all 2 promises of its documents; 2 of 2 guarantees hold"),
        ({"host1": N, "learns1": N}, SHARED,
         "no way out found in 1 tried, on the host's kernel; keeps all 2 promises of its documents; "
         "2 of 2 guarantees hold"),
        ({"host1": N, "learns1": N}, KERNEL,
         "no way out found in 1 tried, on a kernel of its own; keeps all 2 promises of its documents; "
         "2 of 2 guarantees hold"),
        ({"host1": N, "host2": "INCONCL"}, None,
         "cannot say: 1 of 2 ways out undecided; keeps 1 of 2 promises of its documents; "
         "1 of 2 guarantees hold, 1 undecided"),
        ({"host1": N, "attack-surface1": W}, SHARED,
         "no way out found in 1 tried, on the host's kernel; keeps the only promise of its documents; "
         "opens more of the kernel in 1 way; 1 of 2 guarantees hold"),
        ({"host1": N, "attack-surface1": W}, KERNEL,
         "no way out found in 1 tried, on a kernel of its own; keeps the only promise of its documents; "
         "opens more of its own kernel in 1 way; 1 of 2 guarantees hold"),
        ({"host1": N, "learns1": W, "use1": W, "use2": W, "portability1": W}, None,
         "no way out found in 1 tried; keeps the only promise of its documents; learns 1 thing of the host; "
         "exceeds its share in 2 ways; behaves differently in 1 way; 1 of 5 guarantees hold"),
        ({"use1": N}, None, "no way out was tried; keeps the only promise of its documents; 1 of 1 guarantee holds"),
        ({"host1": "-"}, None, "nothing of this could be asked; 1 cannot be asked"),
        ({"host1": N, "host2": "-"}, None,
         "no way out found in 1 tried; keeps the only promise of its documents; "
         "1 of 1 guarantee holds, 1 cannot be asked"),
        ({"host1": N, "use1": "VIOLATED"}, None,
         "no way out found in 1 tried; breaks 1 of 2 promises of its documents: pid.use1; "
         "exceeds its share in 1 way; 1 of 2 guarantees hold"),
        ({"host1": N, "use1": "known"}, None,
         "no way out found in 1 tried; keeps 1 of 2 promises of its documents; "
         "exceeds its share in 1 way; 1 of 2 guarantees hold"),
        ({"host1": N, "host2": N, "use1": "known"}, None,
         "no way out found in 2 tried; keeps 2 of 3 promises of its documents; "
         "exceeds its share in 1 way; 2 of 3 guarantees hold"),
        ({"use1": "known"}, None,
         "no way out was tried; keeps 0 of 1 promise of its documents; exceeds its share in 1 way; "
         "0 of 1 guarantee holds"),
    ],
)  # fmt: skip
def test_the_verdict(signs: dict[str, str], given: tuple[GivenRow, ...] | None, says: str) -> None:
    run = made(signs, given)
    assert [one.text for one in answer.answers(run)] == [says]


def test_the_first_lines_are_the_answer() -> None:
    text = " ".join(terminal.render(RUN).split("\n\n")[0].split())
    assert text == " ".join(f"{one.box} {one.text}" for one in answer.answers(RUN))


@pytest.mark.parametrize("verbose", [False, True])
def test_every_format_says_the_same(verbose: bool) -> None:
    shown, page = terminal.render(RUN, verbose=verbose), markdown.render(RUN)
    for one in answer.answers(RUN):
        assert f"- **{one.box}**: {one.text}" in page
        assert one.text in " ".join(shown.split())
    for boxes, cause in answer.most_serious(answer.answers(RUN)):
        for words in (f"{', '.join(boxes)}: {cause.head}", *(f"{label}: {text}" for label, text in cause.lines)):
            assert words in page.replace("&lt;", "<")
            assert words in " ".join(shown.split())
    found = answer.counts(cells.matrix(RUN))
    assert "| all | " + " | ".join(found.total) + " |" in page
    assert ["all", *found.total] in [line.split() for line in shown.splitlines()]


def test_what_one_remedy_mends_is_one_cause() -> None:
    run = made({"host1": W, "host2": W, "host3": W})
    (told,) = answer.answers(run)
    (cause,) = told.causes
    assert cause.head == "does host1, does host2 (reaches the host: pid.host1, pid.host2 and 1 more)"
    assert [label for label, _ in cause.lines] == ["usual cause", "do"]


def test_the_worst_comes_first_and_what_only_differs_not_at_all() -> None:
    run = made({"portability1": W, "learns1": W, "host1": W, "neighbour1": W})
    apart = tuple(replace(row, falsified_by=(f"unknown-{n}",)) for n, row in enumerate(run.guarantees))
    (told,) = answer.answers(replace(run, guarantees=apart))
    assert [cause.severity for cause in told.causes] == ["host", "neighbour", "learns", "portability"]
    assert [cause.broken[0].id for _, cause in answer.most_serious([told])] == ["pid.host1", "pid.neighbour1"]
    assert all(cause.lines == () for cause in told.causes), "nothing is known of them, and nothing is made up"
    assert answer.answer(made({"portability1": W}), DOCKER).shown(2) == ()
    assert len(answer.answer(made({"portability1": "VIOLATED"}), DOCKER).shown(2)) == 1


def test_what_opens_a_kernel_of_its_own_is_no_serious_cause() -> None:
    for given, number in ((SHARED, 1), (KERNEL, 0)):
        (told,) = answer.answers(made({"host1": N, "attack-surface1": W}, given))
        assert len(told.shown(2)) == number


def test_boxes_that_have_one_cause_are_told_together() -> None:
    one, other = made({"host1": W}), made({"host1": W}, name="second")
    run = replace(one, boxes=(*one.boxes, *other.boxes), results=(*one.results, *other.results))
    ((boxes, _),) = answer.most_serious(answer.answers(run))
    assert boxes == ["docker", "second"]


def test_of_many_boxes_the_verdict_alone() -> None:
    single = made({"host1": W, "learns1": W})
    names = [f"box{number}" for number in range(answer.MANY + 1)]
    run = replace(
        single,
        boxes=tuple(replace(DOCKER, name=name) for name in names),
        results=tuple(replace(row, box=name) for name in names for row in single.results),
    )
    first = terminal.render(run).split("\n\n")[0].splitlines()
    assert [line.split(None, 1)[1] for line in first] == ["not for strangers' code: 1 way to the host"] * len(names)


def test_a_report_without_severities_is_counted_as_before() -> None:
    old = replace(RUN, guarantees=tuple(replace(row, severity=None, consequence="") for row in RUN.guarantees))
    told = {one.box: one.text for one in answer.answers(old)}
    assert told["docker"].startswith(
        "2 violated; breaks 1 of 9 promises of its documents: net.vsock-not-namespaced; 7 of 10 guarantees hold"
    )


def test_whose_requirement_is_broken_or_kept() -> None:
    """A claim of the technology's documents is a promise; what a profile asks for is a requirement."""
    run = made({"host1": N, "host2": "VIOLATED", "use1": W})
    asked = replace(
        run, results=tuple(replace(row, required_by=row.required_by and "profile:sandbox") for row in run.results)
    )
    assert "; breaks 1 of 2 promises of its documents: pid.host2; " in answer.answers(run)[0].text
    assert "; breaks 1 of 2 requirements: pid.host2; " in answer.answers(asked)[0].text
    assert "; keeps " not in answer.answers(made({"host1": W}))[0].text, "nobody promised anything"


def test_each_way_out_is_named() -> None:
    """A reader who is told of three ways to the host finds three."""
    run = made({"host1": W, "host2": W, "host3": W, "neighbour1": W, "use1": W})
    apart = replace(run, guarantees=tuple(replace(row, falsified_by=(row.id,)) for row in run.guarantees))
    ((boxes, words),) = answer.further_ways_out(answer.answers(apart))
    assert (boxes, words) == (
        ["docker"],
        "reaches the host: does host3 (pid.host3); reaches a neighbour: does neighbour1 (pid.neighbour1)",
    )
    for page in (terminal.render(apart, width=120), markdown.render(apart)):
        assert f"docker, further: {words}" in page
    assert answer.further_ways_out(answer.answers(made({"host1": W, "use1": W}))) == []


def test_counts_leave_out_what_cannot_be_asked() -> None:
    run = made({"host1": N, "host2": W, "host3": "-"})
    found = answer.counts(cells.matrix(run))
    assert found.lines == (("pid", ("1/2",)),)
    assert found.total == ("1/2",)
    alone = answer.counts(cells.matrix(made({"host1": "-"})))
    assert alone.lines == (("pid", ("-",)),)


def test_a_guarantee_holds_where_both_doors_do() -> None:
    run = made({"host1": N})
    entered = replace(
        run.results[0], door=Door.EXEC, verdict=Verdict.VIOLATED, required_by=None, outcome=Outcome.XFAILED
    )
    both = replace(run, results=(*run.results, entered))
    assert answer.counts(cells.matrix(both)).total == ("0/1",)
    (told,) = answer.answers(both)
    assert told.text == "not for strangers' code: 1 way to the host; 0 of 1 guarantee holds"


def test_only_what_deviates_is_shown() -> None:
    run = made({"host1": N, "host2": W, "host3": "-"})
    shown = terminal.render(run)
    assert "\n  host2 " in shown and "\n  host1 " not in shown and "\n  host3 " not in shown
    assert "pytest -v says more: 2 guarantees that hold or cannot be asked" in " ".join(shown.split())
    assert "\n  host1 " in terminal.render(run, verbose=True) and "\n  host3 " in terminal.render(run, verbose=True)
    fine = made({"host1": N})
    assert "\nguarantee " not in terminal.render(fine)


def test_an_unproven_row_is_on_request() -> None:
    row: ResultRow = replace(HELD, control=Control.NONE, control_box=None, reason="no box can")
    run = replace(RUN, results=(row,))
    assert "no box can" not in terminal.render(run)
    assert "which hold unproven" in terminal.render(run)
    assert "no box can" in terminal.render(run, verbose=True)


def test_a_family_is_one_way_out() -> None:
    run = made({"host1": W, "host2": W, "host3": W})
    family = replace(run, guarantees=tuple(replace(row, family="pid.*", consequence="does") for row in run.guarantees))
    (told,) = answer.answers(family)
    assert told.text == "not for strangers' code: 1 way to the host; 0 of 3 guarantees hold"
    assert told.causes[0].head == "does (reaches the host: pid.host1 and 2 more)"
