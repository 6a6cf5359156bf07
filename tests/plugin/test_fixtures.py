"""Every example of docs/fixtures.md is run as it stands there, with real boxes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import IsolationError
from pytest_isolation.technologies import names, technology
from tests.runs import run
from tests.support import need

DOCUMENT = Path(__file__).parents[2] / "docs" / "fixtures.md"
EXAMPLES = dict(re.findall(r"`(test_\w+\.py)`\n\n```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "mine"
    made.mkdir()
    return made


def _example(folder: Path, name: str) -> str:
    (folder / name).write_text(EXAMPLES[name])
    return name


def test_the_page_has_every_fixture() -> None:
    assert sorted(EXAMPLES) == [
        "test_every_box.py", "test_image.py", "test_machine.py", "test_policy.py", "test_programs.py",
    ]  # fmt: skip
    text = DOCUMENT.read_text()
    assert all(f"| `{name}` |" in text for name in ("isolation_box", "isolation_container", "isolation_vm"))


def test_isolation_box_runs_over_the_boxes_of_the_command_line(folder: Path) -> None:
    boxes = ("--box", "host", "--box", "namespaces", "--box", "small=namespaces:pids=64,network=none")
    done = run(folder, "-v", *boxes, _example(folder, "test_every_box.py"), report=False)
    assert done.code == 0, done.out
    done.said("6 passed", "test_files_go_in_and_come_out[small] PASSED", "[host] PASSED")


def test_isolation_box_runs_over_the_boxes_of_the_project(folder: Path) -> None:
    (folder / "pyproject.toml").write_text(
        '[tool.pytest_isolation.boxes.tight]\ntechnology = "namespaces"\npids = 32\n'
    )
    done = run(folder, "-v", "--box", "tight", _example(folder, "test_every_box.py"), report=False)
    assert done.code == 0, done.out
    done.said("2 passed", "[tight] PASSED")


def test_isolation_box_without_options_runs_over_every_technology(folder: Path) -> None:
    """Those that cannot run here are skips with their reasons."""
    done = run(folder, "-rs", "-v", _example(folder, "test_every_box.py"), report=False)
    assert done.code == 0, done.out
    for name in names():
        if name == "gvisor":
            done.said("test_a_refusal_is_an_answer[gvisor] SKIPPED")  # the run's TMPDIR is closed to others
            continue
        try:
            technology(name).check_available(BoxSpec(technology=name))
            word = "PASSED"
        except IsolationError:
            word = "SKIPPED"
        done.said(f"test_a_refusal_is_an_answer[{name}] {word}")


@pytest.mark.parametrize("workers", ["0", "2"])
def test_programs_with_output_input_and_time_out(folder: Path, workers: str) -> None:
    done = run(folder, "-n", workers, _example(folder, "test_programs.py"), report=False)
    assert done.code == 0, done.out
    done.said("4 passed")


def test_isolation_container_and_images(folder: Path) -> None:
    need("namespaces"), need("docker")
    done = run(folder, "-v", "-rs", _example(folder, "test_image.py"), report=False)
    assert done.code == 0, done.out
    done.said("3 passed")


def test_isolation_vm(folder: Path) -> None:
    """It runs where a machine can start; else it is a skip that says what is missing."""
    done = run(folder, "-rs", _example(folder, "test_machine.py"), report=False)
    assert done.code == 0, done.out
    try:
        need("qemu")
    except (pytest.skip.Exception, IsolationError):
        done.said("1 skipped")
        assert re.search(r"SKIPPED \[1\] \S+: \S+", done.out), done.out
    else:
        done.said("1 passed")


ASKS = """
def test_container(isolation_container):
    assert isolation_container.alive


def test_vm(isolation_vm):
    assert isolation_vm.alive
"""


@pytest.mark.parametrize(
    ("require", "code", "words"),
    [
        ((), 0, ("1 passed, 1 skipped",)),
        (("--isolation-require", "docker"), 1, ("--isolation-require: docker is not available", "1 skipped, 1 error")),
        (
            ("--isolation-require", "podman,docker"),
            1,
            ("--isolation-require: docker is not available: there", "1 error"),
        ),
        (("--isolation-require", "qemu"), 1, ("--isolation-require: qemu is not available", "1 passed, 1 error")),
    ],
)
def test_a_required_box_that_is_not_there_fails_the_test_that_asks_for_it(
    folder: Path, require: tuple[str, ...], code: int, words: tuple[str, ...]
) -> None:
    """isolation_vm was a skip, and isolation_container another technology."""
    (folder / "test_asks.py").write_text(ASKS)
    (folder / "bin").mkdir()
    nothing = {"DOCKER_HOST": "unix:///nonexistent", "PATH": str(folder / "bin")}  # no QEMU, no Podman
    done = run(folder, *require, "test_asks.py", report=False, env=nothing)
    assert done.code == code, done.out
    done.said(*words)


def test_a_keyword_that_does_not_exist_is_no_skip(folder: Path) -> None:
    """As in a fixture that takes the first technology that can run: it said so as the reason of a skip."""
    (folder / "test_asks.py").write_text(ASKS.partition("\n\n\n")[0])
    done = run(folder, "--box", "docker:memry=64M", "test_asks.py", report=False)
    assert done.code == 1, done.out
    done.said("UsageError: docker has no keyword 'memry'; did you mean", "1 error")


def test_a_guarantee_of_the_users(folder: Path) -> None:
    """Measured and reported as ours are: its control fires, and a box with its hole breaks it."""
    boxes = ("--isolation", "--box", "namespaces", "--box", "hole=namespaces:weaken=expose-root")
    done = run(folder, *boxes, "--isolation-only", "policy.*", _example(folder, "test_policy.py"))
    assert done.code == 0, done.out
    row = done.rows["namespaces", "policy.secrets-hidden"]
    assert (row["verdict"], row["control"], row["examples"]) == ("holds", "fired", 100)
    hole = done.rows["hole", "policy.secrets-hidden"]
    assert hole["verdict"] == "violated"
    assert hole["evidence"][0]["calls"]
    assert [one["id"] for one in done.report["guarantees"]] == ["policy.secrets-hidden"]
    done.said("policy", "secrets-hidden")


def test_a_guarantee_of_the_users_without_isolation_is_skipped(folder: Path) -> None:
    done = run(folder, "-rs", _example(folder, "test_policy.py"), report=False)
    assert done.code == 0
    done.said("1 skipped", "run it with pytest --isolation")
