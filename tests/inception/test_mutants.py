"""Each breach is flagged by exactly its rule; each look-alike by none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_isolation.inception.asked import AuditOptions
from pytest_isolation.inception.audit import audit
from pytest_isolation.inception.registry import every_rule
from pytest_isolation.inception.report.findings import failing
from tests.inception.mutants import EVERY
from tests.inception.mutants.edits import Mutant
from tests.inception.support import DAY, apply, git, judge, reference


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reference(tmp_path_factory.mktemp("inception") / "reference")


@pytest.mark.parametrize("mutant", EVERY, ids=lambda mutant: mutant.name)
def test_mutant(mutant: Mutant, original: Path, tmp_path: Path) -> None:
    top = tmp_path / "repository" / "inception" if mutant.above else tmp_path / "mutant"
    shutil.copytree(original, top, symlinks=True)
    apply(top, mutant.edits)
    if mutant.above:
        shutil.rmtree(top / ".git")
        git(top.parent, "init", "-q")
        git(top.parent, "add", "-A")
        git(top.parent, "commit", "-q", "-m", "everything of this year")
    else:
        git(top, "add", "-A")
    assert flagged(judge(top, **mutant.asked)) == mutant.says


def flagged(verdicts: dict[str, str]) -> dict[str, str]:
    return {rule: said for rule, said in verdicts.items() if said not in ("pass", "not-applicable")}


def test_there_are_many() -> None:
    assert len(EVERY) >= 330
    assert len({mutant.name for mutant in EVERY}) == len(EVERY)


NOT_BY_EDITS = {"T01", "T02", "T03", "T04", "S02", "S08", "S10", "P07", "W07"}
"""Tested elsewhere (hostile trees, histories), or not decided by files."""


def test_every_rule_has_a_breach() -> None:
    """Of its own: many a rule is unclear, too, where the compose file cannot be read."""
    aimed = [(mutant, mutant.name.partition(":")[0]) for mutant in EVERY]
    broken = {rule for mutant, rule in aimed if mutant.says.get(rule) in ("fail", "advice", "unclear")}
    assert {rule.id for rule in every_rule()} - broken <= NOT_BY_EDITS


ENDING = ("G01", "G02", "G03", "G05", "G13", "G14", "G15", "G16", "G18", "G19", "G20", "T06", "W08")
"""Kinds of faults after which there is no site, or none that stays."""


@pytest.mark.parametrize("rule", ENDING)
def test_what_leaves_no_site_fails_a_run(rule: str, original: Path, tmp_path: Path) -> None:
    mutant = next(one for one in EVERY if one.name.startswith(f"{rule}: ") and one.says.get(rule) == "fail")
    top = Path(shutil.copytree(original, tmp_path / "mutant", symlinks=True))
    apply(top, mutant.edits)
    git(top, "add", "-A")
    rows = audit(top, AuditOptions(day=DAY))
    assert rule in {row.rule for row in failing(rows)}
    assert failing(audit(original, AuditOptions(day=DAY))) == []
