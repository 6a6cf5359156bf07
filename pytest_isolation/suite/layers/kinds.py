"""What two differences have in common: the kind by which they are counted, and made small."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass

from pytest_isolation.boxes.layers.model import Layers
from pytest_isolation.boxes.layers.specification import SILENT, Reading
from pytest_isolation.suite.layers.compare import Difference

YEAR_2262 = 2**63
"""Nanoseconds since 1970, as a signed number of 64 bits has no more."""


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """A sentence without its subject: "has another owner: of a directory that the last layer has no entry for"."""

    aspect: str
    detail: str
    silent: str = ""
    """Key of specification.SILENT; empty: the specification decides it."""

    @property
    def told(self) -> str:
        """The sentence."""
        verb = VERBS[self.aspect] if self.aspect == "refused" or not self.silent else "shows another tree"
        return f"{verb}: {self.detail}"


VERBS = {
    "refused": "refuses the image",
    "exists": "shows other names",
    "type": "shows another type",
    "content": "shows another content",
    "mode": "shows another mode",
    "owner": "shows another owner",
    "mtime": "shows another time",
    "xattr": "shows other attributes",
    "links": "shows other hard links",
}


def kind_of(difference: Difference, sequence: Layers, reading: Reading) -> Kind:
    """The kind of one difference in one sequence."""
    if difference.silent is not None:
        return Kind(
            "refused" if difference.aspect == "refused" else "exists", SILENT[difference.silent], difference.silent
        )
    return Kind(difference.aspect, _detail(difference, sequence, reading))


def _detail(one: Difference, sequence: Layers, reading: Reading) -> str:
    if one.aspect == "refused":
        return _words(str(one.found))
    if one.aspect == "exists":
        if one.found == "listed":
            return "one is listed and is not there"
        return "one is gone" if one.wanted else "one is left"
    if one.aspect == "type":
        return f"a {one.wanted} is a {one.found}"
    look = reading.tree[one.path]
    if one.aspect == "mtime" and look.mtime_ns < 0 and one.found == 0:
        return "1970 instead of an earlier year"
    if one.aspect == "mtime" and look.mtime_ns < 0:
        return "a year before 1970"
    if one.aspect == "mtime" and look.mtime_ns >= YEAR_2262:
        return "a year after 2262"
    return f"of a {look.kind} {_described(one.path, sequence)}"


def _described(path: bytes, sequence: Layers) -> str:
    """Where the entry of a name stands, of the layers that have something at or below it."""
    having = [at for at, layer in enumerate(sequence.layers) if any(entry.path == path for entry in layer)]
    inside = [at for at, layer in enumerate(sequence.layers) if any(_under(entry.path, path) for entry in layer)]
    if not having:
        return "that no layer describes"
    if inside and max(inside) > max(having):
        return "that a later layer writes into without an entry for it"
    return "that a layer changes" if len(having) > 1 else "that one layer describes"


def _under(path: bytes, directory: bytes) -> bool:
    return not directory or path.startswith(directory + b"/")


def _words(said: str) -> str:
    """The errno that a message tells of, or the message without names and numbers: equal mistakes have equal ones."""
    errors = {os.strerror(number).lower() for number in errno.errorcode if number}
    told = [error for error in errors if error in said.lower()]
    if told:
        return max(told, key=len)
    said = re.sub(r'"[^"]*"|\S*/\S*|\S*\d\S*', "…", said)
    return " ".join(re.sub(r"(… ?)+", "… ", said).split())[-70:].strip()
