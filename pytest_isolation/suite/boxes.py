"""Which boxes a run measures, and why it does not measure the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.door import Door
from pytest_isolation.errors import IsolationError, Lack, Lacking, UsageError
from pytest_isolation.technologies import names, technology

if TYPE_CHECKING:
    from pytest_isolation.options.config import RunConfig


@dataclass(frozen=True, slots=True)
class BoxCandidate:
    """A box spec with what is known of it before anything starts."""

    spec: BoxSpec
    reason: str | None = None
    """Why this machine cannot start it; None: it can, as far as that shows without starting it."""
    remedy: str | None = None
    cause: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def with_facts(self, measured: Mapping[str, Any] | None) -> BoxCandidate:
        """With what only a running box could tell."""
        return replace(self, facts={**self.facts, **(measured or {})})

    def lacking(self, lack: Lack) -> BoxCandidate:
        """The same, which cannot be started for this reason."""
        return replace(self, reason=lack.reason, remedy=lack.remedy, cause=lack.cause)

    @property
    def available(self) -> bool:
        """Whether it can be started, as far as one knows."""
        return self.reason is None


def choose(asked: RunConfig, *, unavailable: Mapping[str, str] | None = None) -> list[BoxCandidate]:
    """The boxes named with --box, else one of every technology there is.

    `unavailable`: name -> reason, as the controller found it; a worker must not find otherwise, or
    the two would collect different items.  Raises UsageError for a spec its technology cannot read.
    """
    specs = asked.boxes or tuple(BoxSpec(technology=name, door=Door.BOTH) for name in names())
    specs = tuple(map(_with_the_doors_it_has, specs))
    if unavailable is not None:
        return [
            BoxCandidate(spec, unavailable[spec.name]) if spec.name in unavailable else candidate(spec)
            for spec in specs
        ]
    return [candidate(spec) for spec in specs]


def _with_the_doors_it_has(spec: BoxSpec) -> BoxSpec:
    """`spec` without a wish for both doors where the box has but one."""
    both = not spec.attached and Door.EXEC in technology(spec.technology).doors
    return spec if spec.door != Door.BOTH or both else replace(spec, door=Door.START)


def candidate(spec: BoxSpec) -> BoxCandidate:
    """Whether a box of `spec` can be started here, and if not, why."""
    one = technology(spec.technology)
    try:
        one.check_available(spec)
        return BoxCandidate(spec, facts=dict(one.facts(spec)))
    except Lacking as error:
        return BoxCandidate(spec).lacking(error.lack)
    except UsageError as error:
        raise UsageError(f"--box {spec.name}: {error}") from None
    except IsolationError as error:
        return BoxCandidate(spec, str(error))
