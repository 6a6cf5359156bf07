"""Running one check on one box: Hypothesis generates, the check decides, and what it said is kept."""

from __future__ import annotations

import inspect
import os
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.control import current_build_context
from hypothesis.strategies import DrawFn, SearchStrategy, composite, just

from pytest_isolation.boxes.host import LOCAL_HOST
from pytest_isolation.boxes.procfs import status_of
from pytest_isolation.errors import (
    NO_RIGHT,
    BoxError,
    Lacking,
    Undecided,
    Unsupported,
    Violation,
    unless_root,
)
from pytest_isolation.guarantees import lists
from pytest_isolation.guarantees.guarantee import ENTRY, PROMISE, Guarantee, Notes
from pytest_isolation.guarantees.result import Enough, Program, PropertyResult, classify
from pytest_isolation.outside.box import Box

PROVING = (Phase.explicit, Phase.generate)
"""A control only has to fire: nobody reads its smallest program."""
MEASURING = (Phase.explicit, Phase.generate, Phase.shrink)
SHRINK_S = 1.0
"""How long a smaller violation is looked for: a fresh box for each try would take minutes."""


OURS = settings(
    deadline=None,
    database=None,
    derandomize=False,
    print_blob=False,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
"""Whatever profile the user has loaded."""


def take_over(test: Callable[..., Any]) -> None:
    """Have Hypothesis' own pytest plugin look at the check with our settings.

    It looks before the check runs, and would fail one whose `box` is also a fixture of the user's.
    """
    if hasattr(test, "hypothesis"):
        test._hypothesis_internal_use_settings = OURS  # type: ignore[attr-defined]


def draw_of_strategies_alone() -> None:
    """Have Hypothesis look for no constants in modules that it takes for the user's own, to draw them as inputs.

    In a checkout those are ours, in a wheel none; and which are imported depends on what was measured before, and by
    which process: the same seed would give other inputs.  For a process that runs no test of the user's.
    """
    from hypothesis.internal.conjecture import providers

    found: Any = getattr(providers, "_local_constants", None)  # Hypothesis before 6.130 has none
    if found is not None and hasattr(providers, "_get_local_constants"):
        providers._get_local_constants = lambda: found


@dataclass(frozen=True, slots=True)
class Check:
    """A test function with all it is called with but `box` and what Hypothesis draws.

    `instance`: of the class whose method it is.
    """

    test: Callable[..., Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Of pytest's parameters and fixtures."""
    instance: object = None
    parameters: str = ""
    """Of pytest, as text: another control belongs to others."""

    @property
    def hypothesis(self) -> Any:
        """Hypothesis' handle; None for a test without @given."""
        return getattr(self.test, "hypothesis", None)

    @property
    def name(self) -> str:
        """Tells two tests, and two sets of parameters, of one guarantee apart."""
        return f"{self.test.__module__}.{self.test.__qualname__}[{self.parameters}]"

    def call(self, test: Callable[..., Any], box: Box) -> Any:
        """Call `test`, which is `self.test` or wraps it."""
        first = () if self.instance is None else (self.instance,)
        return test(*first, box=box, **self.arguments)


def run_property(
    promise: Guarantee,
    test: Callable[..., Any] | Check,
    box: Box,
    *,
    examples: int,
    seed: int,
    phases: tuple[Phase, ...] = MEASURING,
    confirm: bool = True,
) -> PropertyResult:
    """Run `test` with `box`; every exception it can raise has become a value.

    With `confirm` the input of a violation is run again, as Hypothesis does; without, the first violation ends the run.
    """
    ran = PropertyResult()
    check = test if isinstance(test, Check) else Check(test)
    promise.notes.become(Notes())
    try:
        if check.hypothesis is not None:
            _generate(promise, check, box, ran, examples, seed, phases, confirm)
        else:
            check.call(_count(promise, ran, box, check.test, _Pace()), box)
            ran.exhausted = True
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        classify(error, ran, promise.file)
    ran.notes = promise.notes.copy()
    # Not every input, where some said nothing.
    ran.exhausted = ran.exhausted and not ran.undecided
    if not (ran.violation or ran.trouble or ran.unsupported):
        _complete(promise, ran, box)
    return ran


def _complete(promise: Guarantee, ran: PropertyResult, box: Box) -> None:
    """A check that never asked for anything proves nothing, however green it ended."""
    if ran.undecided and not ran.decided:
        cause = unless_root(NO_RIGHT) if _has_our_rights(box) else None
        ran.unsupported = Unsupported(f"no example came to the question: {ran.reasons}", cause=cause)
    elif not ran.notes.requires:
        ran.trouble = "the check ended without one require(): no example was decided"
    elif promise.oracle == "receipt" and not ran.notes.receipts:
        ran.trouble = "the check ended without one receipt: nothing shows that it could have found what is hidden"


def _has_our_rights(box: Box) -> bool:
    """Whether its processes are ours on the host, so that another account's would have other rights."""
    if not box.parts.shares_kernel or box.parts.init_pid is None or box.parts.host is not LOCAL_HOST:
        return False
    with suppress(OSError):  # it has ended
        return status_of(Path(f"/proc/{box.parts.init_pid}"))["Uid"].split()[0] == str(os.geteuid())
    return False


def _generate(
    promise: Guarantee,
    check: Check,
    box: Box,
    ran: PropertyResult,
    examples: int,
    seed: int,
    phases: tuple[Phase, ...],
    confirm: bool,
) -> None:
    handle: Any = check.test
    inner = handle.hypothesis.inner_test
    drawn = handle.hypothesis._given_kwargs
    seen: list[dict[str, Any]] = []
    pace = _Pace()
    counted = _count(promise, ran, box, inner, pace, seen, confirm=confirm)
    examples = lists.number(drawn, examples)
    ours = settings(OURS, max_examples=examples, phases=phases)
    handle._hypothesis_internal_use_settings = ours
    handle._hypothesis_internal_use_seed = seed ^ zlib.crc32(promise.inputs.encode())
    handle.hypothesis.inner_test = counted
    strategies = dict(drawn)
    drawn.update({name: _in_time(one, pace) for name, one in strategies.items() if isinstance(one, SearchStrategy)})
    try:
        check.call(check.test, box)
    finally:
        handle.hypothesis.inner_test = inner
        drawn.update(strategies)
    # Without a failure Hypothesis stops early for one reason: every input was tried.
    ran.exhausted = ran.examples < examples
    short = lists.lists(drawn)
    for row in lists.left_out(short, seen) if short and not ran.exhausted else ():
        one: Any = given(**{**drawn, **{name: just(value) for name, value in row.items()}})(counted)
        one._hypothesis_internal_use_settings = settings(ours, max_examples=1)
        one._hypothesis_internal_use_seed = handle._hypothesis_internal_use_seed
        check.call(one, box)


@dataclass(slots=True)
class _Pace:
    """How long a smaller failure is looked for."""

    until: float | None = None
    """A time of time.monotonic(); None: nothing has failed yet."""
    failed: int = 0
    """Examples that did, so far."""

    def fail(self) -> None:
        if self.until is None:
            self.until = time.monotonic() + SHRINK_S
        self.failed += 1

    @property
    def over(self) -> bool:
        return self.until is not None and time.monotonic() > self.until


@composite
def _in_time(draw: DrawFn, strategy: SearchStrategy[Any], pace: _Pace) -> Any:
    """What `strategy` draws; nothing when the time to shrink is over, for some inputs take longer than their example.

    The first failure is always run again, and the last: without them Hypothesis takes the check for a flaky one.  To it
    an example that is left out was too large, which says nothing of what it has drawn.
    """
    context = current_build_context()
    if pace.over and pace.failed > 1 and not context.is_final:
        context.data.mark_overrun()
    return draw(strategy)


def _count(
    promise: Guarantee,
    ran: PropertyResult,
    box: Box,
    inner: Callable[..., Any],
    pace: _Pace,
    seen: list[dict[str, Any]] | None = None,
    *,
    confirm: bool = True,
) -> Callable[..., Any]:
    """`inner`, counted; what each example was given is added to `seen`.

    What an example that decides nothing has noted is forgotten.  When the time to shrink is over, only what is known
    to fail is run again.
    """
    signature = inspect.signature(inner)
    hidden = {"box", PROMISE, ENTRY} if promise.family else {"box"}
    failing: list[dict[str, str]] = []

    def shown(*args: Any, **kwargs: Any) -> dict[str, str]:
        given = signature.bind(*args, **kwargs).arguments
        return {key: repr(value) for key, value in given.items() if key not in hidden}

    def example(*args: Any, **kwargs: Any) -> Any:
        if pace.over and shown(*args, **kwargs) not in failing:
            return None
        ran.examples += 1
        if seen is not None:
            seen.append(dict(signature.bind(*args, **kwargs).arguments))
        before = promise.notes.copy()
        with box.agent.traced() as trace:
            try:
                done = inner(*args, **kwargs)
                if promise.notes.vain is not None and promise.notes.acts == before.acts:
                    raise Undecided(promise.notes.vain)
                return done
            except Undecided as undecided:
                ran.undecided[str(undecided)] += 1
                promise.notes.become(before)
                return None
            except Lacking as error:
                raise Enough(error) from error
            except (Violation, BoxError) as error:
                arguments = shown(*args, **kwargs)
                if isinstance(error, Violation):
                    ran.violations += 1
                    ran.program = Program.of(trace.made(), error.told)
                    ran.arguments = arguments
                    if not confirm:
                        raise Enough(error) from error
                # Trouble is shrunk no longer than a violation: it is not the answer.
                pace.fail()
                failing.append(arguments)
                raise
            finally:
                promise.notes.vain = None

    example.__name__ = getattr(inner, "__name__", "check")
    example.__signature__ = signature  # type: ignore[attr-defined]
    return example
