"""One submission in, rows out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.inception import compose, shell
from pytest_isolation.inception.asked import AuditOptions
from pytest_isolation.inception.finding import Finding, RuleVerdict, fail, passed, unclear
from pytest_isolation.inception.git import read_git
from pytest_isolation.inception.model import Submission, read_submission
from pytest_isolation.inception.place import Place, Unreadable
from pytest_isolation.inception.registry import Rule, every_rule
from pytest_isolation.inception.row import InceptionRow
from pytest_isolation.inception.tree import read_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

FINDINGS_A_RULE = 20


def audit(top: Path, asked: AuditOptions, *, name: str | None = None) -> list[InceptionRow]:
    """Every rule on the submission at `top`; `name` is its path in the rows."""
    shown = name or str(top)
    shell.begin()
    try:
        tree = read_tree(top)
    except Unreadable as error:
        finding = fail(Place("."), f"the submission {error}", "make it a directory that this user can read")
        return [replace(_row(shown, one, finding), severity="end") for one in every_rule() if one.id == "T02"]
    git = read_git(tree)
    try:
        if asked.by_commit and git is not None and (day := git.last_change(_is_docker)):
            asked = replace(asked, day=day)
        submission = read_submission(tree, asked, git)
        # What is read when a rule asks for it may be unreadable: the rules about reading come last.
        order = sorted(every_rule(), key=lambda one: one.id.startswith("T"))
        findings = {one.id: judge(one, submission) for one in order}
        return [_row(shown, one, finding) for one in every_rule() for finding in findings[one.id]]
    finally:
        if git is not None:
            git.close()


def _is_docker(path: str) -> bool:
    name = path.rpartition("/")[2].lower()
    return name in compose.NAMES or "dockerfile" in name


def judge(rule: Rule, s: Submission) -> list[Finding]:
    """A rule's findings; never none."""
    if not s.since(rule.since):
        return [
            Finding(RuleVerdict.NOT_APPLICABLE, None, f"since version {rule.since} of the subject; this is {s.subject}")
        ]
    if missing := _missing(rule, s):
        return [missing]
    try:
        found = list(_bounded(rule, s))
    except (Unreadable, RecursionError) as error:
        at = error.at if isinstance(error, Unreadable) else Place(".")
        return [unclear(at, str(error) or "nested too deep", "a file that can be read")]
    return found or [passed(rule.asks)]


def _bounded(rule: Rule, s: Submission) -> Iterator[Finding]:
    seen: set[tuple[Place | None, str]] = set()
    for finding in rule.check(s):
        if (finding.at, finding.found) not in seen:
            seen.add((finding.at, finding.found))
            yield finding
        if len(seen) >= FINDINGS_A_RULE:
            return


def _missing(rule: Rule, s: Submission) -> Finding | None:
    if rule.needs == "makefile" and s.makefile is None:
        return unclear(Place(s.root or "."), "no Makefile could be read", "a Makefile at the root (S01)")
    if rule.needs in ("", "makefile"):
        return None
    if s.compose is None:
        return unclear(Place(s.srcs), "no compose file could be read", "a compose file in srcs/ (S03, T03)")
    if rule.needs != "compose" and not s.role(rule.needs):
        at = Place(s.compose.files[0])
        return unclear(at, f"no service is seen to be {rule.needs}", f"which service is {rule.needs} (S08)")
    return None


def _row(path: str, rule: Rule, finding: Finding) -> InceptionRow:
    return InceptionRow(
        path=path,
        rule=rule.id,
        verdict=str(finding.says),
        severity=str(rule.severity),
        where=_printable(str(finding.at)) if finding.at else "",
        found=_printable(finding.found),
        why=rule.asks,
        fix=_printable(finding.fix),
    )


def _printable(text: str) -> str:
    """What a submission says is data: no control characters, no half surrogates, no end of line."""
    line = " ".join(text.split())
    if not line.isprintable():
        line = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line)
    return line[:400]
