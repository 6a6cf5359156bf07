"""Sensitivity: which rows change with each option of an engine's command, alone, on a hardened and on a plain box.

    dev/sensitivity [--measure ENGINE] [OPTION ...]

Tables of options, with what each does or why it does nothing, are in data/sensitivity/: a test holds them to the
engine's own --help.  What was measured lies beside them; a row that is newer is measured by itself.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parent / "data" / "sensitivity"
PAGE = ROOT / "docs" / "sensitivity.md"
ENGINES = ("docker", "podman", "bubblewrap", "nspawn", "runc", "lxc", "qemu")
TABLES = tuple(sorted(file.stem for file in DATA.glob("*.toml")))
BASES = ("hardened", "plain")
UNASKED = (
    "port.*", "start.*", "leak.*", "env.caller-not-inherited", "env.proxy-not-inherited", "fd.*", "exec.*", "rlimit.*",
    "key.session*", "cg.cleanup", "dos.*", "life.*", "dev.nodes-closed", "dev.char-nodes-closed",
    "net.unpublished-unreachable", "mnt.open-by-handle-denied",
)  # fmt: skip
"""What needs a box started for it, what is the same for every container of a machine, and what takes many seconds."""
FEW = 2
"""Examples of a row: a verdict is compared with one of the same inputs."""

Verdicts = dict[str, str]


@dataclass(frozen=True)
class Option:
    """One option of a command."""

    name: str
    changes: str
    """box, nothing or elsewhere."""
    why: str = ""
    plain: tuple[str, ...] = ()
    """Of an option that changes nothing, too: with such words it is started all the same, and no row may change."""
    hardened: tuple[str, ...] | None = None
    """None: it cannot be had on the hardened box."""
    without: tuple[str, ...] = ()
    gap: str = ""
    opens: str = ""
    """What descriptor 9 of the command is."""
    on: str = "hardened"
    """The hardened box it is added to: another of the table's, where without that it cannot be had."""
    bases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What the boxes are started with."""

    @property
    def tried(self) -> bool:
        """Whether a box is started with it: where it changes something, else where the table has words for it."""
        return self.changes == "box" or (self.changes == "nothing" and bool(self.plain))

    def place(self, base: str) -> str:
        """The name of the box that it is compared with on `base`."""
        return self.on if base == "hardened" else base

    def told(self, base: str) -> str:
        """What is another in this box than in that of `base` by itself."""
        if base == "plain":
            return " ".join(self.plain)
        return " ".join((*(f"without {word}" for word in self.without), *(self.hardened or ())))

    def words(self, base: str) -> tuple[str, ...] | None:
        """All words of a box of `base` with this option; None where there is no such box."""
        if not self.tried or (base == "hardened" and self.hardened is None):
            return None
        if base == "plain":
            return self.bases[base] + self.plain
        return tuple(word for word in self.bases[self.on] if word not in self.without) + (self.hardened or ())


def _table(engine: str) -> dict[str, Any]:
    return tomllib.loads((DATA / f"{engine}.toml").read_text(encoding="utf-8"))


def bases(engine: str) -> dict[str, tuple[str, ...]]:
    """What the hardened and the plain box of an engine are started with, and those that `on` names."""
    table = _table(engine)
    named = dict.fromkeys(said["on"] for said in table["options"].values() if "on" in said)
    return {base: tuple(table[base]) for base in (*BASES, *named)}


def also(engine: str) -> frozenset[str]:
    """Rows that are asked of this engine's boxes, and not of others."""
    return frozenset(_table(engine).get("also", ()))


def rows(engine: str) -> tuple[str, ...]:
    """Patterns of the rows that are asked of this engine's boxes; all but UNASKED where its table names none."""
    return tuple(_table(engine).get("rows", ("*",)))


def options(engine: str) -> dict[str, Option]:
    """Name of an option -> what is known of it.  Raises KeyError, ValueError for a table that says too little."""
    found, table, known = {}, _table(engine), bases(engine)
    for name, said in table["options"].items():
        on_hardened = said.get("hardened", said.get("plain", ()))
        one = Option(
            name,
            said["changes"],
            said.get("why", ""),
            tuple(said.get("plain", ())),
            None if on_hardened == "none" else tuple(on_hardened),
            tuple(said.get("without", ())),
            said.get("gap", ""),
            said.get("opens", ""),
            said.get("on", "hardened"),
            known,
        )
        if lost := set(one.without) - set(known[one.on]):
            raise ValueError(f"{engine}.toml: {name}: without {sorted(lost)}, which the hardened box does not have")
        if one.changes not in ("box", "nothing", "elsewhere") or bool(one.why) == (one.changes == "box"):
            raise ValueError(
                f"{engine}.toml: {name}: changes = {one.changes!r}, why = {one.why!r}; expected box, or a reason"
            )
        found[name] = one
    return found


def program(engine: str) -> str:
    """The command that the engine is."""
    return str(_table(engine).get("program", _table(engine).get("help", [engine])[0]))


def helped(engine: str) -> set[str]:
    """The names that the engine's own document, --help or a manual page, has; empty where that is not installed.

    Of a specification: those of its schema, as the file of this name has them.  Raises OSError without the engine.
    """
    table = _table(engine)
    if "listed" in table:
        return set((DATA / table["listed"]).read_text(encoding="utf-8").split())
    done = subprocess.run(table["help"], capture_output=True, text=True, timeout=60, check=False)
    text = (done.stdout or done.stderr).replace("\\-", "-")
    return set(re.findall(table.get("pattern", r"^\s+(?:-\w, +)?(--[a-z0-9][a-z0-9-]*)"), text, re.MULTILINE))


# -- what was measured -----------------------------------------------------------------------------------------------


Kept = dict[str, Any]
"""version, and for each base: option ("" for the base itself) -> its verdicts, or why the engine refused."""


def save(place: Path, kept: Kept) -> None:
    """Of an option what differs from its base alone, and what was not asked there."""
    packed: Kept = {"version": kept["version"]}
    for base in (one for one in kept if one != "version"):
        sound = kept[base][""]
        packed[base] = {"": sound}
        for name, found in kept[base].items():
            if name and "refused" in found:
                packed[base][name] = found
            elif name:
                packed[base][name] = {
                    "differs": {one: said for one, said in found.items() if sound.get(one) != said},
                    "lacks": sorted(set(sound) - set(found)),
                }
    place.write_text(json.dumps(packed, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def load(place: Path) -> Kept:
    """As it was saved; nothing where it was not."""
    if not place.exists():
        return {}
    kept: Kept = json.loads(place.read_text(encoding="utf-8"))
    for base in (one for one in kept if one != "version"):
        sound = kept[base][""]
        for name, found in kept[base].items():
            if name and "refused" not in found:
                whole = {one: said for one, said in sound.items() if one not in found["lacks"]}
                kept[base][name] = whole | found["differs"]
    return kept


# -- the page --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    """What one option did to one box."""

    changed: Mapping[str, tuple[str, str]]
    """Guarantee -> its verdicts without and with the option."""
    refused: str = ""
    """What the engine said instead of starting it."""


def measured(engine: str) -> Measured:
    """What was measured of the options of `engine`."""
    return Measured(load(DATA / f"{engine}.json"))


class Measured:
    def __init__(self, kept: Mapping[str, Any]) -> None:
        self.kept = kept
        self.version: str = kept["version"]

    def unsteady(self, base: str) -> set[str]:
        """Rows that differ between two boxes of `base` itself, or had no verdict: they say nothing of an option."""
        first, again = self.kept[base][""], self.kept[base]["again"]
        return {one for one in first if first[one] != again.get(one) or first[one] == "trouble"}

    def trial(self, base: str, option: str) -> Trial | None:
        """None: not measured."""
        found = self.kept.get(base, {}).get(option)
        if not found:
            return None
        if "refused" in found:
            return Trial({}, found["refused"])
        before, unsteady = self.kept[base][""], self.unsteady(base)
        return Trial(
            {
                one: (before[one], now)
                for one, now in found.items()
                if one in before and now != before[one] and now != "trouble" and one not in unsteady
            }
        )


def gaps(engine: str) -> dict[str, str]:
    """Options that change what a box may do and no row on the hardened one: what the table says of that."""
    found = measured(engine)
    tried = [one for one in options(engine).values() if one.changes == "box"]
    trials = {one.name: found.trial(one.on, one.name) for one in tried}
    return {one.name: one.gap for one in tried if not (trial := trials[one.name]) or not trial.changed}


HEAD = """# Sensitivity

<!-- Written by dev/sensitivity from tests/data/sensitivity: change that, or measure, then run it. -->

A check that no option can turn is a check of nothing; an option that turns no row is one that this suite does not see.
So each option of an engine's command, each key of its configuration, each property of its specification is tried
alone, on two boxes: a *hardened* one and a *plain* one, as each section says; an option that cannot be had on the
hardened box, or does nothing there, is added to the one that its cell names. The table says which rows have another
verdict than in the same box without it; a box that was not started yet is *not measured*. Options that change nothing
of what a box may do are in a second table, which says why; those whose words it has were started all the same, and no
row changed. A test holds the tables to the engine's own list, so that an option of a new release is seen.

{few} examples a row, with the same inputs for all boxes. Not asked, here: {unasked}.
A row that differs between two boxes of one kind is left out. `h+` means that a row holds now, `h-` that it is violated
now, `h?` that it cannot be asked any more; the rest (`h*`) could not be asked before.

    dev/sensitivity --measure docker        # measure what is not measured yet: half an hour for all of one engine
    dev/sensitivity                         # write this page
"""


def noticed(engine: str) -> dict[str, set[str]]:
    """Options that change nothing and were started all the same -> the rows that changed, which are to be none."""
    found = measured(engine)
    tried = [one for one in options(engine).values() if one.tried and one.changes == "nothing"]
    trials = {one.name: [found.trial(one.place(base), one.name) for base in BASES] for one in tried}
    return {
        name: {id for one in each if one for id in ((*one.changed, "refused") if one.refused else one.changed)}
        for name, each in trials.items()
        if any(each)
    }


NOT_TRIED = {"elsewhere": "cannot be tried here", "nothing": "changes nothing"}
MOST = 7
"""Rows that are named in one cell."""


def page() -> str:
    parts = [
        HEAD.format(
            few=FEW, unasked=_listed(UNASKED)
        ).replace("h+", "+").replace("h-", "-").replace("h?", "?").replace("h*", "*")
    ]  # fmt: skip
    parts += [
        "| engine | options | change something | of these, a row on the hardened box "
        "| on the plain one, of those measured | change nothing, and were started | of these, a row |\n"
        + "|---" * 7
        + "|",
        *(_rate(engine) for engine in ENGINES),
        "",
    ]
    for engine in ENGINES:
        found, known = measured(engine), options(engine)
        box, elsewhere = ([one for one in known.values() if one.changes == word] for word in ("box", "elsewhere"))
        silent = gaps(engine)
        parts += [
            f"## {engine}\n",
            f"{engine} {found.version}: {len(known)} options. {len(box)} change what a box may do and were tried, "
            f"{len(elsewhere)} cannot be tried here, the others change nothing{_started(engine)}.\n"
            f"Of those that were tried, {len(box) - len(silent)} change a row on the hardened box; {len(silent)} do "
            "not, for the reason that is given.\n",
            *(f"- {base}: {_quoted(words)}" for base, words in bases(engine).items()),
            *(f"- asked here, too: `{id}`" for id in sorted(also(engine))),
            *(
                [f"- asked here alone: {', '.join(f'`{one}`' for one in rows(engine))}"]
                if rows(engine) != ("*",)
                else []
            ),
            "",
            "| option | hardened | plain |\n|---|---|---|",
            *(_row(one, found) for one in box),
            "",
            "### The others\n",
            "| option | why |\n|---|---|",
            *(_untried(one) for one in known.values() if one.changes != "box"),
            "",
        ]
    if waiting := [one for one in TABLES if one not in ENGINES]:
        parts += ["## Judged, and not measured yet\n", *(_waiting(one) for one in waiting), ""]
    return "\n".join(parts)


def _rate(engine: str) -> str:
    """A line of the first table: counted, as the page is written."""
    found, known, started = measured(engine), options(engine), noticed(engine)
    box = [one for one in known.values() if one.changes == "box"]
    seen = {base: [trial for one in box if (trial := found.trial(one.place(base), one.name))] for base in BASES}
    hardened, plain = (sum(bool(trial.changed) for trial in seen[base]) for base in BASES)
    rate = f"{hardened} ({100 * hardened / len(box):.1f} %)"
    of_plain = f"{plain} of {len(seen['plain'])}"
    return (
        f"| [{engine}](#{engine}) {found.version} | {len(known)} | {len(box)} | {rate} | {of_plain} "
        f"| {len(started)} | {sum(bool(rows) for rows in started.values())} |"
    )


def _waiting(engine: str) -> str:
    changes = [one.changes for one in options(engine).values()]
    return (
        f"- {engine}: {len(changes)} options, of which {changes.count('box')} change what a box may do and "
        f"{changes.count('elsewhere')} cannot be tried here: tests/data/sensitivity/{engine}.toml"
    )


def _started(engine: str) -> str:
    number = len(noticed(engine))
    return f", as {number} of them that were started show" if number else ""


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{one}`" for one in names)


def _quoted(words: Sequence[str]) -> str:
    return f"`{' '.join(words)}`" if words else "no option"


def _row(one: Option, found: Measured) -> str:
    cells = []
    for base in BASES:
        trial = found.trial(one.place(base), one.name)
        if trial is None:
            cells.append("cannot be had" if one.words(base) is None else "not measured")
            continue
        told = "refused by the engine" if trial.refused else _named(trial.changed) or "no row"
        told += f" ({one.on})" if base == "hardened" and one.on != "hardened" else ""
        cells.append(f"`{one.told(base)}`: {told}")
    why = f"<br>{one.gap}" if one.gap else ""
    return f"| `{one.name}`{why} | {' | '.join(cells)} |"


def _untried(one: Option) -> str:
    started = f"; {_quoted(one.plain)}: no row" if one.tried else ""
    return f"| `{one.name}` | {NOT_TRIED[one.changes]}: {one.why}{started} |"


def _named(changed: Mapping[str, tuple[str, str]]) -> str:
    signs = {"holds": "+", "violated": "-", "unsupported": "?"}
    names = [
        f"{'*' if before == 'unsupported' else signs[now]} `{one}`" for one, (before, now) in sorted(changed.items())
    ]
    more = f", and {len(names) - MOST} more" if len(names) > MOST + 1 else ""
    return ", ".join(names[:MOST] if more else names) + more


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev/sensitivity", description="Which rows change with each option.")
    parser.add_argument("--measure", metavar="ENGINE", choices=TABLES, help="measure what is not measured yet")
    parser.add_argument("--rows", metavar="GLOBS", default="*", help="with --measure: of these rows alone, by commas")
    parser.add_argument("--on", metavar="BASE", default="*", help="with --measure: on this box alone, such as plain")
    parser.add_argument("--check", action="store_true", help="fail where docs/sensitivity.md is not current")
    parser.add_argument(
        "only", nargs="*", metavar="OPTION", help="with --measure, after --: these options, measured again"
    )
    given = parser.parse_args()
    if given.check:
        sys.exit(0 if PAGE.read_text(encoding="utf-8") == page() else f"{PAGE} is not current; run dev/sensitivity")
    if given.measure:
        from tests.sensitivity_boxes import fill

        fill(given.measure, given.only, given.rows.split(","), given.on)
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
