"""The file of --isolation-expect, written and updated by a command; acceptances that end; ids that were renamed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import cli
from pytest_isolation.errors import UsageError
from pytest_isolation.guarantees import data, expect, outcome, renamed
from pytest_isolation.guarantees.claims import Resolved
from pytest_isolation.guarantees.verdicts import Claim, Outcome, Verdict
from pytest_isolation.report.run import Run
from pytest_isolation.suite.collect import built_in_guarantees
from pytest_isolation.suite.expect import toml
from tests.unit.test_compare import BROKEN, HELD, made, of, written

KEY = ("docker", BROKEN.guarantee, "start", None)
OTHER = ("docker", HELD.guarantee, "start", None)
LATER = "2999-12-31"


def command(*argv: object) -> int:
    return cli.main(["expect", *map(str, argv)])


def two(first: Verdict, second: Verdict) -> Run:
    return made(of(first), of(second, HELD.guarantee))


def test_it_is_written_and_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report, known = written(tmp_path / "a.json", two(Verdict.VIOLATED, Verdict.HOLDS)), tmp_path / "known.toml"
    assert command(report, "-o", known, "--why", 'the "bridge"', "--expires", LATER) == 0
    assert f"accepted: docker: {BROKEN.guarantee}" in capsys.readouterr().out
    assert expect.load("known.toml", tmp_path).known == {KEY: 'the "bridge"'}
    assert f"expires = {LATER}" in known.read_text()


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (("--box", "dokcer"), "--box 'dokcer': the report has no rows of such a box; did you mean 'docker'? expected"),
        (("--only", "nothing.*"), "--only 'nothing.*': it fits none of the report's "),
        (("-o", "-"), "-o -: the standard output has other words already"),
    ],
)
def test_a_choice_that_fits_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: tuple[str, str], told: str
) -> None:
    """It accepted nothing, in silence, and exited with 0."""
    report, known = written(tmp_path / "a.json", two(Verdict.VIOLATED, Verdict.HOLDS)), tmp_path / "known.toml"
    assert command(report, "-o", known, "--why", "x", "--expires", "never", *option) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"pytest-isolation expect: {told}") and said.count("\n") == 1
    assert not known.exists()


def test_it_is_brought_up_to_date(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What holds is taken out, what was not measured stays, what is new needs a reason of its own."""
    known = tmp_path / "known.toml"
    known.write_text(
        f'# ours\n\n[[violation]]\nbox = "docker"\nguarantee = "{BROKEN.guarantee}"\nwhy = "old"\n'
        f'[[violation]]\nbox = "elsewhere"\nguarantee = "{BROKEN.guarantee}"\nexpires = 2001-01-01\n'
    )
    report = written(tmp_path / "b.json", two(Verdict.HOLDS, Verdict.VIOLATED))
    before = known.read_text()
    assert command(report, "-o", known) == 2 and known.read_text() == before, "nothing is accepted without a reason"
    assert "1 violation is to be accepted, 0 to be renewed" in capsys.readouterr().err
    assert command(report, "-o", known, "--why", "new", "--expires", "never") == 0
    said = capsys.readouterr().out
    assert f"taken out: docker: {BROKEN.guarantee}" in said and f"accepted: docker: {HELD.guarantee}" in said
    found = expect.load("known.toml", tmp_path)
    assert found.known == {OTHER: "new"} and set(found.expired) == {("elsewhere", *KEY[1:])}
    assert known.read_text().startswith("# ours\n")
    assert command(report, "-o", known) == 0, "again: nothing is to be accepted"
    assert expect.load("known.toml", tmp_path) == found


def test_a_part_is_accepted_and_the_rest_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = written(tmp_path / "a.json", two(Verdict.VIOLATED, Verdict.VIOLATED))
    words = (report, "-o", tmp_path / "known.toml", "--why", "w", "--expires", LATER)
    assert command(*words, "--only", BROKEN.guarantee) == 0
    assert f"not accepted: docker: {HELD.guarantee}" in capsys.readouterr().out
    assert set(expect.load("known.toml", tmp_path).known) == {KEY}
    assert command(*words, "--box", "other") == 2, "of no such box are there rows"
    assert set(expect.load("known.toml", tmp_path).known) == {KEY}


def test_an_acceptance_is_renewed_only_when_asked(tmp_path: Path) -> None:
    report, known = written(tmp_path / "a.json", made(of(Verdict.VIOLATED))), tmp_path / "known.toml"
    assert command(report, "-o", known, "--why", "first", "--expires", "2998-01-01") == 0
    assert command(report, "-o", known, "--why", "second", "--expires", LATER) == 0
    assert "first" in known.read_text() and LATER not in known.read_text()
    assert command(report, "-o", known, "--why", "second", "--expires", LATER, "--renew") == 0
    assert "second" in known.read_text() and f"expires = {LATER}" in known.read_text()


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("--expires", "soon"), "expected a day, as in 2027-06-30, or never"),
        (("--expires", "2001-01-01"), "that day is over"),
    ],
)
def test_a_day_that_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], words: str
) -> None:
    report = written(tmp_path / "a.json", made(of(Verdict.VIOLATED)))
    assert command(report, "-o", tmp_path / "known.toml", "--why", "w", *argv) == 2
    assert words in capsys.readouterr().err and not (tmp_path / "known.toml").exists()


def test_after_its_last_day_a_violation_fails_again(tmp_path: Path) -> None:
    (tmp_path / "known.toml").write_text(
        f'[[violation]]\nbox = "docker"\nguarantee = "{BROKEN.guarantee}"\nexpires = 2027-06-30\n'
    )
    claim = Resolved(claim=Claim.SILENT, source="", by="docker")
    for today, made_of, note in (
        (date(2027, 6, 30), Outcome.PASSED, "known, in known.toml"),
        (date(2027, 7, 1), Outcome.FAILED, "accepted until 2027-06-30 in known.toml"),
    ):
        found = expect.load("known.toml", tmp_path, today=today)
        judged = outcome.judge(Verdict.VIOLATED, claim, box="docker", guarantee=BROKEN.guarantee, baseline=found)
        assert (judged.outcome, judged.note) == (made_of, note)
    (said,) = found.lapsed([(KEY, Verdict.VIOLATED), (OTHER, Verdict.VIOLATED)])
    assert "was accepted until 2027-06-30" in said and "pytest-isolation expect" in said
    assert found.lapsed([(KEY, Verdict.HOLDS)]) == ()


def test_a_key_that_is_none_is_refused(tmp_path: Path) -> None:
    """With `expire` it was accepted for ever."""
    (tmp_path / "known.toml").write_text('[[violation]]\nbox = "a"\nguarantee = "pid.a"\nexpire = 2027-06-30\n')
    with pytest.raises(
        UsageError, match="a violation has the key 'expire'; did you mean 'expires'\\? expected one of box"
    ):
        expect.load("known.toml", tmp_path)


def test_an_expiry_that_is_no_day_is_refused(tmp_path: Path) -> None:
    (tmp_path / "known.json").write_text('{"violation": [{"box": "a", "guarantee": "pid.a", "expires": "soon"}]}')
    with pytest.raises(UsageError, match="expected a day, as in 2027-06-30"):
        expect.load("known.json", tmp_path)


@given(
    st.lists(
        st.builds(
            expect.Entry,
            key=st.tuples(
                st.text(min_size=1), st.text(min_size=1), st.sampled_from(["start", "exec"]),
                st.none() | st.text(min_size=1),
            ),
            why=st.text(),
            expires=st.none() | st.dates(),
        ),
        unique_by=lambda one: one.key,
    )
)  # fmt: skip
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, kept: list[expect.Entry]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(toml(kept).encode("utf-8", "backslashreplace"))
    assert list(expect.entries(path, "any.toml")) == kept


# -- ids that were renamed -----------------------------------------------------------------


def test_the_committed_table_leads_to_guarantees_that_there_are() -> None:
    document = data.read(".", "renamed")
    assert document is not None and set(document) == {"renamed"}
    known = {promise.id for promise in built_in_guarantees()}
    assert set(renamed.table().values()) <= known
    assert set(renamed.table()).isdisjoint(known), "an id of today's is not an earlier one"


def test_ids_are_followed_to_the_last() -> None:
    assert renamed.followed({"a": "b", "b": "c", "x": "c"}) == {"a": "c", "b": "c", "x": "c"}
    with pytest.raises(UsageError, match="a -> b -> a is a circle"):
        renamed.followed({"a": "b", "b": "a"})


def test_a_baseline_with_an_earlier_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renamed, "table", lambda: {"pid.earlier": BROKEN.guarantee})
    (tmp_path / "known.toml").write_text('[[violation]]\nbox = "docker"\nguarantee = "pid.earlier"\n')
    assert set(expect.load("known.toml", tmp_path).known) == {KEY}
    run = made([replace(one, guarantee="pid.earlier") for one in of(Verdict.VIOLATED)])
    had = tuple(replace(one, id="pid.earlier") if one.id == BROKEN.guarantee else one for one in run.guarantees)
    report = written(tmp_path / "a.json", replace(run, guarantees=had))
    assert command(report, "-o", tmp_path / "known.toml") == 0, "it is accepted already"
    assert json.dumps(BROKEN.guarantee) in (tmp_path / "known.toml").read_text()
