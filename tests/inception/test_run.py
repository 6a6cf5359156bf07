"""Audits as a user runs them: pytest --inception, and pytest-isolation audit."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from tests.inception.support import apply, reference

SCHEMA = json.loads((files("pytest_isolation.report") / "schema.json").read_text())
BIN = Path(sys.executable).parent
DATE = ("--inception-date", "2026-10-01")


def run(cwd: Path, *words: str, timeout: float = 120, **env: str) -> subprocess.CompletedProcess[str]:
    """A program of this environment, with nothing of the outer run's settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(
        [str(BIN / words[0]), *words[1:]], cwd=cwd, env=clean | env, capture_output=True, text=True, timeout=timeout
    )  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reference(tmp_path_factory.mktemp("run") / "reference")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    place = tmp_path / "elsewhere"
    place.mkdir()
    return place


@pytest.fixture
def top(tmp_path: Path, original: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "submission"))


@pytest.fixture
def bad(tmp_path: Path, original: Path) -> Path:
    place = Path(shutil.copytree(original, tmp_path / "bad"))
    apply(place, [("srcs/docker-compose.yml", "  networks: [inception]\n", "  networks: [inception]\n  links: [x]\n")])
    return place


@pytest.mark.parametrize("form", ["space", "equals"])
def test_a_good_one_passes(top: Path, elsewhere: Path, form: str) -> None:
    word = ["--inception", str(top)] if form == "space" else [f"--inception={top}"]
    done = run(elsewhere, "pytest", *word, *DATE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "goes on  98 rules pass" in done.stdout
    assert not (top / ".pytest_cache").exists()


def test_one_that_ends_the_evaluation_fails_the_run(top: Path, bad: Path, elsewhere: Path) -> None:
    done = run(
        elsewhere, "pytest", f"--inception={bad}", f"--inception={top}", *DATE,
        "--isolation-report", "json:r.json", "--isolation-report", "md:r.md",
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "C02" in done.stdout and "ENDS" in done.stdout and "1 failed, 1 passed" in done.stdout
    report = json.loads((elsewhere / "r.json").read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(report)
    assert report["run"]["exit"] == 1
    rows = [row for row in report["inception"] if row["verdict"] == "fail"]
    assert {(row["path"], row["rule"], row["severity"]) for row in rows} == {(str(bad), "C02", "end")}
    assert rows[0]["where"] == "srcs/docker-compose.yml:5"
    page = (elsewhere / "r.md").read_text()
    assert "the evaluation would end early" in page and "### C02: ENDS\n\n- Where: `srcs/docker-compose.yml:5`" in page


def test_a_broken_rule_fails_the_run_only_strictly(top: Path, elsewhere: Path) -> None:
    apply(top, [("srcs/docker-compose.yml", "  restart: unless-stopped\n", "")])
    assert run(elsewhere, "pytest", f"--inception={top}", *DATE).returncode == 0
    assert run(elsewhere, "pytest", f"--inception={top}", *DATE, "--inception-strict").returncode == 1


def test_the_command(top: Path, bad: Path, elsewhere: Path) -> None:
    ours = ("pytest-isolation", "audit")
    done = run(elsewhere, *ours, "../submission", "../bad", "--date", "2026-10-01", "--report", "json:r.json")
    assert done.returncode == 1 and "C02" in done.stdout, done.stdout + done.stderr
    assert json.loads((elsewhere / "r.json").read_text())["inception"]
    assert run(elsewhere, *ours, "../submission", "--date", "2026-10-01", "--strict").returncode == 0
    assert run(elsewhere, *ours, "nowhere").returncode == 4


# -- a submission's own tests and settings ---------------------------------------------


def trap(top: Path, proof: Path) -> None:
    """Everything that a pytest started in there would run."""
    mine = f"open({str(proof)!r}, 'a').write(__name__ + '\\n')\n"
    for name in ("conftest", "pytest_isolation", "json", "resource", "test_x", "sitecustomize", "evil"):
        (top / f"{name}.py").write_text(mine)
    (top / "srcs/conftest.py").write_text(mine)
    (top / "pytest.ini").write_text("[pytest]\npythonpath = .\naddopts = -p evil\n")


@pytest.fixture
def proof(tmp_path: Path, top: Path) -> Path:
    trap(top, tmp_path / "proof")
    return tmp_path / "proof"


def test_the_command_loads_nothing_of_it(top: Path, proof: Path) -> None:
    """From within, by name, and with the environment pointing into it."""
    for cwd in (top, top / "srcs"):
        done = run(cwd, "pytest-isolation", "audit", str(top), "--date", "2026-10-01", PYTEST_ADDOPTS="-p evil")
        assert done.returncode == 0, done.stdout + done.stderr
    assert not proof.exists()
    assert not (top / ".pytest_cache").exists() and not list(top.rglob("__pycache__"))


def test_pytest_stops_before_it_loads_a_conftest(top: Path, tmp_path: Path) -> None:
    (top / "conftest.py").write_text(f"open({str(tmp_path / 'proof')!r}, 'w')\n")
    for cwd, words in (
        (top, ["--inception", "."]),
        (top / "srcs", ["--inception", ".."]),
        (tmp_path, [f"--inception={top}", str(top)]),
        (tmp_path, [f"--inception={top}", f"--rootdir={top}"]),
        (tmp_path, [f"--inception={top}", f"--confcutdir={top}"]),
    ):
        done = run(cwd, "pytest", *words)
        assert done.returncode == 4 and "pytest-isolation audit" in done.stderr, (words, done.stdout + done.stderr)
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "proof").exists()


def test_pytest_stops_at_an_ini_file_of_it(top: Path, elsewhere: Path) -> None:
    (top / "pytest.ini").write_text("[pytest]\n")
    done = run(elsewhere, "pytest", "--inception", str(top))
    assert done.returncode == 4 and "the ini file" in done.stderr
    assert run(elsewhere, "pytest", f"--inception={top}", *DATE).returncode == 0


def test_a_conftest_in_a_directory_whose_name_starts_with_test(tmp_path: Path, original: Path) -> None:
    place = Path(shutil.copytree(original, tmp_path / "test_submission"))
    (place / "conftest.py").write_text(f"open({str(tmp_path / 'proof')!r}, 'w')\n")
    done = run(tmp_path, "pytest", f"--inception={place}")
    assert done.returncode == 4 and not (tmp_path / "proof").exists()


def test_tests_below_the_working_directory_are_not_collected(top: Path, tmp_path: Path) -> None:
    mine = f"open({str(tmp_path / 'proof')!r}, 'w')\ndef test_x(): pass\n"
    (top / "conftest.py").write_text(mine)
    (top / "test_x.py").write_text(mine)
    (tmp_path / "test_own.py").write_text("def test_own(): pass\n")
    done = run(tmp_path, "pytest", f"--inception={top}", ".", *DATE)
    assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout + done.stderr
    assert not (tmp_path / "proof").exists()


def cpu() -> float:
    """Seconds of processor time of ended children: what they take whatever else the machine does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# -- many ------------------------------------------------------------------------------


def test_forty_in_two_processes(original: Path, tmp_path: Path, elsewhere: Path) -> None:
    """With some among them that cannot be read: those stop nothing."""
    paths = [Path(shutil.copytree(original, tmp_path / f"s{number}")) for number in range(38)]
    paths += [tmp_path / "empty", tmp_path / "file"]
    (tmp_path / "empty").mkdir()
    (tmp_path / "file/srcs").mkdir(parents=True)
    (tmp_path / "file/srcs/docker-compose.yml").write_bytes(b"\xff\xff")
    began = cpu()
    words = [f"--inception={path}" for path in paths]
    done = run(elsewhere, "pytest", "-n", "2", *words, *DATE, "--isolation-report", "json:r.json")
    seconds = cpu() - began
    assert done.returncode == 1 and "2 failed, 38 passed" in done.stdout, done.stdout[-2000:] + done.stderr
    rows = json.loads((elsewhere / "r.json").read_text())["inception"]
    assert [*dict.fromkeys(row["path"] for row in rows)] == [str(path) for path in paths]
    assert seconds < 30, "two processes, 15 s each"


def test_one_is_quick(top: Path) -> None:
    from pytest_isolation.inception.alone import _audit_pool, audit_alone
    from pytest_isolation.inception.asked import AuditOptions
    from tests.inception.support import DAY

    _audit_pool().close()
    began = cpu()
    for _ in range(5):
        audit_alone(top, AuditOptions(day=DAY), "x")
    _audit_pool().close()  # its start is a part of it, and its time is known when it has ended
    assert 0 < (cpu() - began) / 5 < 0.5


def test_beside_a_measurement(top: Path, elsewhere: Path) -> None:
    """Both in one run, one report."""
    done = run(
        elsewhere, "pytest", "--isolation", "--box", "namespaces", "--isolation-only", "pid.init-is-one",
        f"--inception={top}", *DATE, "--isolation-report", "json:r.json", "--isolation-report", "md:r.md",
    )  # fmt: skip
    report = json.loads((elsewhere / "r.json").read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(report)
    assert len({row["rule"] for row in report["inception"]}) >= 60, done.stdout
    assert "# Inception:" in (elsewhere / "r.md").read_text()
    assert [row["guarantee"] for row in report["results"]] == ["pid.init-is-one"]
