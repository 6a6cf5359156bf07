"""Senders that moved something once: tried first the next time, here and on other kernels.

A JSON file in the user's cache directory (XDG_CACHE_HOME); without it, or where it holds something else, a search
starts from nothing.  It holds names of acts and of receivers, and no content.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytest_isolation.suite.flow.acts import ACTS
from pytest_isolation.suite.flow.grammar import LONGEST, Sender

MOST = 200


def place() -> Path:
    """Where it is kept."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "pytest-isolation" / "flow.json"


def read(path: Path | None = None) -> list[Mapping[str, Any]]:
    """The programs that are kept: those whose acts are known here."""
    try:
        kept = json.loads((path or place()).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    return [one for one in kept if sender_of(one) is not None][-MOST:] if isinstance(kept, list) else []


def sender_of(kept: object) -> Sender | None:
    """The sender that a record tells of; None where it is none."""
    acts = kept.get("acts") if isinstance(kept, dict) else None
    if not isinstance(acts, list) or not 0 < len(acts) <= LONGEST:
        return None
    found = []
    for act in acts:
        match act:
            case [str(name), int(times)] if name in ACTS and 0 < times <= ACTS[name].most:
                found.append((name, times))
            case _:
                return None
    return Sender(tuple(found))


def add(findings: Iterable[tuple[Sender, str, str, str]], path: Path | None = None) -> None:
    """Keep senders: (sender, class of the receiver's resource, kernel, technology).  Quiet when it cannot."""
    where, findings = path or place(), list(findings)
    if not findings:
        return
    kept = {_key(one): dict(one) for one in read(where)}
    for sender, resource, kernel, technology in findings:
        one = {"acts": [list(act) for act in sender.acts], "resource": resource, "kernel": kernel, "technologies": []}
        known = kept.setdefault(_key(one), one)
        before = known.get("technologies")
        named = {name for name in before if isinstance(name, str)} if isinstance(before, list) else set()
        known["technologies"] = sorted({*named, technology})
    with suppress(OSError):
        where.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = where.with_name(f"{where.name}.{os.getpid()}")
        new.write_text(json.dumps(list(kept.values())[-MOST:], indent=1), encoding="utf-8")
        new.replace(where)


def _key(one: Mapping[str, Any]) -> str:
    return json.dumps([one.get("acts"), one.get("resource"), one.get("kernel")])
