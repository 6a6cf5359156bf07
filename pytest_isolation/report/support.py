"""Host support in words: technologies, the features each lacks, and where the configuration and the trial disagree."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_isolation.report.run import Run, SupportRow, TechnologyRow

Column = tuple[str, str]
"""A kernel and a user."""

SIGNS = {
    "works": "works",
    "off": "OFF",
    "missing-module": "no module",
    "not-built": "not built",
    "refused": "refused",
    "unknown": "?",
}


def columns(run: Run) -> tuple[Column, ...]:
    """The kernels and users that were asked, in the run's order."""
    return tuple(dict.fromkeys((row.kernel, row.as_) for row in run.support))


def _version(image: str) -> re.Match[str] | None:
    """Of its name, else of the directory it is in: /usr/lib/modules/7.2.13/vmlinuz."""
    above, _, name = image.rpartition("/")
    return re.search(r"\d+\.\d+", name) or re.match(r"\d+\.\d+", above.rpartition("/")[2])


def names(run: Run) -> dict[str, str]:
    """Kernel -> what it is called: "6.1", "kernel 2" where two are of one version; the running one "here", or ""."""
    images = [kernel for kernel in dict.fromkeys(row.kernel for row in run.support) if kernel != "running"]
    versions = {kernel: _version(kernel) for kernel in images}
    words = [found[0] for found in versions.values() if found]
    named = {"running": "here"} if images else {"running": ""}
    for number, kernel in enumerate(images, 2):
        found = versions[kernel]
        named[kernel] = found[0] if found and words.count(found[0]) == 1 else f"kernel {number}"
    return named


def legend(run: Run) -> list[str]:
    """ "6.1: /boot/vmlinuz-6.1.0-49-cloud-amd64", for each image."""
    return [f"{name}: {kernel}" for kernel, name in names(run).items() if kernel != "running"]


def titles(run: Run) -> dict[Column, str]:
    """ "root", or with another kernel than the running one "6.1 root"."""
    named = names(run)
    return {(kernel, as_): f"{named[kernel]} {as_}".lstrip() for kernel, as_ in columns(run)}


def where(run: Run, found: Iterable[Column]) -> str:
    """ "here root, 6.1 root"; "root everywhere" when it is so on every one of several kernels."""
    held, said = tuple(dict.fromkeys(found)), []
    named = titles(run)
    for as_ in dict.fromkeys(as_ for _, as_ in held):
        every = [column for column in named if column[1] == as_]
        here = [column for column in every if column in held]
        said += [f"{as_} everywhere"] if len(here) == len(every) > 1 else [named[column] for column in here]
    return ", ".join(said)


def verdicts(run: Run, cells: Mapping[Column, TechnologyRow]) -> list[tuple[str, TechnologyRow]]:
    """Where a technology can run alike, and one of the rows that say how."""
    alike: dict[str, list[Column]] = {}
    for column, row in cells.items():
        alike.setdefault(verdict(row), []).append(column)
    return [(where(run, found), cells[found[0]]) for found in alike.values()]


def technologies(run: Run) -> dict[str, dict[Column, TechnologyRow]]:
    """Name -> the row of each column."""
    found: dict[str, dict[Column, TechnologyRow]] = {}
    for row in run.technologies:
        found.setdefault(row.technology, {})[row.kernel, row.as_] = row
    return found


def missing(run: Run) -> dict[str, TechnologyRow]:
    """Of the technologies of the run's boxes, those that the running kernel lacks something for, as who we are."""
    here = ("running", "root" if run.host.root else "user")
    asked = dict.fromkeys(box.technology for box in run.boxes)
    found = {name: cells[here] for name, cells in technologies(run).items() if name in asked and here in cells}
    return {name: row for name, row in found.items() if row.can_run != "yes"}


def features(run: Run) -> dict[str, dict[Column, SupportRow]]:
    """Id -> the row of each column."""
    found: dict[str, dict[Column, SupportRow]] = {}
    for row in run.support:
        found.setdefault(row.feature, {})[row.kernel, row.as_] = row
    return found


def verdict(row: TechnologyRow) -> str:
    """ "yes", "no, for want of net.veth", "no: bwrap is not installed", "yes, without cg.memory, cg.pids"."""
    if row.can_run == "yes":
        return "yes"
    if row.can_run == "partly":
        return f"yes, without {', '.join(row.missing)}"
    why = why_not(row)
    return f"no{', ' if row.reason is None else ': '}{why}"


def why_not(row: TechnologyRow) -> str:
    """Why a technology cannot run: its own words, else what it needs; what it only wants is not told."""
    needs = [one for one in row.missing if one not in row.lost]
    return row.reason or f"for want of {', '.join(needs)}"


@dataclass(frozen=True, slots=True)
class Lack:
    """Features that do not work for one reason, or with one remedy."""

    rows: tuple[SupportRow, ...]
    where: str

    @property
    def head(self) -> str:
        """ "cg.memory, cg.pids: refused (user)"."""
        return f"{', '.join(_union([row.feature] for row in self.rows))}: {self.rows[0].status} ({self.where})"

    @property
    def cause(self) -> str:
        """Why they do not work, in a phrase."""
        return self.rows[0].cause or "no reason given"

    @property
    def remedy(self) -> str | None:
        """What to do; None where nothing helps."""
        return self.rows[0].remedy

    @property
    def needed_by(self) -> tuple[str, ...]:
        """Technologies that cannot run without one of them."""
        return _union(row.needed_by for row in self.rows)

    @property
    def wanted_by(self) -> tuple[str, ...]:
        """Technologies that can, and do less."""
        named = _union(row.wanted_by for row in self.rows)
        return tuple(name for name in named if name not in self.needed_by)


def lacks(run: Run, *, asked_for: bool) -> list[Lack]:
    """What does not work, those of one root together; with `asked_for` only what a technology misses."""
    missed = {(row.kernel, row.as_, id) for row in run.technologies for wish in row.missing for id in wish.split("|")}
    cells: dict[tuple[str, str], list[SupportRow]] = {}
    for row in run.support:
        if row.status != "works" and (not asked_for or (row.kernel, row.as_, row.feature) in missed):
            cells.setdefault((row.status, row.remedy or row.cause or row.feature), []).append(row)
    return [Lack(tuple(rows), where(run, ((row.kernel, row.as_) for row in rows))) for rows in cells.values()]


def _union(lists: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for names in lists for name in names))


def disagreements(run: Run) -> list[str]:
    """Where the kernel's configuration says one thing and the trial another."""
    found: dict[str, list[Column]] = {}
    for row in run.support:
        if row.status == "works" and row.configured == "n":
            found.setdefault(f"{row.feature}: configured no, works yes", []).append((row.kernel, row.as_))
        elif row.status in ("off", "missing-module", "unknown") and row.configured in ("y", "m"):
            said = f"{row.feature}: configured {row.configured}, works no: {row.cause}"
            found.setdefault(said, []).append((row.kernel, row.as_))
    return [f"{said} ({where(run, seen)})" for said, seen in found.items()]


def bottom_line(run: Run) -> str:
    """ "170 features, of which work: root 140, user 90; 13 technologies, of which can run: root 13, user 9"."""
    works = dict.fromkeys(columns(run), 0)
    runs = dict(works)
    for row in run.support:
        works[row.kernel, row.as_] += row.status == "works"
    for one in run.technologies:
        runs[one.kernel, one.as_] += one.can_run != "no"

    named = titles(run)

    def counted(counts: dict[Column, int]) -> str:
        return ", ".join(f"{named[column]} {number}" for column, number in counts.items())

    return (
        f"{len(features(run))} features, of which work: {counted(works)}; "
        f"{len(technologies(run))} technologies, of which can run: {counted(runs)}"
    )
