"""The report: one model, its JSON and its schema, and renderers compared with committed snapshots."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pytest_isolation.door import Door
from pytest_isolation.guarantees.verdicts import Control, Outcome, Verdict
from pytest_isolation.report import FORMATS, cells, markdown, pairs, renderer, summary, terminal
from pytest_isolation.report.run import Contribution, ResultRow, Run, Section, SupportRow, TechnologyRow

DATA = Path(__file__).parents[1] / "data"
DOCUMENT: dict[str, Any] = json.loads((DATA / "run.json").read_text())
RUN = Run.from_json(DOCUMENT)
SCHEMA = json.loads((files("pytest_isolation.report") / "schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())


def many_boxes(number: int) -> Run:
    """The golden run's docker column, `number` times under other names."""
    box = next(one for one in RUN.boxes if one.name == "docker")
    names = [f"docker-runtime-{index}" for index in range(number)]
    return replace(
        RUN,
        boxes=tuple(replace(box, name=name) for name in names),
        results=tuple(replace(row, box=name) for name in names for row in RUN.results if row.box == "docker"),
    )


def assert_snapshot(name: str, text: str) -> None:
    """UPDATE_SNAPSHOTS=1 writes them; look at the difference before committing it."""
    path = DATA / name
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text(text)
    assert text == path.read_text()


def test_json_round_trip() -> None:
    assert RUN.to_json() == DOCUMENT
    assert Run.from_json(json.loads(renderer("json")(RUN))) == RUN


def test_the_golden_run_is_valid() -> None:
    VALIDATOR.validate(DOCUMENT)


def test_the_parts_of_later_versions_are_valid() -> None:
    run = replace(
        RUN,
        support=(
            SupportRow(
                kernel="running", as_="user", feature="ns.user", status="refused", cause="sysctl", configured="y",
                tried="unshare(CLONE_NEWUSER)", errno="EPERM", needed_by=("podman",), remedy="sysctl ...",
            ),
        ),
        technologies=(
            TechnologyRow(kernel="running", as_="user", technology="podman", can_run="no", missing=("ns.user",),
                          remedies=("sysctl ...",)),
        ),
        sections=(
            Section(key="inception", rows=(
                {"path": ".", "rule": "C01", "verdict": "fail", "severity": "end", "where": "srcs/compose.yml:12",
                 "found": "network: host", "why": "forbidden", "fix": "remove it"},
            )),
        ),
    )  # fmt: skip
    document = run.to_json()
    VALIDATOR.validate(document)
    assert document["support"][0]["as"] == "user"
    assert Run.from_json(document) == run


def test_what_another_plugin_contributes() -> None:
    """Rows under a key of their own, and boxes, guarantees and results beside the run's."""
    theirs = Section(key="theirs", rows=({"name": "a|b", "count": 3},), page=("## Theirs", "*three*"))
    box = replace(RUN.boxes[0], name="another")
    run = RUN.with_contributions([Contribution(section=theirs, boxes=(box,), guarantees=RUN.guarantees, notes=("n",))])
    assert run.boxes == (*RUN.boxes, box) and run.notes == (*RUN.notes, "n")
    assert len(run.guarantees) == len(RUN.guarantees), "each is told once"
    document = run.to_json()
    VALIDATOR.validate(document)
    assert document["theirs"] == [{"name": "a|b", "count": 3}] and document["inception"] == []
    assert renderer("md")(run).endswith("\n\n## Theirs\n\n*three*\n")
    again = Run.from_json(json.loads(json.dumps(document)))
    assert again == run
    assert "## theirs" in renderer("md")(again) and "| a\\|b | 3 |" in renderer("md")(again), (
        "as a table: it has no page"
    )


def test_a_page_that_is_the_whole_report() -> None:
    """Only where the run measured no box of its own."""
    part = Section(key="theirs", rows=({"a": 1},), page=("# Theirs",), whole=True)
    run = replace(RUN, boxes=(), sections=(part,), notes=("a *note*",))
    assert renderer("md")(run) == "# Theirs\n\n- a \\*note\\*\n"
    assert renderer("md")(replace(RUN, sections=(part,))).startswith("# What these boxes isolate")
    assert renderer("md")(replace(run, sections=(replace(part, rows=()),))).startswith("# What these boxes isolate")


@pytest.mark.parametrize(
    ("place", "key"),
    [
        ((), "results"),
        (("run",), "seed"),
        (("results", 0), "control"),
        (("guarantees", 0), "claim"),
        (("tool",), "version"),
    ],
    ids=str,
)
def test_a_missing_field_is_invalid(place: tuple[Any, ...], key: str) -> None:
    document = json.loads(json.dumps(DOCUMENT))
    part = document
    for step in place:
        part = part[step]
    del part[key]
    assert not VALIDATOR.is_valid(document)


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [
        ((), "extra", 1),
        (("results", 0), "extra", 1),
        (("results", 0), "verdict", "held"),
        (("results", 0), "claim", "conditional"),
        (("results", 0), "required_by", "somebody"),
        (("results", 0), "rate_below_95", 2),
        (("boxes", 0), "available", "yes"),
        (("guarantees", 0), "id", "Signals"),
    ],
    ids=str,
)
def test_a_wrong_field_is_invalid(place: tuple[Any, ...], key: str, value: Any) -> None:
    document = json.loads(json.dumps(DOCUMENT))
    part = document
    for step in place:
        part = part[step]
    part[key] = value
    assert not VALIDATOR.is_valid(document)


def test_host_support_of_several_kernels_fits_in_100_columns() -> None:
    images = ("running", "/boot/vmlinuz-6.1.0-1-cloud-amd64", "/boot/vmlinuz-6.12.9-cloud-amd64", "/tmp/bzImage")
    rows = [
        SupportRow(
            kernel=kernel,
            as_=as_,
            feature="cg.memory",
            status="works" if as_ == "root" or kernel == "/tmp/bzImage" else "refused",
            cause="mkdirat(-100, '/sys/fs/cgroup/memory/pytest-isolation', 493) = -1 EACCES: " + "root's " * 12,
            configured="y",
            tried="",
            errno=None,
            needed_by=("cgroup",),
            remedy="run as root",
            what="a limit on memory that bites " * 4,
        )
        for kernel in images
        for as_ in ("root", "user")
    ]
    judged = [
        TechnologyRow(
            kernel=row.kernel,
            as_=row.as_,
            technology="cgroup",
            can_run="yes" if row.status == "works" else "no",
            missing=() if row.status == "works" else ("cg.memory",),
            remedies=(),
        )
        for row in rows
    ]
    run = replace(RUN, boxes=(), results=(), guarantees=(), support=tuple(rows), technologies=tuple(judged), notes=())
    lines = terminal.render(run, width=100).splitlines()
    assert max(map(len, lines)) <= 100
    assert "  6.1: /boot/vmlinuz-6.1.0-1-cloud-amd64" in lines
    assert "  kernel 4: /tmp/bzImage" in lines
    assert "  cgroup      root everywhere, kernel 4 user: yes" in lines
    assert "              here user, 6.1 user, 6.12 user: no, for want of cg.memory" in lines
    assert "  cg.memory: refused (here user, 6.1 user, 6.12 user)" in lines
    tables = [line.split("  ") for line in lines if line.startswith("feature")]
    assert [[word.strip() for word in line if word.strip()] for line in tables] == [
        ["feature", "here root", "here user", "6.1 root", "6.1 user", "6.12 root", "6.12 user"],
        ["feature", "kernel 4 root", "kernel 4 user"],
    ]
    alone = replace(run, support=tuple(rows[:2]), technologies=tuple(judged[:2]))
    assert "  cgroup      root: yes" in terminal.render(alone, width=100).splitlines()


@pytest.mark.parametrize(
    ("verdict", "outcome"), [("vacuous", "passed"), ("inconclusive", "xfailed"), ("unsupported", "passed")]
)
def test_a_verdict_without_its_outcome_is_invalid(verdict: str, outcome: str) -> None:
    document = json.loads(json.dumps(DOCUMENT))
    document["results"][0] |= {"verdict": verdict, "outcome": outcome, "reason": "because"}
    assert not VALIDATOR.is_valid(document)


def test_where_fields_may_be_added() -> None:
    document = json.loads(json.dumps(DOCUMENT))
    document["host"]["microcode"] = "0x1"
    document["boxes"][0]["costs"]["memory_mib"] = {"median": 3.5, "n": 5}
    VALIDATOR.validate(document)
    run = Run.from_json(document)
    assert run.host.more["microcode"] == "0x1"
    assert run.boxes[0].costs["memory_mib"].median == 3.5
    assert run.to_json() == document


def test_another_schema_is_refused() -> None:
    with pytest.raises(ValueError, match="not a report of this version"):
        Run.from_json(DOCUMENT | {"schema": "pytest-isolation/report/2"})


def test_an_unknown_word_is_refused() -> None:
    document = json.loads(json.dumps(DOCUMENT))
    document["results"][0]["verdict"] = "held"
    with pytest.raises(ValueError, match="held"):
        Run.from_json(document)


def test_keys_of_a_later_version_are_left_out() -> None:
    document = json.loads(json.dumps(DOCUMENT))
    document["results"][0]["later"] = 1
    assert Run.from_json(document) == RUN


def test_terminal_snapshot() -> None:
    assert_snapshot("terminal.txt", terminal.render(RUN))


def test_terminal_snapshot_of_all_there_is_to_say() -> None:
    assert_snapshot("terminal-verbose.txt", terminal.render(RUN, verbose=True))


def test_terminal_snapshot_of_sixteen_boxes() -> None:
    assert_snapshot("terminal-16.txt", terminal.render(many_boxes(16), verbose=True))


def test_markdown_snapshot() -> None:
    assert_snapshot("report.md", markdown.render(RUN))


@pytest.mark.parametrize("number", [1, 4, 5, 8, 16, 40])
@pytest.mark.parametrize("width", [80, 90, 100, 120, 160])
def test_nothing_is_wider_than_the_terminal(number: int, width: int) -> None:
    text = terminal.render(many_boxes(number), width=width) + terminal.render(
        many_boxes(number), width=width, verbose=True
    )
    assert max(map(len, text.splitlines())) <= width
    assert text.isascii()


# -- the order of what is said ---------------------------------------------------------

FULL = ["host", "chroot", "cgroup", "namespaces", "bubblewrap", "nspawn", "lxc", "runc", "crun", "docker", "podman",
        "gvisor", "qemu", "strict", "attached", "prod"]  # fmt: skip


def named_boxes(names: list[str]) -> Run:
    run = many_boxes(len(names))
    new = dict(zip((box.name for box in run.boxes), names, strict=True))
    return replace(
        run,
        boxes=tuple(replace(box, name=new[box.name]) for box in run.boxes),
        results=tuple(replace(row, box=new[row.box]) for row in run.results),
    )


def test_the_legend_is_above_the_first_row() -> None:
    text = terminal.render(RUN, verbose=True)
    assert text.index(cells.HOLDS.meaning) < text.index("\nguarantee ") < text.index("\n  host-processes-hidden")


@pytest.mark.parametrize("number", [1, 2, 5, 16])
@pytest.mark.parametrize("width", [80, 120])
def test_a_column_has_its_boxs_name(number: int, width: int) -> None:
    """Or the beginning of it, never a number; and a total stands apart from the next."""
    text = terminal.render(named_boxes(FULL[:number]), width=width, verbose=True)
    heads = [line.split()[1:] for line in text.splitlines() if line.startswith("guarantee ")]
    shown = [label for head in heads for label in head]
    assert len(shown) == number
    assert all(name.startswith(label) for name, label in zip(FULL, shown, strict=False)), shown
    totals = [line.split()[3:] for line in text.splitlines() if line.startswith("hold, of 10 ")]
    assert [total for line in totals for total in line] == ["7"] * number
    for name, label in zip(FULL, shown, strict=False):
        assert (f"{label} = {name}" in text) == (label != name)


def test_names_that_begin_alike_have_short_forms_of_their_own() -> None:
    names = ["docker", "docker-gvisor", "podman", "podman-rootless", "lxc", "lxc-unprivileged", *FULL[:7]]
    text = terminal.render(named_boxes(list(dict.fromkeys(names))), width=80)
    assert "do-g = docker-gvisor" in text and "po-r = podman-rootless" in text and "doc = docker " in text


def test_totals_of_two_digits_do_not_run_together() -> None:
    """73 guarantees and 16 boxes: 68 beside 68 was 6868."""
    one = next(row for row in RUN.results if cells.sign_of(row) is cells.HOLDS)
    known = next(row for row in RUN.guarantees if row.id == one.guarantee)
    promises = tuple(replace(known, id=f"pid.rule-{number}") for number in range(12))
    rows = tuple(replace(one, box=box, guarantee=promise.id) for box in FULL for promise in promises)
    run = replace(named_boxes(FULL), guarantees=promises, results=rows)
    (line,) = [
        line for line in terminal.render(run, width=120, verbose=True).splitlines() if line.startswith("hold, of 12 ")
    ]
    assert line.split()[3:] == ["12"] * len(FULL)


def test_host_support_is_shown_where_something_is_missing() -> None:
    rows = tuple(
        TechnologyRow(kernel="running", as_=as_, technology=name, can_run=can, missing=missing, remedies=())
        for name, can, missing in (
            ("docker", "yes", ()),
            ("podman", "no", ("net.veth",)),
            ("host", "partly", ("cg.io",)),
        )
        for as_ in ("root", "user")
    )
    feature = SupportRow(
        kernel="running", as_="root", feature="net.veth", status="off", cause="no module", configured="n", tried="",
        errno=None, needed_by=("podman",), remedy=None,
    )  # fmt: skip
    run = replace(RUN, support=(feature,), technologies=rows)
    lines = terminal.render(run, verbose=True).splitlines()
    assert "  host: yes, without cg.io" in lines
    lines = lines[lines.index(next(line for line in lines if line.startswith("host support"))) :]
    assert not any(line.startswith(("  docker: ", "  podman: ")) for line in lines)
    fine = replace(run, technologies=rows[:4])
    assert "host support" not in terminal.render(fine, verbose=True)
    assert fine.to_json()["technologies"]


def test_each_box_has_evidence_of_its_own() -> None:
    row = next(rows[0] for rows in summary.accepted(RUN))
    other = replace(row, box="chroot", evidence=(replace(row.evidence[0], calls=("kill(7, 9) = 0",), proof=(0,)),))
    text = terminal.render(replace(RUN, results=(row, other)), verbose=True)
    assert f"      {row.box:<6}  {row.evidence[0].calls[row.evidence[0].proof[-1]]}" in text
    assert "      chroot  kill(7, 9) = 0" in text


def test_a_violation_begins_with_the_call_that_proves_it() -> None:
    text = terminal.render(replace(RUN, results=(BAD,)))
    told = text[text.index("VIOLATED " + BAD.guarantee) :]
    proof = BAD.evidence[0].calls[BAD.evidence[0].proof[-1]]
    assert told.index(proof) < told.index("cause  ") < told.index("\n  do ") < told.index("other calls")


def test_colour_changes_nothing_but_colour() -> None:
    import re

    assert re.sub(r"\033\[[0-9;]*m", "", terminal.render(RUN, color=True)) == terminal.render(RUN)
    assert "\033" not in terminal.render(RUN)


def test_each_kind_of_cell_has_a_sign_of_its_own() -> None:
    assert len({sign.word for sign in cells.LEGEND}) == len({sign.letter for sign in cells.LEGEND}) == len(cells.LEGEND)
    assert set(cells.matrix(RUN).used()) == set(cells.LEGEND) - {cells.UNMEASURED, cells.DOORS}


BAD = next(row for row in RUN.results if cells.sign_of(row) is cells.VIOLATED)
GOOD = replace(
    next(row for row in RUN.results if cells.sign_of(row) is cells.HOLDS), box=BAD.box, guarantee=BAD.guarantee
)


def test_doors_that_agree_are_one_sign() -> None:
    run = replace(RUN, results=(GOOD, replace(GOOD, door=Door.EXEC)))
    shown = cells.matrix(run)
    assert shown.columns == (GOOD.box,)
    assert shown.sign(GOOD.guarantee, GOOD.box) is cells.HOLDS
    assert cells.DOORS not in shown.used()
    assert shown.held(GOOD.box) == 1
    for text in (terminal.render(run), markdown.render(run)):
        assert "doors differ" not in text
        assert "@" not in text


@pytest.mark.parametrize(("start", "entered"), [(GOOD, BAD), (BAD, GOOD)], ids=["exec violates", "start violates"])
def test_doors_that_differ_are_shown(start: ResultRow, entered: ResultRow) -> None:
    run = replace(RUN, results=(start, replace(entered, door=Door.EXEC)))
    shown = cells.matrix(run)
    words = f"{cells.sign_of(start).word}/{cells.sign_of(entered).word}"
    assert shown.sign(BAD.guarantee, BAD.box).word == words
    assert shown.sign(BAD.guarantee, BAD.box).colour == cells.VIOLATED.colour
    assert cells.DOORS in shown.used()
    assert shown.held(BAD.box) == 0
    said = f"{BAD.guarantee} in {BAD.box}: {start.verdict} through the start door, {entered.verdict} through the exec"
    for text in (terminal.render(run), markdown.render(run)):
        assert words in text
        assert "doors differ" in text
        assert said in " ".join(text.split())
        assert f"{BAD.box}@{'exec' if entered is BAD else 'start'}" in text
    assert "1 different by door" in summary.bottom_line(run)


def test_a_violation_through_both_doors_is_the_boxs() -> None:
    accepted = next(rows[0] for rows in summary.accepted(RUN))
    run = replace(RUN, results=(accepted, replace(accepted, door=Door.EXEC)))
    assert f"  {accepted.guarantee}: {accepted.box}\n" in terminal.render(run, verbose=True)
    required = replace(RUN, results=(BAD, replace(BAD, door=Door.EXEC)))
    for text in (terminal.render(required), markdown.render(required)):
        assert f"{BAD.box}@" not in text
    assert terminal.render(required).count("VIOLATED " + BAD.guarantee) == 1
    assert "2 violated (2 required)" in summary.bottom_line(required)


# -- pairs -----------------------------------------------------------------------------


def with_pairs(number: int, verdicts: Mapping[tuple[int, int], Verdict]) -> Run:
    """`number` boxes, and one guarantee between every two, each way: `verdicts`, else it holds."""
    run = many_boxes(number)
    names = [box.name for box in run.boxes]
    rows = []
    for one in range(number):
        for other in set(range(number)) - {one}:
            verdict = verdicts.get((one, other), Verdict.HOLDS)
            row = BAD if verdict is Verdict.VIOLATED else GOOD
            outcome = Outcome.XFAILED if verdict is Verdict.VIOLATED else Outcome.PASSED
            rows.append(
                replace(row, box=names[one], sibling=names[other], verdict=verdict, outcome=outcome, known=False)
            )
    return replace(run, results=(*run.results, *rows))


def test_pairs_are_not_in_the_matrix() -> None:
    alone = many_boxes(3)
    assert cells.matrix(with_pairs(3, {(0, 1): Verdict.VIOLATED})).cells == cells.matrix(alone).cells
    assert pairs.headline(alone) is None
    assert "pairs" not in terminal.render(alone)


def test_pairs_are_told() -> None:
    run = with_pairs(3, {(0, 1): Verdict.VIOLATED})
    assert pairs.headline(run) == ("3 pairs of boxes, each way, 1 guarantees each: 5 hold, 1 violated (0 required)")
    first, second = (box.name for box in run.boxes[:2])
    for text in (terminal.render(run), markdown.render(run)):
        assert f"{first} beside {second}" in " ".join(text.split())
    assert f"| {first} |  | 1 of 1 | holds |" in markdown.render(run)
    assert " boxes and 3 pairs: " in summary.bottom_line(run)


def test_who_is_seen_by_all_is_said_once() -> None:
    """Of 16 boxes everyone is seen by the last: one line, not fifteen."""
    run = with_pairs(16, {(one, 15): Verdict.VIOLATED for one in range(15)})
    ((guarantee, between, _),) = pairs.violated(run)
    assert (guarantee, between) == (BAD.guarantee, "any beside docker-runtime-15")
    run = with_pairs(16, {(3, other): Verdict.VIOLATED for other in range(16) if other != 3})
    ((_, between, _),) = pairs.violated(run)
    assert between == "docker-runtime-3 beside any"


def test_a_required_violation_of_a_pair_is_shown_whole() -> None:
    run = replace(RUN, results=(replace(BAD, sibling="podman"),))
    for text in (terminal.render(run), markdown.render(run)):
        assert f"{BAD.box} beside podman" in " ".join(text.split())
        assert "(1 required)" in " ".join(text.split())


def test_what_pairs_cannot_be_asked() -> None:
    """Not again where the box by itself cannot, for the same reason."""
    alone = replace(GOOD, verdict=Verdict.UNSUPPORTED, outcome=Outcome.SKIPPED, reason="no control group")
    same, another = replace(alone, sibling="podman"), replace(alone, sibling="qemu", reason="it did not start")
    groups = summary.unsupported(replace(RUN, boxes=(), results=(alone, same, another)))
    assert [(group.reason, group.cells) for group in groups] == [
        ("no control group", f"{GOOD.box}: {GOOD.guarantee}"),
        ("it did not start", f"{GOOD.box} beside qemu: {GOOD.guarantee}"),
    ]


@pytest.mark.parametrize("number", [3, 16])
def test_pairs_fit_the_terminal(number: int) -> None:
    run = with_pairs(number, {(0, other): Verdict.VIOLATED for other in range(1, number, 2)})
    assert max(map(len, terminal.render(run, width=90).splitlines())) <= 90


def test_a_run_without_a_seed_says_nothing_of_one() -> None:
    run = replace(RUN, run=replace(RUN.run, seed=None))
    for text in (terminal.render(run), markdown.render(run)):
        assert "seed" not in text


def test_a_run_without_results_renders() -> None:
    empty = replace(RUN, results=(), guarantees=(), notes=())
    assert "not available" in terminal.render(empty)
    assert "0 guarantees x 0 boxes: 0 hold: FAILED" in markdown.render(empty)
    assert summary.bottom_line(replace(empty, run=replace(RUN.run, exit=0))).endswith("nothing was measured")


def test_a_silent_proof_fails_the_run() -> None:
    good = next(row for row in RUN.results if cells.sign_of(row) is cells.HOLDS)
    run = replace(RUN, run=replace(RUN.run, exit=0), results=(good,))
    assert summary.bottom_line(run).endswith("passed")
    silent = replace(run, results=(replace(good, proofs={"docker": Control.SILENT}),))
    assert summary.bottom_line(silent).endswith("FAILED")
    assert f"proof: {good.guarantee}: silent on docker" in terminal.render(silent)


def test_markdown_has_no_control_character_of_a_box() -> None:
    """red: a key's text with bytes of 0 made the file one that grep(1) takes for binary; an escape was kept as well."""
    row = next(row for row in RUN.results if row.evidence)
    evidence = replace(row.evidence[0], observed={"got": "a\0b\033[2Jc\nd"})
    text = markdown.render(replace(RUN, results=(replace(row, evidence=(evidence,), reason="x\0\033[1m"),)))
    assert "got = a\\x00b\\x1b[2Jc\\nd" in text
    assert all(char.isprintable() or char == "\n" for char in text)


def test_markdown_treats_what_a_box_said_as_data() -> None:
    row = next(row for row in RUN.results if row.evidence)
    evil = replace(row.evidence[0], calls=("write(1, '```\n# heading')",))
    text = markdown.render(replace(RUN, results=(replace(row, reason="<script>", evidence=(evil,)),)))
    assert "<script>" not in text
    assert "````text\n" in text


def test_every_format_renders() -> None:
    assert {kind: bool(renderer(kind)(RUN)) for kind in FORMATS} == dict.fromkeys(FORMATS, True)
