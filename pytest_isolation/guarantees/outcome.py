"""Verdict x claim: what pytest says about a row.

    verdict                   required (by claim, profile or baseline)   otherwise
    holds                     passed                                     passed, "unpromised"
    violated                  failed                                     xfailed, "not promised by ..."
    vacuous, inconclusive     failed                                     failed: never green
    unsupported               skipped                                    skipped

A profile replaces the claims; a technology without claims is judged by profile `container`.  With a
baseline, a violation in it passes and any other fails, promised or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.door import Door
from pytest_isolation.guarantees import profiles
from pytest_isolation.guarantees.verdicts import Claim, Key, Outcome, Verdict

if TYPE_CHECKING:
    from pytest_isolation.guarantees.claims import Resolved
    from pytest_isolation.guarantees.expect import Baseline
    from pytest_isolation.guarantees.profiles import Profile

DEFAULT_PROFILE = "container"
"""For technologies that claim nothing: an open sandbox must never pass."""
PROFILES = {"preset": "agent"}
"""Technology that claims nothing -> the profile of what its boxes are for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What pytest makes of a verdict, and who asks for it."""

    outcome: Outcome
    required_by: str | None = None
    """claim, profile:NAME, expect, or None."""
    note: str | None = None
    known: bool = False
    """A violation the baseline lists."""


def judge(
    verdict: Verdict,
    claim: Resolved,
    *,
    box: str,
    guarantee: str,
    door: Door = Door.START,
    sibling: str | None = None,
    profile: Profile | None = None,
    baseline: Baseline | None = None,
) -> Judgement:
    """The outcome of one row.

    `profile`: --isolation-profile's, None for the technology's claims.  `baseline`: --isolation-expect's.
    """
    if profile is None and not claim.known:
        profile = profiles.built_in(PROFILES.get(claim.by, DEFAULT_PROFILE))
    required_by, unrequired = _required(claim, guarantee, profile)
    if verdict is Verdict.UNSUPPORTED:
        return Judgement(outcome=Outcome.SKIPPED, required_by=required_by)
    if verdict is Verdict.HOLDS:
        return Judgement(outcome=Outcome.PASSED, required_by=required_by, note=None if required_by else unrequired)
    if verdict is not Verdict.VIOLATED:
        return Judgement(outcome=Outcome.FAILED, required_by=required_by, note=f"{verdict} is never a pass")
    if baseline is not None:
        key = Key(box, guarantee, door, sibling)
        if key in baseline:
            why = baseline.known[key]
            note = f"known, in {baseline.file}" + (f": {why}" if why else "")
            return Judgement(outcome=Outcome.PASSED, required_by=required_by, note=note, known=True)
        until = baseline.expired.get(key)
        note = f"new: not in {baseline.file}" if until is None else f"accepted until {until} in {baseline.file}"
        return Judgement(outcome=Outcome.FAILED, required_by=required_by or "expect", note=note)
    if required_by is None:
        return Judgement(outcome=Outcome.XFAILED, note=unrequired)
    return Judgement(outcome=Outcome.FAILED, required_by=required_by, note=_demand(claim, guarantee, profile))


def _required(claim: Resolved, guarantee: str, profile: Profile | None) -> tuple[str | None, str]:
    """(who requires it, or None; the note of a row that nobody requires)."""
    if profile is not None:
        return (f"profile:{profile.name}" if guarantee in profile.required else None), f"not in profile {profile.name}"
    if claim.claim is Claim.PROMISED:
        return "claim", ""
    told = f" ({claim.says})" if claim.claim is Claim.DISCLAIMED and claim.says else ""
    return None, f"not promised by {claim.by}{told}"


def _demand(claim: Resolved, guarantee: str, profile: Profile | None) -> str:
    if profile is not None:
        return f"required by profile {profile.name}: {profile.required[guarantee]}"
    return f"promised by {claim.by}: {claim.source}"
