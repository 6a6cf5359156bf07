"""The boxes of a search for depth: each is started with some holes, and asked what held without them."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Self

from pytest_isolation.agent.constants import PR
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import Weakenings
from pytest_isolation.errors import BoxError
from pytest_isolation.guarantees.defences import by_hole
from pytest_isolation.guarantees.guarantee import EXAMPLES, Kind
from pytest_isolation.report.further import BoxDepth, DepthRow
from pytest_isolation.suite.depth.search import MOST, Found, Question, search
from pytest_isolation.suite.interrupts import raise_what_was_lost
from pytest_isolation.suite.jobs import PER_PROCESSOR
from pytest_isolation.suite.order import LONG
from pytest_isolation.suite.weakened import Answers, WeakenedBoxes, checks
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.pool import Pool

BUDGET_S = 600.0
"""Of a box; what is not asked by then is said."""
FEW: dict[Kind, int] = {"per-call": 5, "per-window": 2, "per-box": 1, "per-road": 1}
"""Examples in a box whose holes are not those of the guarantee's falsifier; else those of its kind."""

LOOK_S = 1.0
"""Between two looks whether somebody asked for the end."""


def measure(
    specs: Iterable[BoxSpec],
    held: Mapping[str, Sequence[str]],
    *,
    seed: int,
    jobs: int | None = None,
    tell: Callable[[str], None] = lambda said: None,
    into: list[BoxDepth] | None = None,
) -> list[BoxDepth]:
    """The depth of each of `specs` that holes can be opened in.

    `held`: name of a box -> ids of the guarantees that held in it.  `jobs`: processes that start boxes; None: two for
    each processor.  `into` is filled as soon as something is known.  Raises KeyboardInterrupt, with what is known in
    `into`; BoxError where a process that measures ended before it was done.
    """
    into = [] if into is None else into
    for spec in specs:
        holes = frozenset() if spec.attached else technology(spec.technology).weakenings() - spec.weakenings
        ids = [id for id in held.get(spec.name, ()) if id in checks()]
        if not holes or not ids:
            continue
        began = time.monotonic()
        found = Found()
        asking = _Asking(spec, seed, began + BUDGET_S, jobs or PER_PROCESSOR * len(os.sched_getaffinity(0)), tell)
        try:
            with asking:
                falsifiers = {id: checks()[id][0][0].falsified_by for id in ids}
                search(holes, falsifiers, asking.ask, concerns=concerns, found=found)
        except KeyboardInterrupt:
            found.cut_short = True
            raise
        except BrokenProcessPool:
            raise BoxError(f"depth of {spec.name}: a process that started boxes ended before it was done") from None
        finally:
            into.append(_told(spec, ids, found, time.monotonic() - began))
    return into


def concerns(these: Weakenings, id: str) -> bool:
    """Whether a guarantee is asked in a box with these holes.

    In those of its falsifier, always.  Elsewhere not when its check waits for seconds or wants a box of its own,
    which would be started for each hole; losses of an image are about portability, and that about nothing else;
    what a process that enters lacks is about entering.
    """
    promise = checks()[id][0][0]
    if these & promise.falsified_by:
        return True
    if promise.box or promise.control_box or promise.kind == "per-window" or id.startswith(LONG):
        return False
    if promise.domain == "port" or any(hole.kind == "lossy" for hole in these):
        return False
    entering = any(hole.what.startswith("exec-") for hole in these)
    return not entering or promise.domain == "exec"


class _Asking:
    """Processes that start boxes and ask them, while there is time; each has a register of its own."""

    def __init__(self, spec: BoxSpec, seed: int, until: float, jobs: int, tell: Callable[[str], None]) -> None:
        self._spec, self._seed, self._until, self._jobs, self._tell = spec, seed, until, jobs, tell
        self._number = 0
        # Where threads run, as under pytest-xdist, a fork would copy their locks as they are.
        context = multiprocessing.get_context("fork" if threading.active_count() == 1 else "forkserver")
        self._workers = ProcessPoolExecutor(jobs, mp_context=context, initializer=_die_with_the_run)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._workers.shutdown(cancel_futures=True)

    def ask(self, questions: Sequence[Question]) -> Iterator[tuple[Weakenings, Answers]]:
        """Asks in order, as many at a time as there are processes; begins nothing when the time is over."""
        waiting: dict[Future[Answers], Weakenings] = {}
        todo = list(questions)
        while todo or waiting:
            raise_what_was_lost()  # starting processes runs hooks of fork
            while todo and len(waiting) < self._jobs and time.monotonic() < self._until:
                these, ids = todo.pop(0)
                self._say(these)
                waiting[self._workers.submit(ask_box, self._spec, these, ids, self._seed)] = these
            if not waiting:
                return
            for done in wait(waiting, timeout=LOOK_S, return_when=FIRST_COMPLETED).done:
                yield waiting.pop(done), done.result()

    def _say(self, these: Weakenings) -> None:
        """How far it is: a line every tenth box."""
        self._number += 1
        if self._number % 10 == 1:
            holes = ", ".join(sorted(map(str, these))) if len(these) <= MOST else f"{len(these)} holes"
            self._tell(f"depth of {self._spec.name}: box {self._number}, with {holes}")


def _die_with_the_run() -> None:
    """When the run is killed, what its processes had made is in their registers: the next run removes it."""
    ctypes.CDLL(None).prctl(PR.SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def ask_box(spec: BoxSpec, these: Weakenings, ids: Sequence[str], seed: int) -> Answers:
    """Which of `ids` are broken in a box of the spec with these holes; or why there is no such box."""
    lifetime = Lifetime()
    pool = Pool(lifetime)
    try:
        return WeakenedBoxes(spec, pool, seed).ask(
            these, ids, lambda promise: EXAMPLES[promise.kind] if these & promise.falsified_by else FEW[promise.kind]
        )
    finally:
        pool.close()
        lifetime.close()


def _told(spec: BoxSpec, ids: Sequence[str], found: Found, seconds: float) -> BoxDepth:
    holes = sorted(map(str, found.opened))
    return BoxDepth(
        box=spec.name,
        opened=tuple(holes),
        refused={str(hole): why for hole, why in sorted(found.refused.items())},
        defences={hole: by_hole()[hole] for hole in holes if hole in by_hole()},
        together={str(size): number for size, number in sorted(found.together.items())},
        seconds=round(seconds, 1),
        cut_short=found.cut_short,
        guarantees=tuple(
            DepthRow(
                guarantee=id,
                asked=found.asked(id),
                breakers=tuple(sorted(tuple(sorted(map(str, one))) for one in found.breakers.get(id, ()))),
            )
            for id in ids
        ),
    )
