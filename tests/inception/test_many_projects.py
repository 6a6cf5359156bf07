"""A repository of several projects: which of them is looked at, and that the others are named."""

from __future__ import annotations

import shutil
from pathlib import Path

from pytest_isolation.inception.asked import AuditOptions
from pytest_isolation.inception.audit import audit
from pytest_isolation.inception.model import find_root
from pytest_isolation.inception.tree import read_tree
from tests.inception.support import DAY, REFERENCE, apply

GAME = (("a_game/Makefile", None, "all:\n\tcc srcs/main.c\n"), ("a_game/srcs/main.c", None, "int main(void) {}\n"))


def test_one_with_a_compose_file_goes_first(tmp_path: Path) -> None:
    shutil.copytree(REFERENCE, tmp_path / "inception")
    apply(tmp_path, GAME)
    assert find_root(read_tree(tmp_path)) == "inception"
    rows = audit(tmp_path, AuditOptions(day=DAY))
    assert [row.verdict for row in rows if row.rule == "S01"] == ["pass"]


def test_the_others_are_named(tmp_path: Path) -> None:
    for name in ("one", "two"):
        shutil.copytree(REFERENCE, tmp_path / name)
    rows = audit(tmp_path, AuditOptions(day=DAY))
    assert [row.found for row in rows if row.rule == "S01" and row.verdict == "advice"] == [
        "one was looked at; other projects are here: two"
    ]
