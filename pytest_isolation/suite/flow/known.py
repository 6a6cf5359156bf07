"""What documents and papers say is shared by all boxes of one kernel: `known.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Known:
    """One resource that is known to be shared."""

    what: str
    reads: tuple[str, ...]
    source: str
    acts: tuple[str, ...] = ()

    def covers(self, receiver: str, acts: Collection[str]) -> bool:
        """Whether it tells of a finding: a receiver's name, and the acts of its sender."""
        return self.reads_of(receiver) and (not self.acts or bool({*self.acts} & {*acts}))

    def reads_of(self, receiver: str) -> bool:
        """Whether it tells of a receiver."""
        return any(fnmatchcase(receiver, glob) for glob in self.reads)


@cache
def known() -> tuple[Known, ...]:
    """All of the file, in its order."""
    text = (files("pytest_isolation.suite.flow") / "known.toml").read_text(encoding="utf-8")
    return tuple(
        Known(one["what"], tuple(one["reads"]), one["source"], tuple(one.get("acts", ())))
        for one in tomllib.loads(text)["known"]
    )


def of(receiver: str, acts: Collection[str]) -> Known | None:
    """What covers a finding first; None: no document that we know of tells of it."""
    return next((one for one in known() if one.covers(receiver, acts)), None)
