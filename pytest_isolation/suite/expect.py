"""`pytest-isolation expect run.json -o known.toml --why TEXT --expires DAY`: the file of --isolation-expect.

Written, or brought up to date: what is violated and was not accepted is added with the reason and the day that are
given, what holds now is taken out, and what the run did not measure stays as it is.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.boxes.words import choice
from pytest_isolation.door import Door
from pytest_isolation.errors import UsageError
from pytest_isolation.guarantees.expect import Entry, entries
from pytest_isolation.guarantees.renamed import current
from pytest_isolation.guarantees.verdicts import Key, Verdict
from pytest_isolation.report.lines import counted

if TYPE_CHECKING:
    from pytest_isolation.report.run import Run

HELP = "write or update the file for --isolation-expect: a reason and a last day for each violation that is accepted"
HEAD = "# Violations that are accepted (pytest --isolation --isolation-expect); `pytest-isolation expect` updates it.\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `pytest-isolation expect`."""
    parser.add_argument("report", metavar="A.json", help="a JSON report, of --isolation-report json:A.json")
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="the TOML file, new or to be updated")
    parser.add_argument("--why", metavar="TEXT", help="why those that are added are accepted")
    parser.add_argument("--expires", metavar="DAY", help="the last day on which they are: 2027-06-30, or never")
    parser.add_argument("--box", action="append", default=[], metavar="NAME", help="accept of these boxes alone")
    parser.add_argument("--only", action="append", default=[], metavar="GLOB", help="accept such guarantees alone")
    parser.add_argument(
        "--renew", action="store_true", help="give those that were accepted before the reason and the day as well"
    )


@dataclass(frozen=True, slots=True)
class Updated:
    """What became of the entries of a baseline."""

    kept: tuple[Entry, ...]
    """All that the file has now."""
    added: tuple[Entry, ...]
    renewed: tuple[Entry, ...]
    removed: tuple[Entry, ...]
    """They hold now."""
    left: tuple[Key, ...]
    """Violations that are not accepted: --box and --only leave them out."""


def update(
    run: Run,
    before: Iterable[Entry],
    *,
    why: str,
    expires: date | None,
    boxes: Iterable[str] = (),
    only: Iterable[str] = (),
    renew: bool = False,
) -> Updated:
    """Pure; `before`: what was accepted until now, by today's ids."""
    boxes, only = tuple(boxes), tuple(only)
    verdicts: dict[Key, set[Verdict]] = {}
    for row in run.results:
        verdicts.setdefault(Key(row.box, current(row.guarantee), row.door, row.sibling), set()).add(row.verdict)
    known = {one.key: one for one in before}

    def wanted(key: Key) -> bool:
        return (not boxes or key[0] in boxes) and (not only or any(fnmatchcase(key[1], glob) for glob in only))

    removed = tuple(one for key, one in known.items() if verdicts.get(key) == {Verdict.HOLDS})
    broken = [key for key, held in verdicts.items() if Verdict.VIOLATED in held]
    fresh = [key for key in broken if key not in known]
    added = tuple(Entry(key=key, why=why, expires=expires) for key in fresh if wanted(key))
    renewed = tuple(
        replace(known[key], why=why or known[key].why, expires=expires)
        for key in broken
        if renew and key in known and wanted(key)
    )
    now = {key: one for key, one in known.items() if one not in removed}
    now |= {one.key: one for one in (*renewed, *added)}
    kept = tuple(now[key] for key in sorted(now, key=lambda key: tuple(str(part or "") for part in key)))
    return Updated(kept, added, renewed, removed, tuple(key for key in fresh if not wanted(key)))


def toml(kept: Iterable[Entry], head: str = HEAD) -> str:
    """The file."""
    parts = [head.rstrip("\n")] if head.strip() else []
    for one in kept:
        box, guarantee, door, sibling = one.key
        lines = ["[[violation]]", f"box = {_text(box)}", f"guarantee = {_text(guarantee)}"]
        lines += [f"door = {_text(door)}"] if door != Door.START else []
        lines += [f"sibling = {_text(sibling)}"] if sibling is not None else []
        lines += [f"why = {_text(one.why)}"] if one.why else []
        lines += [f"expires = {one.expires.isoformat()}"] if one.expires is not None else []
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _text(value: str) -> str:
    """A basic string of TOML: what JSON escapes, and DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def run(given: argparse.Namespace) -> int:
    """0; 2, with one sentence, when something cannot be read or written, or a reason or a day is missing."""
    from pytest_isolation.report import read
    from pytest_isolation.report.write import check_writable, replace_file
    from pytest_isolation.stdout import say

    try:
        path = Path(given.output)
        check_writable(path, f"-o {path}")
        before, head = _before(path)
        why = (given.why or "").strip()
        measured = read.report(Path(given.report))
        _check_chosen(measured, given.box, given.only)
        updated = update(
            measured,
            before,
            why=why,
            expires=_day(given.expires),
            boxes=given.box,
            only=given.only,
            renew=given.renew,
        )
        if (updated.added or updated.renewed) and not (why and given.expires):
            raise UsageError(
                f"{counted(len(updated.added), 'violation is', 'violations are')} to be accepted, "
                f"{len(updated.renewed)} to be renewed; "
                "give --why TEXT and --expires DAY (or never), and --only or --box for some of them alone"
            )
        try:
            replace_file(path, toml(updated.kept, head))
        except OSError as error:
            raise UsageError(f"{path}: cannot be written: {error.strerror}; expected a file in a directory") from None
        say("".join(f"{line}\n" for line in _told(updated, path)))
    except UsageError as error:
        print(f"pytest-isolation expect: {error}", file=sys.stderr)
        return 2
    return 0


def _told(updated: Updated, path: Path) -> Iterator[str]:
    """What became of each, line by line."""
    for word, held in (("accepted", updated.added), ("renewed", updated.renewed), ("taken out", updated.removed)):
        yield from (f"{word}: {_said(one.key)}" for one in held)
    yield from (f"not accepted: {_said(key)}" for key in updated.left)
    yield f"{path}: {len(updated.kept)} accepted"


def _check_chosen(run: Run, boxes: Iterable[str], only: Iterable[str]) -> None:
    """Raises UsageError for a --box, or an --only, that fits nothing: nothing would be accepted, in silence."""
    names = {row.box for row in run.results}
    ids = {current(row.guarantee) for row in run.results}
    for box in boxes:
        if box not in names:
            raise UsageError(f"--box {box!r}: the report has no rows of such a box; {choice(box, names)}")
    for glob in only:
        if not any(fnmatchcase(id, glob) for id in ids):
            known = f"the report's {len(ids)} guarantees; one is called {min(ids, default='')}"
            raise UsageError(f"--only {glob!r}: it fits none of {known}")


def _before(path: Path) -> tuple[tuple[Entry, ...], str]:
    """What the file has, and the comment that it begins with; nothing where there is none."""
    if not path.exists():
        return (), HEAD
    try:
        found = entries(path, str(path))
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}; expected a file in TOML or JSON") from None
    head = []
    for line in lines:
        if line.strip() and not line.startswith("#"):
            break
        head.append(line)
    return found, "\n".join(head)


def _day(given: str | None) -> date | None:
    if given is None or given == "never":
        return None
    try:
        day = date.fromisoformat(given)
    except ValueError:
        raise UsageError(f"--expires {given!r}: expected a day, as in 2027-06-30, or never") from None
    if day < datetime.now(UTC).date():
        raise UsageError(f"--expires {given}: that day is over; expected a later one, or never")
    return day


def _said(key: Key) -> str:
    box, guarantee, door, sibling = key
    return f"{box}{'@exec' if door == 'exec' else ''}{f' beside {sibling}' if sibling else ''}: {guarantee}"
