"""Between pytest's items and a measurement: the check that an item holds, and a row as the text of its failure."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from pytest_isolation.guarantees.family import family_of
from pytest_isolation.guarantees.guarantee import ENTRY, PROMISE
from pytest_isolation.guarantees.property import Check


@contextmanager
def unwritten_failures(item: pytest.Item) -> Generator[None]:
    """Hypothesis has pytest write out each violation that it sees, and nobody reads that: the row has the evidence.

    To write one takes longer than most examples, and a control sees nothing but violations.
    """
    item.repr_failure = lambda excinfo, style=None: str(excinfo.value)  # type: ignore[method-assign]
    try:
        yield
    finally:
        del item.repr_failure


def check_of(item: pytest.Function) -> Check:
    """The item's function with the parameters and fixtures it asks for, `box` aside."""
    given = {name: item.funcargs[name] for name in item._fixtureinfo.argnames if name != "box"}
    given_by = item.callspec.params if hasattr(item, "callspec") else {}
    hidden = {"box", PROMISE, ENTRY} if family_of(item.function) is not None else {"box"}
    shown = ", ".join(f"{name}={value!r}" for name, value in sorted(given_by.items()) if name not in hidden)
    return Check(item.function, given, item.instance, shown)


def shown(row: dict[str, Any]) -> str:
    lines: list[str] = []
    for evidence in row["evidence"]:
        calls, proof = evidence["calls"], evidence["proof"]
        lines += [f"    {calls[number]}" for number in proof]
        lines += [f"    observed {key}: {value}" for key, value in evidence["observed"].items()]
        if len(calls) > len(proof):
            lines += [
                "    the whole program:",
                *(f"    {'>' if n in proof else ' '} {call}" for n, call in enumerate(calls)),
            ]
    return "\n".join(lines)
