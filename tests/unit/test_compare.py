"""Two reports compared: every kind of change, what else differs, and the exit status."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_isolation import cli
from pytest_isolation.door import Door
from pytest_isolation.guarantees.verdicts import Outcome, Verdict
from pytest_isolation.report import compare, sarif
from pytest_isolation.report.further import Cost
from pytest_isolation.report.run import ResultRow, Run
from tests.unit.test_formats import VALIDATOR

RUN = Run.from_json(json.loads((Path(__file__).parents[1] / "data" / "run.json").read_text()))
HELD = next(row for row in RUN.results if row.box == "docker" and row.verdict is Verdict.HOLDS)
BROKEN = next(row for row in RUN.results if row.box == "docker" and row.verdict is Verdict.VIOLATED and row.evidence)
OUTCOMES = {
    Verdict.HOLDS: Outcome.PASSED,
    Verdict.VIOLATED: Outcome.XFAILED,
    Verdict.INCONCLUSIVE: Outcome.FAILED,
    Verdict.UNSUPPORTED: Outcome.SKIPPED,
}


def of(
    verdict: Verdict | None, id: str = BROKEN.guarantee, box: str = "docker", door: str = "start"
) -> list[ResultRow]:
    if verdict is None:
        return []
    return [replace(BROKEN, verdict=verdict, outcome=OUTCOMES[verdict], guarantee=id, box=box, door=door, known=False)]


def made(*rows: list[ResultRow]) -> Run:
    return replace(RUN, results=tuple(row for held in rows for row in held))


KINDS = [
    (Verdict.HOLDS, Verdict.VIOLATED, "weaker", "holds -> violated"),
    (Verdict.VIOLATED, Verdict.HOLDS, "stronger", "violated -> holds"),
    (None, Verdict.VIOLATED, "new", "not measured -> violated"),
    (Verdict.UNSUPPORTED, Verdict.HOLDS, "new", "unsupported -> holds"),
    (Verdict.HOLDS, None, "gone", "holds -> not measured"),
    (Verdict.VIOLATED, Verdict.INCONCLUSIVE, "gone", "violated -> inconclusive"),
]


@pytest.mark.parametrize(("old", "new", "kind", "words"), KINDS, ids=lambda one: str(one))
def test_each_kind_of_change(old: Verdict | None, new: Verdict | None, kind: str, words: str) -> None:
    other = of(Verdict.HOLDS, HELD.guarantee)  # the box is in both
    found = compare.compare(made(of(old), other), made(of(new), other))
    assert [(one.kind, f"{one.before} -> {one.after}") for one in found.changes] == [(kind, words)]
    assert found.same == 1 and not found.unpaired
    lost = kind == "gone" and old is Verdict.HOLDS
    head = ("WEAKER" if kind == "weaker" else "NOT KNOWN" if lost else "not weaker") + ": "
    counts = ", ".join(f"{int(one == kind)} {one}" for one in compare.CLASSES)
    assert found.headline == f"{head}{counts}; 1 the same"
    for said in (compare.text(found), compare.markdown(found)):
        assert found.headline in said
        assert BROKEN.guarantee in said and compare.CLASSES[kind] in said


def test_a_run_is_the_same_as_itself() -> None:
    found = compare.compare(RUN, RUN)
    assert not (found.changes or found.differs or found.unpaired) and found.same
    assert compare.text(found).startswith("not weaker: 0 weaker, 0 stronger, 0 new, 0 gone; ")


def test_what_is_weaker_has_its_proof_and_its_remedy() -> None:
    said = compare.text(compare.compare(made(of(Verdict.HOLDS)), made(of(Verdict.VIOLATED))))
    assert "reaches the host's AF_VSOCK (net.vsock-not-namespaced): holds -> violated" in " ".join(said.split())
    assert f"proof: {BROKEN.evidence[0].proving[-1]}" in said
    assert " cause: " in said and "\n      do: " in said


def test_doors_that_agree_are_one_change() -> None:
    both = [*of(Verdict.HOLDS), *of(Verdict.HOLDS, door=Door.EXEC)]
    worse = [*of(Verdict.VIOLATED), *of(Verdict.VIOLATED, door=Door.EXEC)]
    assert [one.place for one in compare.compare(made(both), made(worse)).changes] == ["docker"]
    one = [*of(Verdict.HOLDS), *of(Verdict.VIOLATED, door=Door.EXEC)]
    assert [one.place for one in compare.compare(made(both), made(one)).changes] == ["docker@exec"]


def test_two_reports_of_one_box_each_are_compared_whatever_its_name() -> None:
    weak = made(of(Verdict.VIOLATED, box="weak"))
    found = compare.compare(made(of(Verdict.HOLDS)), weak)
    assert [one.place for one in found.changes] == ["docker -> weak"]
    more = made(of(Verdict.HOLDS), of(Verdict.HOLDS, box="host"))
    assert compare.compare(more, weak).unpaired == (
        "docker was measured before, and is not now",
        "host was measured before, and is not now",
        "weak was not measured before",
    )
    assert [one.kind for one in compare.compare(more, weak, {"docker": "weak"}).changes] == ["weaker"]


def test_what_else_differs_is_said() -> None:
    box = next(one for one in RUN.boxes if one.name == "docker")
    newer = replace(box, version="28.0.2", spec={**box.spec, "network": "none", "cap_drop": ("ALL", "X")})
    after = replace(
        RUN,
        host=replace(RUN.host, kernel="7.0"),
        boxes=tuple(newer if one.name == "docker" else one for one in RUN.boxes),
    )
    assert compare.compare(RUN, after).differs == (
        f"Linux: {RUN.host.kernel} -> 7.0",
        f"docker version: {box.version} -> 28.0.2",
        "docker network: not given -> none",
        "docker cap_drop: not given -> ALL+X",
    )


def test_no_line_is_wider_than_the_terminal() -> None:
    rows = made(*(of(Verdict.VIOLATED, one.id) for one in RUN.guarantees))
    for width in (60, 100):
        said = compare.text(
            compare.compare(made(*(of(Verdict.HOLDS, one.id) for one in RUN.guarantees)), rows), width=width
        )
        assert max(map(len, said.splitlines())) <= width


# -- ids that were renamed, and costs ------------------------------------------------------------

EARLIER = {"pid.one": BROKEN.guarantee, "pid.other": BROKEN.guarantee}


def earlier(verdict: Verdict, id: str) -> list[ResultRow]:
    return [replace(one, guarantee=id) for one in of(verdict)]


def test_a_renamed_guarantee_is_the_same_one() -> None:
    before = replace(
        made(earlier(Verdict.HOLDS, "pid.one")), guarantees=(*RUN.guarantees, replace(RUN.guarantees[0], id="pid.one"))
    )
    found = compare.compare(before, made(of(Verdict.VIOLATED)), renamed=EARLIER)
    assert [one.kind for one in found.changes] == ["weaker"]
    assert f"pid.one: called {BROKEN.guarantee} today" in found.differs
    assert [one.kind for one in compare.compare(before, made(of(Verdict.VIOLATED)), renamed={}).changes] == [
        "new",
        "gone",
    ]


def test_of_merged_guarantees_the_worst_counts() -> None:
    before = made(earlier(Verdict.HOLDS, "pid.one"), earlier(Verdict.VIOLATED, "pid.other"))
    assert [one.kind for one in compare.compare(before, made(of(Verdict.HOLDS)), renamed=EARLIER).changes] == [
        "stronger"
    ]
    assert compare.compare(before, made(of(Verdict.VIOLATED)), renamed=EARLIER).same == 1


def costing(low: float, median: float, high: float) -> Run:
    cost = Cost(median=median, n=7, low=low, high=high)
    boxes = tuple(replace(box, costs={"start_ms": cost}) if box.name == "docker" else box for box in RUN.boxes)
    return replace(made(of(Verdict.HOLDS)), boxes=boxes)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ((90, 100, 110), (190, 200, 210), ("docker: start to first call, ms: 100 -> 200 (x2)",)),
        ((190, 200, 210), (90, 100, 110), ("docker: start to first call, ms: 200 -> 100 (x0.5)",)),
        ((90, 100, 110), (105, 200, 210), ()),
        ((99, 100, 101), (115, 120, 125), ()),
    ],
    ids=["dearer", "cheaper", "the spreads meet", "by less than a quarter"],
)
def test_costs_that_are_others(
    before: tuple[float, float, float], after: tuple[float, float, float], said: tuple[str, ...]
) -> None:
    found = compare.compare(costing(*before), costing(*after))
    assert found.costs == said and found.headline.startswith("not weaker")
    for text in (compare.text(found), compare.markdown(found)):
        assert all(one in text for one in said) and ("osts that are others" in text) == bool(said)


def test_sarif_says_what_is_new_what_was_there_and_what_is_no_more() -> None:
    before = made(of(Verdict.VIOLATED), of(Verdict.VIOLATED, HELD.guarantee, box="host"))
    after = made(of(Verdict.VIOLATED), of(Verdict.VIOLATED, HELD.guarantee))
    document = json.loads(sarif.compared(compare.compare(before, after)))
    VALIDATOR.validate(document)
    results = document["runs"][0]["results"]
    states = {
        (one["ruleId"], one["locations"][0]["logicalLocations"][0]["name"]): one["baselineState"] for one in results
    }
    assert states == {
        (BROKEN.guarantee, "docker"): "unchanged",
        (HELD.guarantee, "docker"): "new",
        (HELD.guarantee, "host"): "absent",
    }
    # A box with another name in each report is one box.
    weak = made(of(Verdict.VIOLATED, box="weak"))
    (one,) = json.loads(sarif.compared(compare.compare(made(of(Verdict.VIOLATED)), weak)))["runs"][0]["results"]
    assert one["baselineState"] == "unchanged"


def test_sarif_of_a_name_that_is_no_text() -> None:
    """JSON can say half of a character, which no encoding has."""
    run = made([replace(one, sibling="\ud800") for one in of(Verdict.VIOLATED)])
    (one,) = sarif.document(run)["runs"][0]["results"]
    assert "\ud800" in one["locations"][0]["logicalLocations"][0]["name"]


def test_sarif_of_a_run_with_a_baseline() -> None:
    known = [replace(one, known=True) for one in of(Verdict.VIOLATED)]
    run = made(known, of(Verdict.VIOLATED, HELD.guarantee))
    asked = replace(run, run=replace(run.run, argv=("--isolation", "--isolation-expect=known.toml")))
    states = [one.get("baselineState") for one in sarif.document(asked)["runs"][0]["results"]]
    assert sorted(map(str, states)) == ["new", "unchanged"]
    assert not any("baselineState" in one for one in sarif.document(run)["runs"][0]["results"])


# -- the command -------------------------------------------------------------------------------


def written(path: Path, run: Run) -> str:
    path.write_text(json.dumps(run.to_json()))
    return str(path)


@pytest.mark.parametrize(("old", "new", "kind", "words"), KINDS, ids=lambda one: str(one))
def test_the_exit_status(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    old: Verdict | None,
    new: Verdict | None,
    kind: str,
    words: str,
) -> None:
    other = of(Verdict.HOLDS, HELD.guarantee)
    a, b = (written(tmp_path / f"{n}.json", made(of(verdict), other)) for n, verdict in (("a", old), ("b", new)))
    assert cli.main(["diff", a, b]) == (kind == "weaker" or (kind == "gone" and old is Verdict.HOLDS))
    assert words in " ".join(capsys.readouterr().out.split())
    strict = kind in ("weaker", "gone") or (kind == "new" and new is Verdict.VIOLATED)
    assert cli.main(["diff", "--strict", "--format", "md", a, b]) == strict
    assert capsys.readouterr().out.startswith("**")


def test_a_gate_does_not_open_because_nothing_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    full, empty = written(tmp_path / "a.json", made(of(Verdict.HOLDS))), written(tmp_path / "b.json", made())
    assert cli.main(["diff", full, empty]) == 1
    said = capsys.readouterr().out
    assert said.startswith("NOT KNOWN: ") and "docker was measured before, and is not now" in said
    assert cli.main(["diff", empty, full]) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read"),
        ("{", "is no JSON"),
        ("[]", "holds list"),
        ('{"schema": "x/2"}', "not a report of this version"),
        ('{"schema": "pytest-isolation/report/1"}', "expected a JSON report"),
    ],
)
def test_what_is_no_report(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, words: str) -> None:
    good, bad = written(tmp_path / "good.json", RUN), tmp_path / "bad.json"
    if text is not None:
        bad.write_text(text)
    assert cli.main(["diff", good, str(bad)]) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1 and "--isolation-report json:FILE" in said


def test_two_boxes_of_one_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Which is stronger?  It compared the second with itself."""
    first = of(Verdict.VIOLATED)
    second = [replace(row, box="other") for row in of(Verdict.HOLDS)]
    run = made(first, second)
    box = next(one for one in run.boxes if one.name == first[0].box)
    both = written(tmp_path / "both.json", replace(run, boxes=(*run.boxes, replace(box, name="other"))))
    assert cli.main(["diff", both, both, "--pair", f"{first[0].box}=other"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("not weaker: 0 weaker, 1 stronger, 0 new, 0 gone; 0 the same\n")
    assert "other of the first report is not compared" in said and "was not measured before" not in said
    assert cli.main(["diff", both, both, "--pair", f"other={first[0].box}"]) == 1
    assert capsys.readouterr().out.startswith("WEAKER: 1 weaker")


def test_a_box_that_a_pair_leaves_over_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Today's docker was compared with nothing, and nothing was said: the later report is no copy of the first."""
    box = next(one for one in RUN.boxes if one.name == "docker")
    first = replace(made(of(Verdict.HOLDS)), boxes=(box,))
    second = replace(
        made(of(Verdict.VIOLATED), of(Verdict.HOLDS, box="tight")),
        boxes=(box, replace(box, name="tight")),
        run=replace(RUN.run, id="another"),
    )
    before, after = written(tmp_path / "a.json", first), written(tmp_path / "b.json", second)
    assert cli.main(["diff", before, after, "--pair", "docker=tight"]) == 0
    assert "docker of the second report is not compared: another box has its partner" in capsys.readouterr().out
    assert cli.main(["diff", "--strict", before, after, "--pair", "docker=tight"]) == 1


def test_what_a_box_that_is_not_compared_has_is_not_told() -> None:
    """Its version and costs were told under the name of the one that has its partner."""
    run = costing(90, 100, 110)
    docker = next(one for one in run.boxes if one.name == "docker")
    slow = replace(docker, name="other", version="0.1", costs={"start_ms": Cost(median=900, n=7, low=890, high=910)})
    both = replace(made(of(Verdict.HOLDS), of(Verdict.HOLDS, box="other")), boxes=(docker, slow))
    newer = replace(docker, version="99", costs={"start_ms": Cost(median=10, n=7, low=9, high=11)})
    found = compare.compare(both, replace(both, boxes=(newer, slow)), {"other": "docker"})
    assert found.differs == ("docker version: 0.1 -> 99",)
    assert found.costs == ("docker: start to first call, ms: 900 -> 10 (x0.0111)",)


@pytest.mark.parametrize("other", ["docker=b", "a=other"])
def test_a_box_in_two_pairs(tmp_path: Path, capsys: pytest.CaptureFixture[str], other: str) -> None:
    good = written(tmp_path / "good.json", RUN)
    assert cli.main(["diff", "--pair", "docker=other", "--pair", other, good, good]) == 2
    assert f"--pair {other!r}: one of the two is in another --pair; give each box once" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("pair", "words"), [("docker", "expected OLD=NEW"), ("dokcer=docker", "the first report has no box 'dokcer'")]
)
def test_a_pair_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str], pair: str, words: str) -> None:
    good = written(tmp_path / "good.json", RUN)
    assert cli.main(["diff", "--pair", pair, good, good]) == 2
    assert words in capsys.readouterr().err
