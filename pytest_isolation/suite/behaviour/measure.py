"""Drawn sequences in a box of each technology and on its machine: what ends otherwise, at its smallest, and why."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import BoxError, IsolationError, in_one_line
from pytest_isolation.outside.behaviour.compared import Compared, compared, compared_on_image
from pytest_isolation.outside.behaviour.kinds import BY_NAME, Kind
from pytest_isolation.outside.behaviour.play import Call, Seen
from pytest_isolation.report.lines import counted
from pytest_isolation.strategies import sequences
from pytest_isolation.suite import drawing
from pytest_isolation.suite.behaviour import layers, view
from pytest_isolation.suite.plain_boxes import plain
from pytest_isolation.technologies.pool import Pool

if TYPE_CHECKING:
    from pytest_isolation.outside.box import Box

TECHNOLOGIES = (
    "chroot", "namespaces", "bubblewrap", "nspawn", "lxc", "runc", "crun", "gvisor", "docker", "podman", "cri", "qemu",
)  # fmt: skip
BROKEN = IsolationError, OSError, subprocess.SubprocessError
TOGETHER = 32
"""Trees of the image of one box."""
AGAIN = 6
"""How often a sequence is made without the call that ended otherwise, so that what comes after it is seen."""
Calls = tuple[Call, ...]
Ask = Callable[[Sequence[Calls]], list[Compared]]


@dataclass(frozen=True, slots=True)
class Difference:
    """A call that ends otherwise, and the shortest sequence found in which it does."""

    calls: tuple[str, ...]
    """Of the sequence, as the machine answered them, down to that call."""
    machine: str
    box: str
    """What came of it."""
    sequences: int
    """In how many of those that were drawn."""
    layer: str = ""
    """Which layer answers: layers.py."""


@dataclass(slots=True)
class Measured:
    """One technology."""

    version: str = ""
    missing: str = ""
    sees: dict[str, str] = field(default_factory=dict)
    """What a program sees of where it is: view.py."""
    compared: dict[str, int] = field(default_factory=dict)
    """Kind -> sequences that were compared."""
    differences: dict[str, list[Difference]] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)
    """Kind -> why it could not be compared."""


def drawn(kind: str, count: int, start: int) -> list[Calls]:
    """At most `count` sequences, the same for the same `start`."""
    return drawing.drawn(sequences().map(BY_NAME[kind].calls), count, start)


def measure(
    names: Sequence[str],
    asked: Mapping[str, Sequence[Calls]],
    *,
    tell: Callable[[str], None],
    into: dict[str, Measured],
) -> None:
    """Each technology of `names`, by the sequences of each kind.  `into` has a kind once it was compared.

    Raises KeyboardInterrupt.
    """
    for name in names:
        found = into[name] = Measured()
        lifetime = Lifetime()
        pool = Pool(lifetime)
        try:
            spec, found.version = plain(name)
            box = pool.box(spec)
            found.sees = view.seen(box)
            for kind, some in asked.items():
                tell(f"{name} {kind}: {counted(len(some), 'sequence')}")
                try:
                    found.differences[kind] = _kind(spec, pool, BY_NAME[kind], some)
                    found.compared[kind] = len(some)
                except BROKEN as error:
                    found.troubles[kind] = in_one_line(error)
                    tell(f"{name} {kind}: {found.troubles[kind]}")
        except BROKEN as error:
            found.missing = in_one_line(error)
        finally:
            pool.close()
            lifetime.close()


def _kind(spec: BoxSpec, pool: Pool, kind: Kind, some: Sequence[Calls]) -> list[Difference]:
    def ask(these: Sequence[Calls]) -> list[Compared]:
        return ask_in(pool.box(spec), kind, these)

    found = []
    for groups in differing(ask, some).values():
        smallest, one = minimal(ask, groups)
        first = one.first
        assert first is not None
        machine, box = first
        layer = layers.layer(spec, pool, kind, smallest)
        made = [str(seen) for seen in one.machine[: one.differing] if seen.of < len(smallest)]
        found.append(Difference((*made, machine.call), machine.result, box.result, len(groups), layer))
    return sorted(found, key=lambda one: (-one.sequences, one.calls))


def ask_in(box: Box, kind: Kind, these: Sequence[Calls]) -> list[Compared]:
    """Each of `these` in the box, or on the image of one like it, and on the machine.  Raises as compared()."""
    if not kind.on_image:
        return [compared(box, kind, one) for one in these]
    found: list[Compared] = []
    for at in range(0, len(these), TOGETHER):
        found += compared_on_image(box, kind, these[at : at + TOGETHER])
    return found


def sort_of(first: tuple[Seen, Seen]) -> tuple[str, str, str]:
    """What two differences have in common that are one: the call without its arguments, and the errnos.

    Of two answers, which of their parts differ: a number of names is not a mode.
    """
    call = re.sub(r"^.* = ", "", first[0].call)
    words = re.findall(r"[A-Z]{2,}_[A-Z_|]+", call)
    name = " ".join([call.partition("(")[0], *words])
    if any(re.fullmatch("E[A-Z0-9]+", one.result) for one in first):
        return name, *(one.result if re.fullmatch("E[A-Z0-9]+", one.result) else "an answer" for one in first)  # type: ignore[return-value]
    parts = zip(*(one.result.split(", ") for one in first), strict=False)
    return name, "an answer", " ".join(str(at) for at, (one, other) in enumerate(parts) if one != other)


def differing(ask: Ask, some: Sequence[Calls]) -> dict[tuple[str, str, str], list[Calls]]:
    """Sort of difference -> the sequences that have it first, each sequence once more without what was found in it."""
    found: dict[tuple[str, str, str], list[Calls]] = {}
    left = list(some)
    for _ in range(AGAIN):
        again: list[Calls] = []
        for sequence, one in zip(left, ask(left), strict=True):
            if (first := one.first) is None:
                continue
            found.setdefault(sort_of(first), []).append(sequence)
            at = first[0].of
            if at < len(sequence):  # else it is seen when all is over: any of the calls may have made it
                again.append(sequence[:at] + sequence[at + 1 :])
        if not again:
            break
        left = again
    return found


def minimal(ask: Ask, some: Sequence[Calls]) -> tuple[Calls, Compared]:
    """The shortest of `some`, without all that the same sort of difference does not need."""
    best = min(some, key=lambda calls: (len(calls), calls))
    (known,) = ask([best])
    if known.first is None:
        raise BoxError(f"what ended otherwise did not when it was asked again: {'; '.join(known.program)}")
    sort = sort_of(known.first)
    while tried := _shorter(best):
        kept = [
            (calls, one)
            for calls, one in zip(tried, ask(tried), strict=True)
            if one.first is not None and sort_of(one.first) == sort
        ]
        if not kept:
            break
        best, known = min(kept, key=lambda pair: len(pair[0]))
    return best, known


def _shorter(calls: Calls) -> list[Calls]:
    """Without one part each, of half its length down to a single call."""
    size, found = max(len(calls) // 2, 1), dict[Calls, None]()
    while size and calls:
        found |= dict.fromkeys(calls[:at] + calls[at + size :] for at in range(0, len(calls), size))
        size //= 2
    return list(found)


def compared_any(found: Mapping[str, Measured]) -> bool:
    """Whether any sequence was compared."""
    return any(any(one.compared.values()) for one in found.values())
