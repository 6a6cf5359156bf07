"""What is built and installed once for all tests of the package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "PYTHON"))}


def call(*command: str | Path, cwd: Path) -> str:
    """What a command printed; an assertion with all of it when it failed."""
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as a clean clone has it: no compiled agent, no caches; uncommitted changes included."""
    copy = tmp_path_factory.mktemp("source")
    listed = call("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="session")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as pip builds it, in an environment of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    call(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, source, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def install(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Sequence[str]], Path]:
    """`install(python, extra)`: the interpreter of an empty environment in which the wheel was installed.

    `extra`: requirements to install with it; one in brackets, "[inception]", is an extra of the wheel.
    """
    made: dict[tuple[str, tuple[str, ...]], Path] = {}

    def environment(python: str, extra: Sequence[str] = ()) -> Path:
        key = python, tuple(extra)
        if key not in made:
            folder = tmp_path_factory.mktemp("venv")
            # This one's pip installs for it: one of its own is the dearer half of an environment.
            call(python, "-m", "venv", "--without-pip", folder, cwd=folder)
            own = "".join(one for one in extra if one.startswith("["))
            others = [one for one in extra if not one.startswith("[")]
            made[key] = folder / "bin" / "python"
            pip = (sys.executable, "-m", "pip", "--python", made[key])
            call(*pip, "install", "-q", "--disable-pip-version-check", f"{wheel}{own}", *others, cwd=folder)
        return made[key]

    return environment
