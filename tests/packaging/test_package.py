"""The package as a user gets it: what is in it, that it installs alone, and that it works anywhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable, Sequence
from email import message_from_bytes
from hashlib import sha256
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pytest_isolation.inception.extra import LIBRARIES
from tests.packaging.conftest import ENVIRONMENT, ROOT, call
from tests.runs import run
from tests.support import built_in_checks

Install = Callable[[str, Sequence[str]], Path]
CHECKS = {promise.id for promise, _ in built_in_checks()}
MINORS = (11, 12, 13, 14)


def _python(minor: int) -> str | None:
    """An interpreter of this version: this one, one in PATH, one of pyenv's."""
    if sys.version_info.minor == minor:
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [*pyenv.glob(f"3.{minor}.*/bin/python3.{minor}"), shutil.which(f"python3.{minor}")]
    real = [one for one in map(str, filter(None, found)) if "shims" not in one]
    return real[0] if real else None


# -- what is in it ---------------------------------------------------------------------------------------------


def test_the_wheel_has_all_of_it(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        f"pytest_isolation/{path.relative_to(ROOT / 'pytest_isolation')}"
        for path in (ROOT / "pytest_isolation").rglob("*")
        if path.suffix in {".py", ".c", ".jinja", ".sh", ".toml", ".json", ".typed"} or path.name == "LICENSE"
    }
    expected |= {f"pytest_isolation/{path.relative_to(ROOT)}" for path in (ROOT / "checks").rglob("*.py")}
    expected |= {f"pytest_isolation/{path.relative_to(ROOT)}" for path in (ROOT / "checks").glob("*/domain.toml")}
    expected |= {f"pytest_isolation/agent/bin/agent-{machine}" for machine in ("x86_64", "aarch64")}
    assert expected <= names
    strangers = {name for name in names - expected if ".dist-info/" not in name}
    assert strangers == set()
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_the_agents_are_programs_of_their_machines(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    for machine, number in (("x86_64", 62), ("aarch64", 183)):
        program = archive.read(f"pytest_isolation/agent/bin/agent-{machine}")
        assert program[:4] == b"\x7fELF"
        assert int.from_bytes(program[18:20], "little") == number
        assert len(program) < 32_000


def test_the_metadata_is_what_an_index_shows(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (name,) = [one for one in archive.namelist() if one.endswith(".dist-info/METADATA")]
    data = message_from_bytes(archive.read(name))
    assert data["License-Expression"] == "MIT"
    assert data["Author"] == "pytest-isolation maintainers"
    assert data["Requires-Python"] == ">=3.11"
    assert data["Description-Content-Type"] == "text/markdown"
    assert "Framework :: Pytest" in data.get_all("Classifier", [])
    assert "hypothesis>=6.100" in data.get_all("Requires-Dist", [])


def test_the_sdist_builds_the_same_wheel(source: Path, wheel: Path, tmp_path: Path) -> None:
    call(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path, cwd=source)
    (packed,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(packed) as archive:
        assert not [one for one in archive.getnames() if "/bin/agent-" in one], "a binary is in the source package"
    call(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, packed, cwd=tmp_path)
    (again,) = tmp_path.glob("*.whl")
    assert _contents(again) == _contents(wheel)


def _contents(wheel: Path) -> dict[str, str]:
    archive = zipfile.ZipFile(wheel)
    return {name: sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


# -- that it works ---------------------------------------------------------------------------------------------


@pytest.mark.long("Pythons")
@pytest.mark.parametrize("minor", MINORS)
def test_it_measures_in_an_empty_folder(minor: int, install: Install, tmp_path: Path) -> None:
    """An empty environment, an empty folder, two boxes; pytest-xdist is not there.

    Every check with the Python that runs the tests, the quick domains with the others.
    """
    python = _python(minor)
    if python is None:
        pytest.skip(f"no Python 3.{minor} on this machine")
    boxes = ["--isolation", "--box", "host", "--box", "namespaces", "--isolation-examples", "10"]
    if python != sys.executable:
        boxes += ["--isolation-only", "pid.*,mnt.*,net.*"]
    folder = tmp_path / "empty"
    done = run(folder, *boxes, command=(str(install(python, ())), "-W", "error", "-m", "pytest"), timeout=500)
    assert done.code == 0, done.out
    measured = {row["guarantee"] for row in done.report["results"]}
    assert measured == {known for known in CHECKS if python == sys.executable or known[:3] in ("pid", "mnt", "net")}
    assert {row["box"] for row in done.report["results"]} == {"host", "namespaces"}
    assert list(folder.iterdir()) == []


FOREIGN = {
    "pyproject.toml": """
[tool.pytest]
strict = true
python_files = ["check_*.py"]
python_functions = ["it_*"]
python_classes = ["Spec*"]
testpaths = ["spec"]
empty_parameter_set_mark = "fail_at_collect"
xfail_strict = true
filterwarnings = ["error"]
usefixtures = ["careful"]
addopts = ["--import-mode=importlib", "--strict-markers", "-ra"]
""",
    "conftest.py": """
import os, socket
import pytest

@pytest.fixture
def careful():
    raise RuntimeError("a fixture of the project was used for a check that is not the project's")

@pytest.fixture(autouse=True)
def no_network(monkeypatch, careful):
    monkeypatch.delattr(socket, "socket")

@pytest.fixture
def box():
    raise RuntimeError("a fixture of the project that is called as ours are")
""",
    "spec/check_own.py": "def it_adds():\n    assert 1 + 1 == 2\n",
    "hypothesis.py": "raise ImportError('a file of the project that is called as a library is')\n",
}


@pytest.mark.long("foreign projects")
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["serial", "workers"])
def test_it_measures_in_a_project_with_rules_of_its_own(
    workers: tuple[str, ...], install: Install, tmp_path: Path
) -> None:
    folder = tmp_path / "foreign"
    for name, text in FOREIGN.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    program = str(install(sys.executable, ("pytest-xdist",)).with_name("pytest"))
    boxes = ("--isolation", "--box", "host", "--box", "namespaces")
    listed = run(folder, *boxes, "--collect-only", "-q", command=(program,), report=False)
    ids = [line for line in listed.out.splitlines() if "::" in line]
    assert len(ids) == 2 * len(CHECKS), listed.out
    assert [one for one in ids if not re.fullmatch(r"isolation::.*\[(host|namespaces)(:[\w.-]+)?\]", one)] == []
    done = run(folder, *boxes, *workers, "--isolation-only", "pid.*", command=(program,))
    assert done.code == 0, done.out
    assert len(done.rows) == 2 * len([known for known in CHECKS if known.startswith("pid.")])


def test_the_environment_of_the_developers_is_an_editable_install(tmp_path: Path) -> None:
    """There the checks are beside the package, and found as well."""
    import pytest_isolation

    if Path(pytest_isolation.__file__).parent != ROOT / "pytest_isolation":
        pytest.skip("the package is installed here from a wheel (tox); dev/setup makes an editable install")
    listed = run(tmp_path / "empty", "--isolation", "--box", "host", "--collect-only", "-q", report=False)
    assert len([line for line in listed.out.splitlines() if line.startswith("isolation::")]) == len(CHECKS)


# -- the extra -------------------------------------------------------------------------------------------------


def test_the_extra_has_the_libraries_of_the_auditor() -> None:
    """And none of them is the core's; the developers' group has them as well."""
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extra = whole["project"]["optional-dependencies"]["inception"]
    assert {Requirement(one).name for one in extra} == set(LIBRARIES)
    assert whole["dependency-groups"]["inception"] == extra
    assert {"include-group": "inception"} in whole["dependency-groups"]["dev"]
    core = {Requirement(one).name for one in whole["project"]["dependencies"]}
    assert not core & set(LIBRARIES)


@pytest.mark.parametrize("words", [("--inception",), ("audit",)], ids=["pytest", "command"])
def test_without_the_extra_an_audit_says_what_to_install(
    words: tuple[str, ...], install: Install, tmp_path: Path
) -> None:
    (tmp_path / "submission").mkdir()
    (tmp_path / "elsewhere").mkdir()
    program = install(sys.executable, ()).with_name("pytest" if words == ("--inception",) else "pytest-isolation")
    done = subprocess.run(
        [program, *words, str(tmp_path / "submission")], cwd=tmp_path / "elsewhere", env=ENVIRONMENT,
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 4, done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line == (
        f"ERROR: --inception needs {', '.join(sorted(LIBRARIES))}, which are not installed; "
        "install the extra: pip install 'pytest-isolation[inception]'"
    )


def test_with_the_extra_a_submission_is_audited(install: Install, tmp_path: Path) -> None:
    python = install(sys.executable, ("[inception]",))
    said = call(
        python.with_name("pytest-isolation"), "audit", ROOT / "tests" / "inception" / "reference",
        "--date", "2026-10-01", cwd=tmp_path,
    )  # fmt: skip
    assert "goes on" in said, said


HEAVY = ("hypothesis", "docker", "pyroute2", "psutil", "qemu", "requests", "system_calls", "pytest_isolation.suite")


@pytest.mark.parametrize("arguments", [(), ("--collect-only",), ("--fixtures",)], ids=["run", "collect", "fixtures"])
def test_a_run_without_isolation_imports_nothing_heavy(arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text("def test_it():\n    pass\n")
    code = """
import sys, pytest
status = pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:]])
print("loaded", *sorted(sys.modules))
sys.exit(status)
"""
    with_it, without = (
        set(call(sys.executable, "-c", code, *arguments, *more, cwd=tmp_path).splitlines()[-1].split())
        for more in ((), ("-p", "no:isolation", "-p", "no:isolation-inception"))
    )
    added = with_it - without
    assert "pytest_isolation.plugin" in added
    assert not [name for name in added if name.startswith(HEAVY)]
    assert len(added) < 12, sorted(added)


def test_without_the_core_plugin_there_is_no_auditor(tmp_path: Path) -> None:
    assert "--inception" not in call(sys.executable, "-m", "pytest", "-p", "no:isolation", "--help", cwd=tmp_path)
    assert "--isolation" in call(sys.executable, "-m", "pytest", "-p", "no:isolation-inception", "--help", cwd=tmp_path)


def test_the_versions_are_those_tried_here() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    said = {line.rsplit(" ", 1)[-1] for line in project["classifiers"] if "Python :: 3." in line}
    assert said == {f"3.{minor}" for minor in MINORS}
