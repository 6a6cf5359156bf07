"""Every feature tried on one kernel, as root and as a user."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.errors import AgentLost, BoxError
from pytest_isolation.support.explain import As, Finding, explain
from pytest_isolation.support.feature import Feature, features
from pytest_isolation.support.modules import Brought
from pytest_isolation.support.trial import NOBODY, Absent, Refused, Trial, Unmet, Untried

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc
    from pytest_isolation.support.kernel import Kernel


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What was found of one feature for one user."""

    feature: Feature
    as_: As
    finding: Finding


def survey(
    kernel: Kernel, users: Sequence[As], *, only: Collection[str] = (), seconds: float = inf
) -> list[ProbeResult]:
    """Try every feature (or those of `only`) as each of `users`; what is not tried within `seconds` is unknown.

    Raises AgentLost when the kernel is gone.
    """
    brought = Brought(kernel)
    until = time.monotonic() + seconds
    late = Untried(f"not tried: the {seconds:g} s for this kernel were over")
    try:
        return [tried for as_ in users for tried in _as_user(kernel, as_, only, brought, until, late)]
    finally:
        if not kernel.ours:
            with suppress(AgentLost):
                brought.remove()


def _as_user(
    kernel: Kernel, as_: As, only: Collection[str], brought: Brought, until: float, late: Untried
) -> Iterator[ProbeResult]:
    for feature in features():
        if only and feature.id not in only:
            continue
        if time.monotonic() > until:
            yield ProbeResult(feature, as_, explain(feature, kernel, as_, late))
            continue
        if kernel.load is not None:
            for name in feature.module_names:
                kernel.load(name)
        with kernel.root.spawn() as proc:
            if as_ == "user":
                become_user(kernel, proc)
            # A child of the user's own: what it does to itself must not reach the next trial.
            tried = ProbeResult(feature, as_, explain(feature, kernel, as_, attempt(feature, Trial(kernel, proc, as_))))
        if not kernel.ours:
            brought.note(feature)
        yield tried


def become_user(kernel: Kernel, proc: Proc) -> None:
    """An ordinary user without groups; the one we are, when that is no root."""
    if kernel.root.geteuid().value != 0:
        return
    program = Program()
    program.setgroups([])
    program.setresgid(NOBODY, NOBODY, NOBODY)
    program.setresuid(NOBODY, NOBODY, NOBODY)
    program.prctl(4, 1)  # PR_SET_DUMPABLE: else its own files in /proc belong to root
    for reply in proc.run(program):
        if not reply.ok:
            raise BoxError(f"a process cannot become an ordinary user: {reply}")


def attempt(feature: Feature, trial: Trial) -> Exception | str | None:
    """What the probe returned, or raised."""
    try:
        return feature.probe(trial)
    except (Refused, Unmet, Absent, Untried) as ended:
        return ended
    except AgentLost:
        raise
    except BoxError as lost:
        return Untried(f"the trial's process ended before its answer: {lost}")
    finally:
        with suppress(BoxError):
            trial.close()
