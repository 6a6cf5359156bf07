"""Controls: a promise is proven only where its falsifier, opened on purpose, was seen to break it.

The control of each guarantee, and of each test where it has several, runs once a session, on the
box's own technology where that starts quickly, else on the quickest that can open the hole.  Workers
of pytest-xdist share the results.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import BoxError, Cause, IsolationError, Lack, Lacking, Unsupported
from pytest_isolation.guarantees import verdicts
from pytest_isolation.guarantees.guarantee import EXAMPLES, Guarantee
from pytest_isolation.guarantees.property import PROVING, Check, run_property
from pytest_isolation.technologies import names, technology
from pytest_isolation.technologies.base import further
from pytest_isolation.technologies.pool import Pool

NO_CONTROL = Cause("without root, no box here opens the holes that would prove these", "run as root")
QUICK_MS = 100
"""A technology that starts within this serves as its own control."""


class State(StrEnum):
    """What became of a control."""

    FIRED = "fired"
    SILENT = "silent"
    NONE = "none"
    """Nothing on this machine can open the hole."""
    BROKEN = "broken"
    """It could be started and came to no answer: in the report such a row is inconclusive."""

    @property
    def of_row(self) -> verdicts.Control:
        """As the report has it."""
        return verdicts.Control.NONE if self is State.BROKEN else verdicts.Control(self.value)


@dataclass(frozen=True, slots=True)
class Control:
    """A check's control, and the technology of its box."""

    state: State
    box: str | None = None
    reason: str | None = None
    """Why it has not fired."""

    @property
    def lack(self) -> Lack:
        """What a row says that holds without a control."""
        if os.geteuid() == 0:
            return Lack(self.reason or "")
        return Unsupported(self.reason or "", cause=NO_CONTROL).lack

    def to_json(self) -> str:
        """A line of text, for the other workers."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Control:
        """As another worker has written it."""
        told = json.loads(text)
        return cls(State(told["state"]), told["box"], told["reason"])


class Controls:
    """The controls of one session; `directory` is shared by its workers."""

    def __init__(self, pool: Pool, directory: Path, seed: int) -> None:
        self._pool, self._directory, self._seed = pool, directory, seed
        self._unavailable: dict[str, str | None] = {}
        """By technology, why none of its boxes can be a control here; None where one can."""

    def of(self, promise: Guarantee, test: Callable[..., Any] | Check, technology_name: str) -> Control:
        """The control for a box of `technology_name`; run now unless it was before."""
        reasons: list[str] = []
        broken: Control | None = None
        for name in self._candidates(promise, technology_name):
            # Asked when it is its turn: the answer can take a daemon, a library that does not like a fork.
            if (error := self._why_not(name)) is not None:
                reasons.append(f"{name}: {error}")
                continue
            control = self._once(promise, test, name)
            if control.state not in (State.NONE, State.BROKEN):
                return control
            broken = broken or (control if control.state is State.BROKEN else None)
            reasons.append(control.reason or "")
        if broken is not None:
            return broken
        holes = ", ".join(sorted(map(str, promise.falsified_by)))
        why = "; ".join(dict.fromkeys(reasons)) or "no technology has that weakening"
        return Control(State.NONE, reason=f"nothing here can open {holes}: {why}")

    def _candidates(self, promise: Guarantee, own: str) -> list[str]:
        """Who has the holes: the box's own technology first where it is quick, then what starts sooner."""
        able = [
            name
            for name in names()
            if (name == own or further(technology(name)).controls_others)
            and promise.falsified_by <= technology(name).weakenings()
        ]
        return sorted(
            able,
            key=lambda name: (not (name == own and technology(name).start_ms <= QUICK_MS), technology(name).start_ms),
        )

    def _why_not(self, name: str) -> str | None:
        """Why a technology cannot be started here, asked once: most ask a daemon, or run a program, to know."""
        if name not in self._unavailable:
            try:
                technology(name).check_available(BoxSpec(technology=name))
                self._unavailable[name] = None
            except IsolationError as error:
                self._unavailable[name] = str(error)
        return self._unavailable[name]

    def _once(self, promise: Guarantee, test: Callable[..., Any] | Check, name: str) -> Control:
        # A control is one test's: another test of the same guarantee, or other parameters, need not fire with it.
        check = test if isinstance(test, Check) else Check(test)
        whose = hashlib.sha256(check.name.encode()).hexdigest()[:16]
        with (self._directory / f"{promise.id}~{name}~{whose}.json").open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            if known := file.read():
                return Control.from_json(known)
            control = self._run(promise, test, name)
            file.write(control.to_json())
            return control

    def _run(self, promise: Guarantee, test: Callable[..., Any] | Check, name: str) -> Control:
        spec = BoxSpec(technology=name, name=f"control-{name}").weakened(*promise.falsified_by)
        control = prove(promise, test, spec, self._pool, self._seed)
        if control.state is State.BROKEN:  # once more: a machine that is busy breaks a control now and then
            control = prove(promise, test, spec, self._pool, self._seed)
        if control.state is State.SILENT and promise.needs_root and os.geteuid() != 0:
            # A daemon's box may be root's all the same: so it is tried.
            return replace(control, state=State.NONE, reason=f"{name}: the kernel lets the host's root alone do that")
        return control


def prove(promise: Guarantee, test: Callable[..., Any] | Check, spec: BoxSpec, pool: Pool, seed: int) -> Control:
    """Run a check on a box with its falsifier open.

    Controls with equal boxes share one.  Where a check does not fire on one that others had, it has another try on a
    box of its own: what they left there is no answer.
    """
    found, used = _prove(promise, test, spec, pool, seed)
    if used and found.state is not State.FIRED:
        found, _ = _prove(promise, test, spec, pool, seed, fresh=True)
    return found


def _prove(
    promise: Guarantee, test: Callable[..., Any] | Check, spec: BoxSpec, pool: Pool, seed: int, *, fresh: bool = False
) -> tuple[Control, bool]:
    """As prove(), once; and whether somebody had the box before."""
    used = False
    try:
        with pool.leased(replace(spec, **promise.box, **promise.control_box), fresh=fresh) as (box, used):
            ran = run_property(
                promise, test, box, examples=EXAMPLES[promise.kind], seed=seed, phases=PROVING, confirm=False
            )
            if ran.trouble:
                raise BoxError(ran.trouble)  # the box may be why: nobody else gets it
    except Lacking as error:
        return Control(State.NONE, spec.technology, f"{spec.id}: {error}"), used
    except (IsolationError, OSError) as error:
        return Control(State.BROKEN, spec.technology, f"{spec.id}: {error}"), used
    if ran.violation is not None:
        return Control(State.FIRED, spec.technology), used
    if ran.unsupported:
        return Control(State.NONE, spec.technology, f"{spec.id}: {ran.unsupported}"), used
    return Control(State.SILENT, spec.technology, f"{spec.id}: {ran.examples} examples and no violation"), used
