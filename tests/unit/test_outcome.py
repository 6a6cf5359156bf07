"""Verdict x claim, profiles and baselines: design's table, cell by cell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation.door import Door
from pytest_isolation.errors import UsageError
from pytest_isolation.guarantees import expect, profiles
from pytest_isolation.guarantees.claims import Resolved
from pytest_isolation.guarantees.expect import Baseline
from pytest_isolation.guarantees.outcome import Judgement, judge
from pytest_isolation.guarantees.profiles import Profile
from pytest_isolation.guarantees.verdicts import Claim, Outcome, Verdict

REQUIRED = "pid.signal-out-refused"
OTHER = "pid.other"
PROFILE = Profile(name="mine", required={REQUIRED: "man:kill(2)"})
BASELINE = Baseline(file="known.toml", known={("docker", REQUIRED, "start", None): "wanted"})


def claimed(claim: Claim, known: bool = True) -> Resolved:
    return Resolved(claim=claim, source="s", says="so it says", by="docker", known=known)


def judged(verdict: Verdict, claim: Resolved, guarantee: str = REQUIRED, **more: Any) -> Judgement:
    return judge(verdict, claim, box="docker", guarantee=guarantee, **more)


@pytest.mark.parametrize(
    ("verdict", "promised", "otherwise"),
    [
        (Verdict.HOLDS, Outcome.PASSED, Outcome.PASSED),
        (Verdict.VIOLATED, Outcome.FAILED, Outcome.XFAILED),
        (Verdict.VACUOUS, Outcome.FAILED, Outcome.FAILED),
        (Verdict.INCONCLUSIVE, Outcome.FAILED, Outcome.FAILED),
        (Verdict.UNSUPPORTED, Outcome.SKIPPED, Outcome.SKIPPED),
    ],
)
def test_the_table(verdict: Verdict, promised: Outcome, otherwise: Outcome) -> None:
    made = judged(verdict, claimed(Claim.PROMISED))
    assert (made.outcome, made.required_by) == (promised, "claim")
    for claim in (Claim.DISCLAIMED, Claim.SILENT):
        made = judged(verdict, claimed(claim))
        assert (made.outcome, made.required_by) == (otherwise, None)
    made = judged(verdict, claimed(Claim.SILENT), profile=PROFILE)
    assert (made.outcome, made.required_by) == (promised, "profile:mine")
    made = judged(verdict, claimed(Claim.PROMISED), OTHER, profile=PROFILE)
    assert (made.outcome, made.required_by) == (otherwise, None)


def test_the_notes_say_why() -> None:
    assert judged(Verdict.HOLDS, claimed(Claim.PROMISED)).note is None
    assert judged(Verdict.HOLDS, claimed(Claim.SILENT)).note == "not promised by docker"
    assert judged(Verdict.VIOLATED, claimed(Claim.DISCLAIMED)).note == "not promised by docker (so it says)"
    assert judged(Verdict.VIOLATED, claimed(Claim.PROMISED)).note == "promised by docker: s"
    by_profile = judged(Verdict.VIOLATED, claimed(Claim.SILENT), profile=PROFILE)
    assert by_profile.note == "required by profile mine: man:kill(2)"
    assert judged(Verdict.VIOLATED, claimed(Claim.SILENT), OTHER, profile=PROFILE).note == "not in profile mine"


def test_who_claims_nothing_is_judged_by_the_container_profile() -> None:
    unknown = claimed(Claim.SILENT, known=False)
    assert judged(Verdict.VIOLATED, unknown).required_by == "profile:container"
    assert judged(Verdict.VIOLATED, unknown).outcome is Outcome.FAILED
    lenient = Profile(name="lenient", required={OTHER: "s"})
    assert judged(Verdict.VIOLATED, unknown, profile=lenient).outcome is Outcome.XFAILED


@pytest.mark.parametrize("claim", list(Claim))
def test_a_baseline(claim: Claim) -> None:
    known = judged(Verdict.VIOLATED, claimed(claim), baseline=BASELINE)
    assert (known.outcome, known.known, known.note) == (Outcome.PASSED, True, "known, in known.toml: wanted")
    for new in (
        judged(Verdict.VIOLATED, claimed(claim), OTHER, baseline=BASELINE),
        judged(Verdict.VIOLATED, claimed(claim), door=Door.EXEC, baseline=BASELINE),
        judged(Verdict.VIOLATED, claimed(claim), sibling="podman", baseline=BASELINE),
    ):
        assert (new.outcome, new.known) == (Outcome.FAILED, False)
        assert new.required_by == ("claim" if claim is Claim.PROMISED else "expect")


def test_a_baseline_changes_nothing_else() -> None:
    for verdict in set(Verdict) - {Verdict.VIOLATED}:
        with_it = judged(verdict, claimed(Claim.PROMISED), baseline=BASELINE)
        assert with_it == judged(verdict, claimed(Claim.PROMISED))


def test_vanished() -> None:
    key, other = ("docker", REQUIRED, "start", None), ("docker", OTHER, "start", None)
    assert BASELINE.vanished([(key, Verdict.VIOLATED), (other, Verdict.HOLDS)]) == ()
    assert BASELINE.vanished([(key, Verdict.INCONCLUSIVE)]) == ()
    assert BASELINE.vanished([]) == ()
    (told,) = BASELINE.vanished([(key, Verdict.HOLDS)])
    assert "no longer violated in docker" in told
    assert "known.toml" in told


def test_a_baseline_file_in_either_form(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(
        '[[violation]]\nbox = "docker"\nguarantee = "pid.x"\nwhy = "wanted"\n'
        '[[violation]]\nbox = "docker"\nguarantee = "pid.x"\ndoor = "exec"\n'
        '[[violation]]\nbox = "docker"\nguarantee = "pid.x"\nsibling = "podman"\n'
    )
    (tmp_path / "a.json").write_text(
        json.dumps({"violation": [
            {"box": "docker", "guarantee": "pid.x", "why": "wanted"},
            {"box": "docker", "guarantee": "pid.x", "door": "exec"},
            {"box": "docker", "guarantee": "pid.x", "door": "start", "sibling": "podman"},
        ]})
    )  # fmt: skip
    expected = {
        ("docker", "pid.x", "start", None): "wanted",
        ("docker", "pid.x", "exec", None): "",
        ("docker", "pid.x", "start", "podman"): "",
    }
    assert expect.load("a.toml", tmp_path).known == expect.load("a.json", tmp_path).known == expected


def test_a_report_is_a_baseline() -> None:
    found = expect.load("run.json", Path(__file__).parents[1] / "data")
    assert ("host", "pid.signal-out-refused", "start", None) in found
    assert ("docker", "pid.signal-out-refused", "start", None) not in found


def test_an_empty_baseline_expects_no_violation(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("")
    assert expect.load("a.toml", tmp_path).known == {}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.toml", "[[violation", "cannot be read"),
        ("a.json", "{", "cannot be read"),
        ("a.json", "[]", "expected an object"),
        ("a.toml", "violations = []", "violations"),
        ("a.toml", "violation = 1", "violation"),
        ("a.toml", '[[violation]]\nbox = "a"\n', "no box or no guarantee"),
        ("a.toml", 'violation = ["a"]', "no box or no guarantee"),
        ("a.toml", '[[violation]]\nbox = "a"\nguarantee = "b"\ndoor = "c"\n', "start or exec"),
        ("a.toml", '[[violation]]\nbox = "a"\nguarantee = "b"\nsibling = 1\n', "name of a box"),
        ("a.json", '{"results": 1}', "results"),
    ],
)
def test_a_malformed_baseline(tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError) as caught:
        expect.load(name, tmp_path)
    assert told in str(caught.value)
    assert str(caught.value).startswith("--isolation-expect")


@pytest.mark.parametrize("name", ["agent", "container", "sandbox", "vm"])
def test_a_built_in_profile(name: str) -> None:
    from pytest_isolation.suite.collect import built_in_guarantees

    profile = profiles.built_in(name)
    assert profile.name == name
    assert profile.says
    profile.check_ids([one.id for one in built_in_guarantees()])
    assert not [guarantee for guarantee in profile.required if "*" in guarantee]


def test_the_profiles_there_are() -> None:
    assert profiles.names() == ("agent", "container", "pss-baseline", "pss-restricted", "sandbox", "vm")


def test_a_profile_of_the_users(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[required]\n"pid.x" = "our policy"\n')
    assert profiles.load("mine.toml", tmp_path) == Profile(name="mine", required={"pid.x": "our policy"})


def test_unknown_ids_of_a_profile_are_named() -> None:
    with pytest.raises(UsageError, match=r"mine requires .*: pid.signal-out-refused.*did you mean pid.signal-out\?"):
        PROFILE.check_ids(["pid.signal-out"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("required = [", "cannot be read as TOML"),
        ("", "no table [required]"),
        ("[required]\n", "no table [required]"),
        ("[required]\npid.x = 'policy'\n", "its id in quotes"),
        ("[required]\n'pid.x' = ''\n", "its source"),
        ("strict = true\n[required]\n'pid.x' = 'a'\n", "'strict'"),
    ],
)
def test_a_malformed_profile(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        profiles.load("mine.toml", tmp_path)
    assert told in str(caught.value)
