"""Submissions for the tests: the reference, edited."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from pytest_isolation.inception.asked import AuditOptions
from pytest_isolation.inception.audit import audit
from pytest_isolation.inception.report.findings import ORDER, word

REFERENCE = Path(__file__).parent / "reference"
DAY = date(2026, 10, 1)
GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@t", "-c", "core.hooksPath=/dev/null")
RANK = ("fail", "unclear", "advice", "pass", "not-applicable")


def git(at: Path, *words: str) -> None:
    subprocess.run([*GIT, *words], cwd=at, check=True, capture_output=True)


def reference(at: Path) -> Path:
    """The reference as its author has it before the defence: a repository, and an .env that git ignores."""
    shutil.copytree(REFERENCE, at)
    shutil.copy(at / "srcs/.env.example", at / "srcs/.env")
    git(at, "init", "-q")
    git(at, "add", "-A")
    git(at, "commit", "-q", "-m", "all of it")
    return at


def apply(top: Path, edits: Iterable[tuple[str, str | None, str | None]]) -> None:
    for file, old, new in edits:
        path = top / file
        if old is None and new is None:
            path.unlink()
        elif old is None:
            assert new is not None
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_inlined(top, new))
        else:
            text = path.read_text()
            assert old in text, f"{file} has no {old!r}"
            path.write_text(text.replace(old, _inlined(top, new or ""), 1), newline="")


def _inlined(top: Path, text: str) -> str:
    """`@FILE` alone on a line is that file; `@FILE+TEXT` has more behind it."""
    lines = []
    for line in text.split("\n"):
        if line.startswith("@"):
            file, _, more = line[1:].partition("+")
            line = (top / file).read_text() + more
        lines.append(line)
    return "\n".join(lines)


def judge(top: Path, **asked: Any) -> dict[str, str]:
    """Rule -> its worst verdict."""
    rows = audit(top, AuditOptions(**{"day": DAY, **asked}))
    worst: dict[str, str] = {}
    for row in rows:
        worst[row.rule] = min(worst.get(row.rule, "not-applicable"), row.verdict, key=RANK.index)
        assert word(row) in (*ORDER, "pass", "not-applicable")
    return worst
