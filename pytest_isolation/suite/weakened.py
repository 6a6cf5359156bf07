"""Boxes of a spec with holes: which guarantees are broken there.

What --isolation-depth and --isolation-why open holes with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TypeAlias

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import Weakenings
from pytest_isolation.errors import IsolationError, in_one_line
from pytest_isolation.guarantees.guarantee import EXAMPLES, Guarantee
from pytest_isolation.guarantees.property import PROVING, run_property
from pytest_isolation.guarantees.result import PropertyResult
from pytest_isolation.suite.measure import Check, built_in
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.pool import Pool

Answers: TypeAlias = "Mapping[str, bool] | str"
"""Of a box with holes: guarantee -> whether it was broken; one without an answer is left out.  Or why there is none."""


@cache
def checks() -> Mapping[str, Sequence[tuple[Guarantee, Check]]]:
    """The built-in checks, by the id of what they decide: several may decide one."""
    found: dict[str, list[tuple[Guarantee, Check]]] = {}
    for promise, check in built_in():
        found.setdefault(promise.id, []).append((promise, check))
    return found


def of_its_kind(promise: Guarantee) -> int:
    """How many examples a check of its kind takes."""
    return EXAMPLES[promise.kind]


class WeakenedBoxes:
    """Boxes of `spec`, started in `pool` when they are asked, and ended when that is over."""

    def __init__(self, spec: BoxSpec, pool: Pool, seed: int) -> None:
        self._spec, self._pool, self._seed = spec, pool, seed

    def ask(self, holes: Weakenings, ids: Sequence[str], examples: Callable[[Guarantee], int] = of_its_kind) -> Answers:
        """Which of `ids` are broken in a box with these holes; or why there is no such box."""
        weakened = self._spec.weakened(*holes)
        found: dict[str, bool] = {}
        why = ""
        # Those that share the plain box first: where it does not start, nobody waits for the others.
        asked = [one for id in ids for one in checks()[id]]
        asked.sort(key=lambda one: bool(one[0].box or one[0].control_box))
        try:
            technology(weakened.technology).check_available(weakened)
            for promise, check in asked:
                try:
                    result = self.result(promise, check, weakened, examples(promise))
                except (IsolationError, OSError) as error:
                    why = why or in_one_line(error)
                    if not found and not (promise.box or promise.control_box):
                        return why
                    continue
                if result.violation is not None or not (result.trouble or result.unsupported):
                    found[promise.id] = found.get(promise.id, False) or result.violation is not None
        except (IsolationError, OSError) as error:
            return in_one_line(error)
        finally:
            self._pool.keep_only(())
        return found or why or found

    def result(self, promise: Guarantee, check: Check, spec: BoxSpec, examples: int) -> PropertyResult:
        """Of one check in a box of `spec` as the check needs it.  A violation is run again before it counts.

        Raises IsolationError and OSError where there is no such box.
        """
        needed = replace(spec, **promise.box, **promise.control_box)
        box = self._pool.box(needed)
        result = run_property(promise, check, box, examples=examples, seed=self._seed, phases=PROVING)
        if result.trouble or result.violation:
            self._pool.discard(needed)  # a broken promise may have left the box in disorder
        return result
