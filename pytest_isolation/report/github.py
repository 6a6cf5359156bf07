"""The run as GitHub's workflow commands: a line for each finding, which a job's log turns into an annotation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_isolation.report.answer import answers
from pytest_isolation.report.findings import findings

if TYPE_CHECKING:
    from pytest_isolation.report.run import Run

COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def render(run: Run, *, width: int = 100, color: bool = False) -> str:
    """`width` and `color` mean nothing here; every renderer takes them.  One notice with the answer, then the findings.

    GitHub shows ten of each level a step: what fails comes first.
    """
    told = "\n".join(f"{one.box}: {one.text}" for one in answers(run))
    lines = [_command("notice", "What these boxes isolate", told)] if told else []
    order = list(COMMANDS)
    lines += [
        _command(COMMANDS[one.level], one.title, one.text)
        for one in sorted(findings(run), key=lambda one: order.index(one.level))
    ]
    return "".join(f"\n{line}" for line in lines) + "\n"  # a command is one only at the beginning of a line


def _command(name: str, title: str, text: str) -> str:
    return f"::{name} title={_escaped(title, ':,')}::{_escaped(text)}"


def _escaped(text: str, more: str = "") -> str:
    """As actions/toolkit writes them: what ends a line, a value or a property is percent-encoded."""
    for char in ("%", "\r", "\n", *more):
        text = text.replace(char, f"%{ord(char):02X}")
    return text
