"""The containers of an audited stack as boxes of the run: attached to, measured, and left as they were.

running services ──► boxes, named as the services are ──► the guarantees one can ask of a running container
                 └─► facts of each ──► inception/contained.py: rows I..
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import IsolationError, in_one_line
from pytest_isolation.guarantees.domains import domains
from pytest_isolation.inception import contained, services
from pytest_isolation.inception.live import LABEL, Here, StackView, running
from pytest_isolation.suite.measure import Check, built_in, measure
from pytest_isolation.technologies import names

if TYPE_CHECKING:
    from pytest_isolation.guarantees.guarantee import Guarantee
    from pytest_isolation.inception.row import InceptionRow
    from pytest_isolation.options.config import RunConfig
    from pytest_isolation.outside.box import Box
    from pytest_isolation.report.run import BoxRow, Run

EXAMPLES_TRANSLATED = 2
"""Of each guarantee, at most: without KVM one question takes ten to thirty times as long."""
FACTS = "contained"
"""The key of a service's facts among those of its box."""


def askable() -> Iterator[tuple[Guarantee, Check]]:
    """The checks a running container can be asked: none that starts another, changes it, or uses it up."""
    for promise, test in built_in():
        if not domains()[promise.domain].attached or promise.intrusive or promise.box:
            continue
        if promise.kind not in ("per-box", "per-road"):
            yield promise, test


Measured = tuple["Run | None", "list[InceptionRow]"]


def measure_running(
    top: str, path: str, asked: RunConfig, tell: Callable[[str], None], *, several: bool = False
) -> Measured:
    """`measure_stack` of the stack that its author started on this machine's Docker."""
    try:
        view = Here()
    except IsolationError as error:
        return _silent(path, error)
    try:
        return measure_stack(view, top, path, asked, tell, several=several)
    finally:
        view.close()


def measure_stack(
    view: StackView, top: str, path: str, asked: RunConfig, tell: Callable[[str], None], *, several: bool = False
) -> Measured:
    """What the containers of the stack that runs from `top` isolate, and the rows I.. about it.

    A machine that is translated (patience above 1) is asked EXAMPLES_TRANSLATED examples, where the run names no
    number.  `path` is the submission's in the rows; `tell` is told what takes its time; `several`: the run audits more
    than this one.  The run is None where nothing could be asked.  Never raises for what the daemon, the stack or this
    user's rights do: the rows say it.
    """
    read = view.read
    try:
        found = [services.service_of(attrs, f"{LABEL}service", read) for attrs in running(view, top)]
    except Exception as error:  # the daemon's client raises its own, requests' and the socket's
        return _silent(path, error)
    if not found:
        return None, []  # L01 says so
    named = _named(found, path, asked, several)
    where = (("host", view.address),) if view.address is not None else ()
    specs = [
        BoxSpec(technology="docker", name=name, options=(*where, ("container", one.id))) for name, one in named.items()
    ]
    not_theirs = view.ports_of_ours
    if view.patience > 1 and asked.examples is None:
        asked = replace(asked, examples=EXAMPLES_TRANSLATED)

    def look(box: Box) -> Mapping[str, Any]:
        own = named[box.spec.name]
        others = [other for other in named.values() if other is not own]
        return {FACTS: services.facts_of(box, own, others, read, not_theirs)}

    def turn(spec: BoxSpec) -> None:
        tell(f"measuring what {spec.name} is held in ({[*named].index(spec.name) + 1} of {len(named)})")

    run = measure(specs, askable(), options=asked, look=look, tell=turn)
    run = replace(run, boxes=tuple(replace(box, submission=path) for box in run.boxes))
    return run, list(_rows(path, run, named))


def _silent(path: str, error: Exception) -> Measured:
    said = in_one_line(error)[:160]
    return None, contained.unmeasured(path, f"Docker does not answer: {said}", "a running Docker daemon")


def _rows(path: str, run: Run, named: Mapping[str, services.Service]) -> Iterator[InceptionRow]:
    facts = {box.name: _facts(box) for box in run.boxes if box.available}
    claims = {promise.id: promise.claim for promise in run.guarantees}
    yield from contained.judge(path, facts, run.results, claims)
    for box in run.boxes:
        if not box.available:
            remedy = box.remedy or f"docker logs {named[box.name].name}"
            yield from contained.unmeasured(path, f"{box.name}: {box.reason}", remedy)


def _facts(box: BoxRow) -> dict[str, Any]:
    found: dict[str, Any] = box.spec["facts"][FACTS]
    return found


def _named(found: list[services.Service], path: str, asked: RunConfig, several: bool) -> dict[str, services.Service]:
    """A name for the box of each: the service's, and the submission's where there are several."""
    taken = {*(box.name for box in asked.boxes), *names()} if asked.enabled else set()
    named: dict[str, services.Service] = {}
    for one in found:
        candidates = (one.service, one.name, one.id) if not several else ()
        free = (name for name in (*candidates, f"{one.service}@{path}", f"{one.name}@{path}"))
        named[next(name for name in free if name not in taken and name not in named)] = one
    return named
