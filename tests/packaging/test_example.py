"""A technology from another package: under 60 lines, found by its entry point, conformant, measured like ours."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.packaging.conftest import ROOT, call
from tests.runs import run

EXAMPLE = Path(__file__).parent / "example"
MODULE = EXAMPLE / "pytest_isolation_unshare.py"
DOCUMENT = ROOT / "docs" / "adding-a-technology.md"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="the example needs root: it uses no user namespace")


@pytest.fixture(scope="module")
def python(install: Callable[[str, Sequence[str]], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the plugin and the example, both from packages."""
    copy = tmp_path_factory.mktemp("example") / "example"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return install(sys.executable, (str(copy),))


def test_it_is_short_and_it_is_the_one_in_the_documents() -> None:
    text = MODULE.read_text()
    assert len(text.splitlines()) < 60
    shown = re.findall(r"```(?:python|toml)\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert text in shown
    assert (EXAMPLE / "pyproject.toml").read_text() in shown
    assert (EXAMPLE / "test_conformance.py").read_text() in shown


@needs_root
def test_it_passes_the_published_suite(python: Path, tmp_path: Path) -> None:
    shutil.copy2(EXAMPLE / "test_conformance.py", tmp_path)
    said = call(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path)
    assert re.search(r"\b1[0-9] passed", said), said
    assert "skipped" not in said


@needs_root
def test_it_is_listed_and_measured(python: Path, tmp_path: Path) -> None:
    listed = run(tmp_path / "list", "--isolation-list", command=(str(python), "-m", "pytest"), report=False)
    assert re.search(r"^  unshare +available", listed.out, re.MULTILINE), listed.out
    asked = (
        "--isolation",
        "--box",
        "unshare",
        "--box",
        "hole=unshare:weaken=share-pid",
        "--isolation-only",
        "pid.init-is-one",
    )
    done = run(tmp_path / "run", *asked, command=(str(python), "-m", "pytest"))
    assert done.rows["unshare", "pid.init-is-one"]["verdict"] == "holds", done.out
    assert done.rows["hole", "pid.init-is-one"]["verdict"] == "violated", done.out
