"""What a technology is: how to start a box of one kind, and what can be said of it without starting one."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pytest_isolation.boxes.handle import BoxHandle
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import Weakenings
from pytest_isolation.errors import Unavailable, UsageError
from pytest_isolation.outside.box import Box

if TYPE_CHECKING:
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import Unobtainable

__all__ = ["Further", "Technology", "flag", "further", "refuse_lacking", "refuse_unknown_holes", "start_box", "texts"]


PERIOD_US = 100_000
"""Of a quota of processor time whose period nobody named: the kernel's, and the engines'."""


def refuse_unknown_holes(technology: Technology, spec: BoxSpec) -> None:
    """Raises Unavailable, naming it, for a weakening this technology cannot open: never passed over."""
    for hole in sorted(spec.weakenings - technology.weakenings()):
        raise Unavailable(f"{technology.name} cannot open the hole {hole} here")


def refuse_lacking(spec: BoxSpec, *fields: str) -> None:
    """Raises Unavailable for what a user asked of the box and its technology has not; `fields`: of BoxSpec.

    For check_available, which sees what the user wrote.  A check's own changes to the spec go to launch, where a limit
    that nothing keeps is what the check is there to find.
    """
    plain = BoxSpec(technology=spec.technology)
    asked = [f"{field}={getattr(spec, field)}" for field in fields if getattr(spec, field) != getattr(plain, field)]
    if asked:
        raise Unavailable(
            f"{spec.technology} cannot give a box {', '.join(asked)}: it has nothing of the kind",
            "leave that out, or name a technology that has it",
        )


def start_box(spec: BoxSpec, start: Callable[[ExitStack], BoxHandle]) -> Box:
    """What `start` starts, as a box of `spec`; how long that took is measured here.

    The exit stack that `start` is given takes each callback that ends a part of the box, and later those of
    BoxHandle.enter.  It is unwound at the box's end, or at once when the start fails.
    """
    began = time.perf_counter()
    undo = ExitStack()
    with ExitStack() as failed:
        failed.push(undo)
        parts = start(undo)
        parts.close = undo.close
        parts.started_ms = (time.perf_counter() - began) * 1e3
        box = Box(spec, parts)
        failed.pop_all()
    return box


def flag(spec: BoxSpec, key: str) -> bool:
    """A keyword that is true or false, false when it was not given; raises UsageError for another value."""
    value = str(spec.option(key, "false")).lower()
    if value not in ("true", "false"):
        raise UsageError(f"{key}={value}: expected true or false")
    return value == "true"


def texts(spec: BoxSpec, key: str) -> tuple[str, ...]:
    """A keyword that is a list, however many values were given."""
    value = spec.option(key, ())
    return tuple(map(str, value)) if isinstance(value, tuple | list) else (str(value),)


def usual_name(technology: object, spec: BoxSpec) -> str:
    """What a box of `spec` is called that its user gives no name: as its technology, or as that calls it."""
    return further(technology).called(spec) or spec.technology


def taken(spec: BoxSpec, key: str) -> tuple[BoxSpec, str | None]:
    """`spec` without its keyword `key`, and that one's text; as it was, and None, without it, or where it is a list."""
    value = spec.option(key)
    if value is None or isinstance(value, tuple | list):
        return spec, None
    return replace(spec, options=tuple(pair for pair in spec.options if pair[0] != key)), str(value)


def give(spec: BoxSpec, field: str, value: float | None, written: str) -> BoxSpec:
    """`spec` with the limit that was `written` in the engine's words.  Raises UsageError where it has another."""
    had = getattr(spec, field)
    if had is not None and value is not None:
        raise UsageError(f"{spec.technology}: {field}={had} and {written} set the same; give one of them")
    changes: dict[str, Any] = {field: value}
    return spec if value is None else replace(spec, **changes)


def quota(spec: BoxSpec) -> BoxSpec:
    """cpu_quota and cpu_period, microseconds, as both Docker and Podman have them, as `cpus`.  Raises UsageError."""
    if spec.option("cpu_period") is not None and spec.option("cpu_quota") is None:
        raise UsageError(
            f"{spec.technology}: cpu_period={spec.option('cpu_period')} limits nothing without cpu_quota; give cpus=N"
        )
    spec, part = taken(spec, "cpu_quota")
    if part is None:
        return spec
    spec, whole = taken(spec, "cpu_period")
    numbers = [part, whole or str(PERIOD_US)]
    if not all(re.fullmatch(r"-?[0-9]{1,18}", text) for text in numbers):
        raise UsageError(f"{spec.technology}: cpu_quota={part}, cpu_period={whole}: expected whole numbers")
    most, period = map(int, numbers)
    cpus = most / (period if period > 0 else PERIOD_US) if most > 0 else None
    return give(spec, "cpus", cpus, f"cpu_quota={part}")


class Technology(Protocol):
    """One way to isolate.  A technology has no state: what it starts belongs to the Lifetime."""

    @property
    def name(self) -> str:
        """As in `--box NAME`."""

    @property
    def start_ms(self) -> int:
        """About how long a start takes here: decides which technology serves a control."""

    @property
    def doors(self) -> tuple[str, ...]:
        """The ways into a box: ("start",), or ("start", "exec") when BoxHandle.enter comes into a running one.

        ("exec",) when somebody else has started it.
        """

    @property
    def keywords(self) -> Mapping[str, str]:
        """Keywords of its own, beside those every box has, with one line of help each.

        A key "*" means: any further keyword is passed on as it is.
        """

    def weakenings(self) -> Weakenings:
        """The holes it can open on this machine, for this user."""

    def check_available(self, spec: BoxSpec) -> None:
        """Raises Unavailable, with the reason and the remedy, when `spec` cannot be started here.

        Starts nothing and changes nothing.
        """

    def facts(self, spec: BoxSpec) -> Mapping[str, Any]:
        """`version`, and whatever else of the runtime matters to the results.  Raises Unavailable."""

    def launch(self, spec: BoxSpec, lifetime: Lifetime) -> Box:
        """Start a box.  Everything it makes is registered with `lifetime` before it is made.

        Raises Unavailable when this machine refuses, BoxError when the start fails, Unsupported when
        this technology has no way to do what `spec` asks.
        """

    def clean(self, kind: str, handle: str) -> bool:
        """Remove one thing an earlier, dead run registered under a kind of this technology's own.

        Returns whether it was there.  Only called for handles proven to be a dead run's.
        """


def _as_written(spec: BoxSpec) -> BoxSpec:
    return spec


def _unnamed(spec: BoxSpec) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Further:
    """What a technology may have besides the protocol, under these names, and what counts where it has not.

    Ours leave out what they have no use for, and those of other packages need know of none.
    """

    claims: Path | None = None
    """The file of its claims, of a technology that is not built in: guarantees/claims.py."""
    controls_others: bool = True
    """Whether a box of it, with a hole, may be the control for boxes of other technologies: suite/controls.py."""
    lacking: Mapping[str, Callable[[Unobtainable], object]] = field(default_factory=dict)
    """How its boxes are asked to have what cannot be had here: lacking.py."""
    limits_known: frozenset[str] = frozenset()
    """Resources whose limits its boxes can be asked to have: limiting.py."""
    wording: Mapping[str, Callable[[str], Any]] = field(default_factory=dict)
    """How its boxes are asked for limits as users write them: wording.py."""
    meant: Callable[[BoxSpec], BoxSpec] = _as_written
    """The spec with its own words for what every box has in the fields of every box.  Raises UsageError."""
    called: Callable[[BoxSpec], str] = _unnamed
    """The name of what a keyword of it names; empty where the spec has none."""


def further(technology: object) -> Further:
    """What `technology` has of it."""
    known = (one.name for one in fields(Further))
    return Further(**{name: getattr(technology, name) for name in known if hasattr(technology, name)})
