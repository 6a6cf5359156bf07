"""Another package's technology, claims and guarantee: short, found by entry points, conformant, measured like ours."""

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
    others = ("pyproject.toml", "test_conformance.py", "pytest_isolation_unshare.toml")
    for name in (*others, "pytest_isolation_unshare_checks/test_segment_unlisted.py"):
        assert (EXAMPLE / name).read_text() in shown, name


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
    boxes = ("--box", "unshare", "--box", "hole=unshare:weaken=share-pid")
    asked = ("--isolation", *boxes, "--isolation-only", "pid.ppid-zero")
    done = run(tmp_path / "run", *asked, command=(str(python), "-m", "pytest"))
    assert done.rows["unshare", "pid.ppid-zero"]["verdict"] == "holds", done.out
    assert done.rows["hole", "pid.ppid-zero"]["verdict"] == "violated", done.out
    claims = {box: done.rows[box, "pid.ppid-zero"]["claim"] for box in ("unshare", "hole")}
    assert claims == {"unshare": "promised", "hole": "disclaimed"}
    assert done.rows["unshare", "pid.ppid-zero"]["claim_source"].startswith("man:unshare(1)")


@needs_root
def test_its_guarantee_is_one_of_the_run(python: Path, tmp_path: Path) -> None:
    command = (str(python), "-m", "pytest")
    listed = run(tmp_path / "list", "--isolation-list", command=command, report=False)
    assert re.search(r"^  ipc\.sysv-shm-unlisted ", listed.out, re.MULTILINE), listed.out
    boxes = [word for box in ("unshare", "host", "namespaces") for word in ("--box", box)]
    done = run(tmp_path / "run", "--isolation", *boxes, "--isolation-only", "ipc.sysv-*", command=command)
    for guarantee in ("ipc.sysv-shm-isolated", "ipc.sysv-shm-unlisted"):
        for box, verdict, claim in (
            ("unshare", "holds", "promised"), ("namespaces", "holds", "promised"), ("host", "violated", "disclaimed"),
        ):  # fmt: skip
            row = done.rows[box, guarantee]
            assert (row["verdict"], row["claim"], row["control"]) == (verdict, claim, "fired"), (row, done.out)


@needs_root
@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"ipc-namespace"', '"ipc-namespce"', r"'ipc-namespce' is no defence; did you mean 'ipc-namespace'\?"),
        ('"private-root", ', "", r"nothing is said of the defence private-root, on which mnt\.[a-z-]+ rests"),
        ('defences = ["ipc-namespace"]', 'guarantees = ["ipc.invented"]', r"there is no guarantee 'ipc\.invented'"),
    ],
)
def test_a_mistake_in_its_claims_ends_the_run(python: Path, tmp_path: Path, old: str, new: str, told: str) -> None:
    for module in EXAMPLE.glob("pytest_isolation_unshare.*"):
        text = module.read_text()
        (tmp_path / module.name).write_text(text.replace(old, new) if module.suffix == ".toml" else text)
    command = ("env", f"PYTHONPATH={tmp_path}", str(python), "-m", "pytest")
    done = run(tmp_path / "run", "--isolation", "--box", "unshare", command=command, report=False)
    assert done.code == 4, done.out
    assert re.search(told, done.out), done.out
    assert "Traceback" not in done.out
