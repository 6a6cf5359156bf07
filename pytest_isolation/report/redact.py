"""`pytest-isolation redact A.json`: a report without what it says of this machine's owner, for others to read.

What goes: paths outside the places that every Linux has, addresses, hardware addresses, ids of containers, names and
values of variables, accounts and the name of this machine, and further words that are asked for.  The same thing has
the same stand-in all over the report, so that what was seen twice is still seen twice.  Verdicts stay as they are.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import os
import re
import socket
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

HELP = "take paths, addresses, accounts, variables and this machine's name out of a JSON report"

PUBLIC = ("schema", "tool", "guarantees", "support", "technologies")
"""Keys of a report that hold this project's own sentences, or a version."""
OURS = frozenset((
    "arch", "box", "cgroup", "claim", "claim_source", "control", "control_box", "coverage", "door", "fstype",
    "guarantee", "how", "kernel", "kind", "mode", "name", "oracle", "outcome", "python", "required_by", "rule",
    "severity", "sibling", "started", "technology", "verdict", "version",
))  # fmt: skip
"""Keys of rows by which a report is read: words of a fixed list, versions and names of boxes."""
PLACES = (
    "bin", "boot", "dev", "etc", "lib", "lib64", "proc", "sbin", "sys", "usr", "run", "var/run", "var/lib/docker",
    "agent", "redacted",
)  # fmt: skip
"""Below these every Linux, or every box of ours, has the same; `redacted` is a stand-in."""
VARIABLES = frozenset(("PATH", "HOME", "LANG", "TZ", "TERM", "USER", "LOGNAME", "SHELL", "PWD"))
"""Names that say nothing: of these the values alone go."""

SHORTEST = 3
"""Letters of a word that is taken out wherever it stands."""

PATH = re.compile(r"(?:(?<![\w:/.~>-])|(?<=[a-z]:))/(?!/)[^\s'\"`,;:()\[\]{}<>|\\]+")
HOME = re.compile(r"~/[^\s'\"`,;:()\[\]{}<>|\\]+")
VARIABLE = re.compile(r"(?<![\w/%$-])([A-Z][A-Z0-9_]{2,})=([^\s'\"`,;)\]}]+)")
IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)")
IPV6 = re.compile(r"(?<![\w:.])[0-9a-fA-F:]*:[0-9a-fA-F]*:[0-9a-fA-F:]*(?![\w:])")
HARDWARE = re.compile(r"(?<![\w:])(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}(?![\w:])")
CONTAINER = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
REACHED_BY = re.compile(r"(?<![\w-])ssh=.*")
"""Of pytest-xdist's --tx: which machine, as whom, by which key."""
ACCOUNT_AT = re.compile(r"(?<=ssh://)[^\s/,'\"]+")
EVERYBODYS = re.compile(r"::1?$|127\.|0\.0\.0\.0$|255\.255\.255\.|169\.254\.169\.254$")
"""Loopback, no address, masks, and the metadata service of all clouds."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `pytest-isolation redact`."""
    parser.add_argument("report", metavar="A.json", help="a JSON report, of --isolation-report json:A.json")
    parser.add_argument("--output", "-o", default="-", metavar="FILE", help="default: the standard output")
    parser.add_argument(
        "--word", action="append", default=[], metavar="WORD", help="a further word that must not be in it; repeatable"
    )


def run(given: argparse.Namespace) -> int:
    """0; 2, with one sentence, when the report cannot be read or the other not be written."""
    from pytest_isolation.errors import UsageError
    from pytest_isolation.report import read
    from pytest_isolation.report.write import give

    try:
        if short := [one for one in given.word if len(one) < SHORTEST]:
            raise UsageError(f"--word {short[0]!r}: expected {SHORTEST} letters or more, or much else would go with it")
        document = read.report(Path(given.report)).to_json()
        text = json.dumps(redacted(document, (*given.word, *here())), indent=2, ensure_ascii=False) + "\n"
        give(given.output, text)
    except UsageError as error:
        print(f"pytest-isolation redact: {error}", file=sys.stderr)
        return 2
    return 0


def here() -> tuple[str, ...]:
    """This machine's name, and its people's accounts: words that a report made here may hold."""
    import pwd

    found = {socket.gethostname(), socket.gethostname().partition(".")[0]}
    found |= {one.pw_name for one in pwd.getpwall() if 1000 <= one.pw_uid < 60000}
    found |= {os.environ[name] for name in ("SUDO_USER", "LOGNAME", "USER") if os.environ.get(name)}
    return tuple(sorted(found - {"root", "localhost", "nobody"}))


def redacted(document: Mapping[str, Any], words: Iterable[str] = ()) -> dict[str, Any]:
    """A report's JSON with stand-ins.  `words`: of three letters and more, are taken out wherever they stand alone."""
    machines = tuple(str(one["name"]) for one in document.get("hosts", ()))
    found = {one for one in (*words, *machines) if len(one) >= SHORTEST}
    stand_ins = _StandIns(sorted(found, key=len, reverse=True), machines)
    return {
        key: stand_ins.without_words(value) if key in PUBLIC else stand_ins.of(value) for key, value in document.items()
    }


class _StandIns:
    """What was taken out, and what stands in its place."""

    def __init__(self, words: Iterable[str], machines: Iterable[str] = ()) -> None:
        self.machines = tuple(machines)
        """Names that stand before those of boxes (--dist each)."""
        self.given: dict[tuple[str, str], str] = {}
        self.counts: dict[str, int] = {}
        either = "|".join(map(re.escape, words))
        self.words = re.compile(rf"(?<![A-Za-z0-9])(?:{either})(?![A-Za-z0-9])") if either else None

    def of(self, value: Any) -> Any:
        """The same of a list or an object, its keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {
                self.text(str(key)): self.ours(inner) if key in OURS else self.of(inner) for key, inner in value.items()
            }
        return [self.of(one) for one in value] if isinstance(value, list | tuple) else value

    def without_words(self, value: Any) -> Any:
        """This project's own sentences: in them stands, at most, an account that host support names."""
        if self.words is None:
            return value
        if isinstance(value, str):
            return self.words.sub(lambda found: self._for("name", found[0]), value)
        if isinstance(value, Mapping):
            return {key: self.without_words(inner) for key, inner in value.items()}
        return [self.without_words(one) for one in value] if isinstance(value, list | tuple) else value

    def ours(self, value: Any) -> Any:
        """A word of a fixed list, a version, or the name of a box, which may begin with a machine's."""
        if not isinstance(value, str):
            return value
        machine, slash, box = value.partition("/")
        return self._for("name", machine) + slash + box if machine in self.machines else value

    def text(self, text: str) -> str:
        text = REACHED_BY.sub("ssh=redacted", text)
        text = ACCOUNT_AT.sub(lambda found: self._for("account", found[0]), text)
        text = VARIABLE.sub(self._variable, text)
        text = HOME.sub(lambda found: self._for("path", found[0]), text)
        text = PATH.sub(self._path, text)
        text = HARDWARE.sub(lambda found: self._for("hardware", found[0].lower()), text)
        text = IPV4.sub(lambda found: self._address(found[0]), text)
        text = IPV6.sub(lambda found: self._address(found[0].lower()) if _is_ipv6(found[0]) else found[0], text)
        text = CONTAINER.sub(lambda found: self._for("id", found[0]), text)
        return self.words.sub(lambda found: self._for("name", found[0]), text) if self.words is not None else text

    def _for(self, kind: str, what: str) -> str:
        if what.startswith(f"redacted-{kind}-"):
            return what
        if (kind, what) not in self.given:
            self.counts[kind] = self.counts.get(kind, 0) + 1
            self.given[kind, what] = f"redacted-{kind}-{self.counts[kind]}"
        return self.given[kind, what]

    def _variable(self, found: re.Match[str]) -> str:
        name, value = found[1], found[2]
        if value.startswith("redacted-"):
            return found[0]
        return f"{name if name in VARIABLES else self._for('variable', name)}={self._for('value', value)}"

    def _path(self, found: re.Match[str]) -> str:
        path = found[0]
        place = path.strip("/")
        if any(place == one or place.startswith(f"{one}/") for one in PLACES):
            return path
        return f"/redacted/{self._for('path', path).removeprefix('redacted-')}"

    def _address(self, address: str) -> str:
        return address if EVERYBODYS.match(address) else self._for("address", address)


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
