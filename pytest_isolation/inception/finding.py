"""What a rule says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pytest_isolation.inception.place import Place


class RuleVerdict(StrEnum):
    """What is said of one rule; docs/inception.md explains the words."""

    PASS = "pass"
    FAIL = "fail"
    ADVICE = "advice"
    UNCLEAR = "unclear"
    NOT_APPLICABLE = "not-applicable"


class Severity(StrEnum):
    """What a breach of the rule means for the evaluation."""

    END = "end"
    """The evaluation ends there."""
    RULE = "rule"
    """The subject demands it; the sheet does not stop at it."""
    ADVICE = "advice"


@dataclass(frozen=True, slots=True)
class Finding:
    """One verdict of a rule: where, what was found, and what to do about it."""

    says: RuleVerdict
    at: Place | None
    found: str
    fix: str = ""


def passed(found: str, at: Place | None = None) -> Finding:
    """What was looked at; a rule that says nothing passes as well."""
    return Finding(RuleVerdict.PASS, at, found)


def fail(at: Place, found: str, fix: str) -> Finding:
    """The rule is broken at `at`; `fix` is what to write instead."""
    return Finding(RuleVerdict.FAIL, at, found, fix)


def advice(at: Place, found: str, fix: str) -> Finding:
    """Not demanded, or a point where evaluators differ."""
    return Finding(RuleVerdict.ADVICE, at, found, fix)


def unclear(at: Place, found: str, missing: str) -> Finding:
    """`missing` is the information that would decide."""
    return Finding(RuleVerdict.UNCLEAR, at, found, missing)


def not_applicable(found: str) -> Finding:
    """The rule has nothing to decide here; `found` says why."""
    return Finding(RuleVerdict.NOT_APPLICABLE, None, found)
