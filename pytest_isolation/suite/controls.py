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
from pathlib import Path
from typing import Any

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import BoxError, Cause, IsolationError, Lacking, Unsupported
from pytest_isolation.guarantees.guarantee import EXAMPLES, Guarantee
from pytest_isolation.guarantees.property import PROVING, Check, run_property
from pytest_isolation.technologies import names, technology
from pytest_isolation.technologies.pool import Pool

BROKEN = "broken"
"""Of a control that could be started and came to no answer: in the report such a row is inconclusive."""
NO_CONTROL = Cause("without root, no box here opens the holes that would prove these", "run as root")
QUICK_MS = 100
"""A technology that starts within this serves as its own control."""


@dataclass(frozen=True, slots=True)
class Control:
    """`state`: fired, silent, broken, or none: nothing on this machine can open the hole, for `reason`."""

    state: str
    box: str | None = None
    reason: str | None = None

    def row(self) -> dict[str, str | None]:
        """The fields of a row that holds without a control."""
        if os.geteuid() == 0:
            return {"reason": self.reason}
        return Unsupported(self.reason or "", cause=NO_CONTROL).row()


class Controls:
    """The controls of one session; `directory` is shared by its workers."""

    def __init__(self, pool: Pool, directory: Path, seed: int) -> None:
        self._pool, self._directory, self._seed = pool, directory, seed
        self._unavailable: dict[str, str | None] = {}
        """By technology, why none of its boxes can be a control here; None where one can."""

    def of(self, promise: Guarantee, test: Callable[..., Any] | Check, technology_name: str) -> Control:
        """The control for a box of `technology_name`; run now unless it was before."""
        serving, reasons = self._candidates(promise, technology_name)
        broken: Control | None = None
        for name in serving:
            control = self._once(promise, test, name)
            if control.state not in ("none", BROKEN):
                return control
            broken = broken or (control if control.state == BROKEN else None)
            reasons.append(control.reason or "")
        if broken is not None:
            return broken
        holes = ", ".join(sorted(map(str, promise.falsified_by)))
        return Control("none", reason=f"nothing here can open {holes}: {'; '.join(dict.fromkeys(reasons))}")

    def _candidates(self, promise: Guarantee, own: str) -> tuple[list[str], list[str]]:
        able, reasons = [], []
        for name in names():
            one = technology(name)
            if not promise.falsified_by <= one.weakenings():
                continue
            if (error := self._why_not(name)) is not None:
                reasons.append(f"{name}: {error}")
                continue
            able.append(name)
        able.sort(
            key=lambda name: (not (name == own and technology(name).start_ms <= QUICK_MS), technology(name).start_ms)
        )
        if not able and not reasons:
            reasons.append("no technology has that weakening")
        return able, reasons

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
                return Control(**json.loads(known))
            control = self._run(promise, test, name)
            file.write(json.dumps(asdict(control)))
            return control

    def _run(self, promise: Guarantee, test: Callable[..., Any] | Check, name: str) -> Control:
        spec = BoxSpec(technology=name, name=f"control-{name}").weakened(*promise.falsified_by)
        control = Control(*prove(promise, test, spec, self._pool, self._seed))
        if control.state == BROKEN:  # once more: a machine that is busy breaks a control now and then
            control = Control(*prove(promise, test, spec, self._pool, self._seed))
        if control.state == "silent" and promise.needs_root and os.geteuid() != 0:
            # A daemon's box may be root's all the same: so it is tried.
            return replace(control, state="none", reason=f"{name}: the kernel lets the host's root alone do that")
        return control


def prove(
    promise: Guarantee, test: Callable[..., Any] | Check, spec: BoxSpec, pool: Pool, seed: int
) -> tuple[str, str, str | None]:
    """Run a check on a box with its falsifier open: (state of its Control, the technology, why not fired).

    Controls with equal boxes share one.  Where a check does not fire on one that others had, it has another try on a
    box of its own: what they left there is no answer.
    """
    found, used = _prove(promise, test, spec, pool, seed)
    if used and found[0] != "fired":
        found, _ = _prove(promise, test, spec, pool, seed, fresh=True)
    return found


def _prove(
    promise: Guarantee, test: Callable[..., Any] | Check, spec: BoxSpec, pool: Pool, seed: int, *, fresh: bool = False
) -> tuple[tuple[str, str, str | None], bool]:
    """As prove(), once; and whether somebody had the box before."""
    used = False
    try:
        with pool.lend(replace(spec, **promise.box, **promise.control_box), fresh=fresh) as (box, used):
            ran = run_property(
                promise, test, box, examples=EXAMPLES[promise.kind], seed=seed, phases=PROVING, confirm=False
            )
            if ran.trouble:
                raise BoxError(ran.trouble)  # the box may be why: nobody else gets it
    except Lacking as error:
        return ("none", spec.technology, f"{spec.id}: {error}"), used
    except (IsolationError, OSError) as error:
        return (BROKEN, spec.technology, f"{spec.id}: {error}"), used
    if ran.violation is not None:
        return ("fired", spec.technology, None), used
    if ran.unsupported:
        return ("none", spec.technology, f"{spec.id}: {ran.unsupported}"), used
    return ("silent", spec.technology, f"{spec.id}: {ran.examples} examples and no violation"), used
