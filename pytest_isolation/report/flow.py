"""What flows between the sides of a box, in words: every format has the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_isolation.report.further import BoxFlow, FlowControl, FlowFinding
    from pytest_isolation.report.run import Run

ROW = [
    "told",
    "class",
    "sender",
    "receiver",
    "value",
    "by itself",
    "before, after",
    "told right",
    "bits/s",
    "source",
]


@dataclass(frozen=True, slots=True)
class Told:
    """Of one box, in one direction."""

    title: str
    head: str
    """How much was tried, and what came of it."""
    findings: tuple[FlowFinding, ...]
    notes: tuple[str, ...]
    controls: tuple[str, ...]


def told(run: Run) -> tuple[Told, ...]:
    """A part for each search."""
    return tuple(
        Told(
            f"{one.box}{'@exec' if one.door == 'exec' else ''}, {one.direction}",
            _head(one),
            tuple(sorted(one.findings, key=lambda found: (found.known is not None, found.receiver_name))),
            tuple(_notes(one)),
            tuple(map(_control, one.controls)),
        )
        for one in run.flow
    )


def _head(one: BoxFlow) -> str:
    if not one.pairs:
        return f"nothing was searched: {one.reason or 'there was no time'}"
    tried = f"{one.pairs} pairs of {one.senders} senders and {one.receivers} receivers"
    new = sum(found.known is None for found in one.findings)
    flows = f"{len(one.findings)} flows" if len(one.findings) != 1 else "1 flow"
    documented = f", of {new} of them no document that we know of tells" if new else ""
    processes = f" by {one.processes} processes" if one.processes > 1 else ""
    return f"{flows}{documented}; {tried}, {one.pairs_per_second:.0f} a second{processes}"


def _notes(one: BoxFlow) -> Iterator[str]:
    if one.pairs and one.reason:
        yield f"the search ended early: {one.reason}"
    if one.cut_short:
        yield "interrupted: more may flow"
    if one.not_seen_again:
        yield f"{one.not_seen_again} differences were not seen again in fresh boxes, and are not told"
    if one.unproven > 0:
        yield f"{one.unproven} differences were not asked again, and are not told"
    asked = [known for known in one.known if known.asked]
    missed = [known.what for known in asked if not known.found]
    if asked:
        missing = f"; not seen in this time: {', '.join(missed)}" if missed else ""
        found = f"{len(asked) - len(missed)} of {len(asked)} found"
        yield f"documented as shared by all boxes of a kernel: {found}{missing}"


def _control(one: FlowControl) -> str:
    holes = f" ({', '.join(one.holes)})"
    if one.reason:
        return f"{one.name}{holes}: not opened: {one.reason}"
    if not one.found:
        return f"{one.name}{holes}: NOT FOUND in {one.seconds:.1f} s"
    return f"{one.name}{holes}: found in {one.seconds:.1f} s by {one.receiver}"


def line(found: FlowFinding) -> str:
    """A finding in a line: what a program does, and what another then reads."""
    sender = " ".join(found.sender.split())
    return f"{sender} shows in {found.receiver_name}: {found.value}, {found.before} to {found.after}"


def figures(found: FlowFinding) -> str:
    """How sure it is, and how much it moves."""
    moved = "" if found.bits_per_second is None else f"; {found.bits_per_second:.0f} bit/s"
    wrong = f", {found.error_rate:.0%} of them wrong" if found.error_rate else ""
    told = f"{found.hits} of {found.blocks} told right in fresh boxes, p {found.chance:.0e}"
    return f"{found.kind}; by itself {found.alone}; {told}{moved}{wrong}"


def row(found: FlowFinding) -> list[str]:
    """A row of a table, by ROW."""
    return [
        "documented" if found.known else "no document known",
        found.kind,
        found.sender,
        found.receiver,
        found.value,
        found.alone,
        f"{found.before}, {found.after}",
        f"{found.hits} of {found.blocks}, p {found.chance:.0e}",
        "" if found.bits_per_second is None else f"{found.bits_per_second:.0f}",
        found.source or "",
    ]


LEGEND = (
    "a sender and a receiver are programs on two sides; a flow is a value that the receiver reads and the sender "
    "moves, against a sender that only pretends, in boxes that were started for it, p < 0.001 after a correction for "
    "all pairs; bits a second are what this pair moved on this machine, a figure and no verdict; what was not found "
    "may flow all the same"
)
