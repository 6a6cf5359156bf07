"""Everyday sentences about containers and virtual machines, held against what the run itself has measured.

Each has the place where it is said.  An answer is about the boxes and the machine of this run, and the figure stands
beside it; what no box of the run can tell is not measured, and never a yes.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.door import Door
from pytest_isolation.guarantees.verdicts import Verdict
from pytest_isolation.report import costs
from pytest_isolation.report.run import TradeRow

if TYPE_CHECKING:
    from pytest_isolation.report.run import BoxRow, ResultRow, Run

YES, NO, DEPENDS, UNMEASURED = "yes", "no", "it depends", "not measured"
CONTAINERS = ("namespaces", "bubblewrap", "nspawn", "lxc", "runc", "crun", "gvisor", "docker", "podman", "cri")
VMS = ("qemu",)
LOSS = 1.25
"""A figure up to so many times a bare process' is no loss: this machine's own figures differ by as much."""
INSIDE = ("compute_ns", "call_us", "open_read_us", "page_fault_us", "loopback_us", "fork_exec_us")

WHAT = 'Docker, "What is a Container?", docker.com/resources/what-container'
COMPARED = f"{WHAT}, Comparing Containers and Virtual Machines"
FROM_MEMORY = "; cited from memory: the work is there, its words were not looked up"
"""Behind a source whose text could not be read where this was written."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A statement of the trade about isolation, and what a run must have to judge it."""

    id: str
    says: str
    source: str
    """A document's title and place."""
    needs: str
    """What a run must have for an answer."""


SENTENCES = (
    Sentence("kernel", "Containers share the kernel of their host.", COMPARED, "a box whose costs were measured"),
    Sentence("smaller", "Containers are smaller than virtual machines.", COMPARED, "a container and a VM with costs"),
    Sentence("faster", "Containers start faster than virtual machines.", COMPARED, "a container and a VM with costs"),
    Sentence(
        "processes", "A container needs fewer processes of its host than a virtual machine.",
        f"NIST SP 800-190, Application Container Security Guide, 2.1{FROM_MEMORY}",
        "a container and a VM with costs",
    ),
    Sentence(
        "loss", "Programs in containers lose nothing to a hypervisor.",
        "Felter et al., An Updated Performance Comparison of Virtual Machines and Linux Containers, ISPASS 2015, "
        f"V Discussion{FROM_MEMORY}", "a container with costs",
    ),
    Sentence(
        "versions", "Two versions of one program run side by side, each in its container, without conflict.",
        'Docker Docs, "What is a container?", docs.docker.com/get-started/docker-concepts/the-basics/',
        "--isolation-versions OLD,NEW: two versions of one static program",
    ),
    Sentence("anywhere", "A container behaves the same anywhere.", WHAT, "guarantees port.* on a container"),
    Sentence(
        "file", "A virtual machine is a file: it can be moved, and goes on where it was.",
        "Rosenblum and Garfinkel, Virtual Machine Monitors: Current Technology and Future Trends, IEEE Computer 38(5), "
        f"2005, Encapsulation{FROM_MEMORY}", "a VM with costs",
    ),
    Sentence(
        "parts", "A container is chroot, namespaces and control groups.",
        f'Julia Evans, "What even is a container: namespaces and cgroups", jvns.ca, 2016{FROM_MEMORY}',
        "the box `namespaces` and another container, with rows of their own",
    ),
    Sentence(
        "engine", "The engine manages the life of its containers: it starts, pauses, stops and removes them.",
        'Docker Docs, "What is Docker?", docs.docker.com/get-started/docker-overview, Docker architecture',
        "a container of an engine (all but `namespaces`) with costs",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Probed:
    """What was tried in one box for one sentence: `answer` and the figure or the words that it rests on."""

    sentence: str
    box: str
    answer: str
    figure: str


def rows(run: Run, probed: Iterable[Probed] = ()) -> tuple[TradeRow, ...]:
    """A row a sentence; none where no costs were asked for."""
    if not costs.measured(run):
        return ()
    by_sentence: dict[str, list[Probed]] = {}
    for probe in probed:
        by_sentence.setdefault(probe.sentence, []).append(probe)
    judged = {
        "smaller": lambda: _smaller(run),
        "faster": lambda: _ratio(run, "start_ms", "starts in", "ms", first="first_start_ms"),
        "processes": lambda: _ratio(run, "processes", "adds", "processes"),
        "loss": lambda: _loss(run),
        "anywhere": lambda: _anywhere(run),
        "parts": lambda: _parts(run),
    }
    found = []
    for one in SENTENCES:
        if one.id in judged:
            answer, figure, boxes = judged[one.id]()
        else:
            answer, figure, boxes = _of_probes(run, by_sentence.get(one.id, ()))
        if answer == UNMEASURED:
            figure = figure or f"needs {one.needs}"
        found.append(TradeRow(id=one.id, says=one.says, source=one.source, answer=answer, figure=figure, boxes=boxes))
    return tuple(found)


Answer = tuple[str, str, Mapping[str, str]]
"""The answer; the figure; a box -> what is so in it."""
NOTHING: Answer = (UNMEASURED, "", {})


def together(answers: Iterable[str]) -> str:
    """yes or no where all say so, else it depends; not measured without any."""
    found = {one for one in answers if one != UNMEASURED}
    return UNMEASURED if not found else found.pop() if len(found) == 1 else DEPENDS


def _of_probes(run: Run, found: Sequence[Probed]) -> Answer:
    """The answer is that of the boxes which the sentence is about: containers; of "file", virtual machines."""
    technologies = {box.name: box.technology for box in run.boxes}
    about = [one for one in found if technologies.get(one.box) in CONTAINERS] or [
        one for one in found if technologies.get(one.box) in VMS and one.sentence == "file"
    ]
    boxes = {one.box: f"{one.answer}: {one.figure}" for one in found}
    figures: dict[str, list[str]] = {}
    for one in found:
        figures.setdefault(one.figure, []).append(one.box)
    said = "; ".join(f"{', '.join(names)}: {figure}" for figure, names in figures.items())
    return together(one.answer for one in about), said, boxes


def _of(run: Run, technologies: Iterable[str], *keys: str) -> list[BoxRow]:
    """Boxes of these technologies that have all these costs."""
    wanted = set(technologies)
    return [box for box in run.boxes if box.technology in wanted and all(key in box.costs for key in keys)]


def _ratio(run: Run, key: str, verb: str, unit: str, *, first: str = "") -> Answer:
    """Whether the figure of each container is below that of each VM."""
    containers, vms = _of(run, CONTAINERS, key), _of(run, VMS, key)
    if not (containers and vms):
        return NOTHING
    least = min(vms, key=lambda box: box.costs[key].median)
    theirs = least.costs[key].median
    answers, boxes = [], {}
    for box in containers:
        ours = box.costs[key].median
        answers.append(YES if ours < theirs else NO)
        boxes[box.name] = f"{answers[-1]}: {costs.short(ours)} {unit}"
    more = ""
    if first in least.costs:
        booted = costs.short(least.costs[first].median)
        more = f", and in {booted} {unit} where it boots and does not go on from a kept state"
    said = ", ".join(f"{box.name} {costs.short(box.costs[key].median)}" for box in containers)
    return together(answers), f"{least.name} {verb} {costs.short(theirs)} {unit}{more}; {said}", boxes


def _smaller(run: Run) -> Answer:
    """In memory and on disk both."""
    parts = [_ratio(run, "memory_mib", "takes", "MiB of memory"), _ratio(run, "disk_image_mib", "has", "MiB of image")]
    known = [one for one in parts if one[0] != UNMEASURED]
    if not known:
        return NOTHING
    return together(one[0] for one in known), "; ".join(one[1] for one in known), known[0][2]


def _loss(run: Run) -> Answer:
    def worst(box: BoxRow) -> tuple[str, float]:
        held = {key: costs.times(box.costs[key]) for key in INSIDE if key in box.costs and box.costs[key].bare}
        key = max(held, key=lambda one: held[one])
        return key, held[key]

    def geometric(box: BoxRow) -> float:
        held = [costs.times(box.costs[key]) for key in INSIDE if key in box.costs and box.costs[key].bare]
        return statistics.geometric_mean(one for one in held if one > 0)

    containers = _of(run, CONTAINERS, "compute_ns", "call_us")
    if not containers:
        return NOTHING
    answers, boxes = [], {}
    for box in containers:
        key, most = worst(box)
        mean = geometric(box)
        answers.append(YES if mean <= LOSS else NO)
        boxes[box.name] = f"{answers[-1]}: x{mean:.2f} on average, at most x{most:.3g} ({key.rpartition('_')[0]})"
    said = [f"{box.name} x{geometric(box):.3g}" for box in (*containers, *_of(run, VMS, "compute_ns", "call_us"))]
    return (
        together(answers),
        f"mean of {len(INSIDE)} figures against a bare process, up to x{LOSS:g} is none: {', '.join(said)}",
        boxes,
    )


def _alone(run: Run, box: str) -> dict[str, ResultRow]:
    """The decided rows of a box by itself, through the start door."""
    return {
        row.guarantee: row
        for row in run.results
        if row.box == box
        and row.sibling is None
        and row.door == Door.START
        and row.verdict in (Verdict.HOLDS, Verdict.VIOLATED)
    }


def _anywhere(run: Run) -> Answer:
    answers, boxes, said = [], {}, []
    for box in _of(run, CONTAINERS):
        held = {id: row for id, row in _alone(run, box.name).items() if id.startswith("port.")}
        if not held:
            continue
        kept = sum(row.verdict is Verdict.HOLDS for row in held.values())
        answers.append(YES if kept == len(held) else DEPENDS)
        boxes[box.name] = f"{answers[-1]}: {kept}/{len(held)}"
        said.append(f"{box.name} {kept}/{len(held)}")
    if not answers:
        return NOTHING
    return together(answers), f"portability guarantees kept: {', '.join(said)}", boxes


def _parts(run: Run) -> Answer:
    """Whether other containers say of each guarantee what the box made of nothing but these parts says."""
    made = next((box for box in run.boxes if box.technology == "namespaces"), None)
    if made is None:
        return NOTHING
    ours = _alone(run, made.name)
    answers, boxes, said = [], {}, []
    for box in _of(run, (*(one for one in CONTAINERS if one not in ("namespaces", "gvisor")),)):
        theirs = _alone(run, box.name)
        both = sorted(set(ours) & set(theirs))
        if not both:
            continue
        others = [id for id in both if ours[id].verdict is not theirs[id].verdict]
        answers.append(DEPENDS if others else YES)
        few = f": not {', '.join(others[:3])}{' ...' if len(others) > 3 else ''}" if others else ""
        boxes[box.name] = f"{answers[-1]}: {len(both) - len(others)} of {len(both)} rows alike{few}"
        said.append(f"{box.name} {len(both) - len(others)}/{len(both)}")
    if not answers:
        return NOTHING
    return together(answers), f"rows that say what {made.name} says: {', '.join(said)}", boxes
