"""What was asked for and not measured is never a pass, and one cause is one line."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_isolation.boxes.image import base_image
from pytest_isolation.technologies.docker.daemon import connect
from tests.runs import Run, run
from tests.support import need

SIGNAL = "pid.signal-out-refused"
FEW = "pid.init-is-one,pid.ppid-zero,pid.signal-out-refused"
GREETS = """greets=command:"sh -c 'echo welcome to the sandbox; exec \\"$0\\"' {agent}\""""
MINE = """
from pytest_isolation import guarantee, severity, weaken, Unsupported

promise = guarantee("pid.mine", claim="x", sources=("man:kill(2)",),
    severity=severity.host("signals processes of the host"), falsified_by=weaken.{hole})

@promise
def test_mine(box):
    {body}
"""


def _mine(folder: Path, body: str, hole: str = 'share("pid")') -> Path:
    folder.mkdir()
    (folder / "test_mine.py").write_text(MINE.replace("{body}", body).replace("{hole}", hole))
    (folder / "profile.toml").write_text('[required]\n"pid.mine" = "our policy"\n')
    return folder


def _count(text: str, words: str) -> int:
    return " ".join(text.split()).count(words)


# -- a box that cannot start ------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_box_that_cannot_start_is_unavailable_once(tmp_path: Path, workers: str) -> None:
    boxes = ("--box", "host", "--box", GREETS)
    done = run(tmp_path / "empty", "-n", workers, "--isolation", *boxes, "--isolation-only", FEW)
    done.said("greets not available", "1 asked for and not measured: FAILED")
    assert done.code == 1
    assert {row["box"] for row in done.report["results"]} == {"host"}
    (box,) = [one for one in done.report["boxes"] if one["name"] == "greets"]
    assert not box["available"]
    assert "wrote 'welcome to the sandbox' to its standard output" in box["reason"]
    assert box["remedy"]
    assert _count(done.out, "welcome to the sandbox' to its") == 1
    assert (done.report["run"]["unmet"], done.report["run"]["missing"]) == (1, 0)


def test_an_exec_door_that_does_not_open_is_said_once(tmp_path: Path) -> None:
    """lxc-attach lets nobody into a box that is full; runc's exec is now and then faster than the count."""
    need("lxc")
    boxes = ("--box", "lxc:pids=1,door=both", "--isolation-require", "lxc")
    done = run(tmp_path / "empty", "--isolation", *boxes, "--isolation-only", "pid.init-is-one,pid.ppid-zero")
    assert done.code == 1
    assert {row["door"] for row in done.report["results"]} == {"start"}
    (box,) = done.report["boxes"]
    assert [note for note in box["notes"] if "not measured through its exec door" in note]
    done.said("--isolation-require: lxc was not measured through its exec door")


def test_a_named_box_whose_image_is_missing(tmp_path: Path) -> None:
    """Beside a box that is measured: a word of the command line that names nothing is no pass."""
    need("docker")
    boxes = ("--box", "host", "--box", "docker:image=nobody/has-this:1")
    done = run(tmp_path / "empty", "--isolation", *boxes, "--isolation-only", SIGNAL)
    assert done.code == 1
    done.said("no image 'nobody/has-this:1'", "1 asked for and not measured: FAILED")


def test_a_fixture_whose_box_is_required(tmp_path: Path) -> None:
    need("docker")
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "test_mine.py").write_text(
        "def test_mine(isolation_boxes):\n    isolation_boxes('docker', image='nobody/has-this:1')\n"
    )
    assert run(folder, ".", report=False).code == 0
    done = run(folder, "--isolation-require", "docker", ".", report=False)
    assert done.code == 1
    done.said("no image 'nobody/has-this:1'", "1 failed")


# -- rows that say nothing --------------------------------------------------------------------------------------


def test_a_required_box_of_which_nothing_was_measured(tmp_path: Path) -> None:
    folder = _mine(tmp_path / "mine", "raise Unsupported('no such thing here')")
    one = ("--isolation", "--box", "namespaces", "--isolation-profile", "profile.toml", ".")
    done = run(folder, *one, "--isolation-only", "pid.mine", "--isolation-require", "namespaces")
    assert done.code == 1
    done.said("namespaces promises something in pid", "no such thing here", "1 asked for and not measured: FAILED")
    done = run(folder, *one, "--isolation-only", "pid.mine")
    assert done.code == 5
    done.said("nothing was measured")


def test_a_box_that_was_named_and_not_measured_beside_one_that_was(tmp_path: Path) -> None:
    body = (
        "if box.spec.technology != 'host':\n        raise Unsupported('no such thing here')\n    promise.require(True)"
    )
    folder = _mine(tmp_path / "mine", body, 'expose("/nowhere")')
    boxes = ("--isolation", "--box", "namespaces", "--box", "host", "--isolation-profile", "profile.toml", ".")
    done = run(folder, *boxes, "--isolation-only", "pid.mine")
    assert done.code == 1
    done.said("--box: nothing of namespaces was measured: no such thing here", "1 asked for and not measured: FAILED")


def test_a_run_that_is_interrupted_counts_what_is_missing(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    one = Run(folder, "-v", "--isolation", "--box", "host", "--box", "namespaces")
    assert one.process.stdout is not None
    for line in one.process.stdout:
        if "VIOLATED" in line:
            break
    os.killpg(one.process.pid, signal.SIGINT)
    done = one.wait(60)
    assert done.code == 2
    rows, missing = len(done.report["results"]), done.report["run"]["missing"]
    assert rows + missing >= 146
    done.said(f"{missing} not measured: interrupted: FAILED")


# -- controls ---------------------------------------------------------------------------------------------------


def test_a_box_that_cannot_be_asked_starts_no_control(tmp_path: Path) -> None:
    """red: a Docker column started thirteen VMs for guarantees about QEMU's own process."""
    seen = tmp_path / "seen"
    body = f'open("{seen}", "a").write(box.spec.id + "\\n"); raise Unsupported("no reason")'
    folder = _mine(tmp_path / "mine", body)
    done = run(folder, "--isolation", "--box", "namespaces", "--isolation-only", "pid.mine", ".")
    row = done.rows["namespaces", "pid.mine"]
    assert (row["verdict"], row["control"], row["reason"]) == ("unsupported", "none", "no reason")
    assert seen.read_text().split() == ["namespaces"]


def test_unproven_rows_can_be_made_red(tmp_path: Path) -> None:
    folder = _mine(tmp_path / "mine", "promise.require(True)", 'expose("/nowhere")')
    one = ("--isolation", "--box", "namespaces", "--isolation-only", "pid.mine", ".")
    done = run(folder, *one)
    assert done.code == 0
    assert done.rows["namespaces", "pid.mine"]["control"] == "none"
    done = run(folder, *one, "--isolation-require", "proof")
    assert done.code == 1
    row = done.rows["namespaces", "pid.mine"]
    assert (row["verdict"], row["outcome"]) == ("holds", "failed")
    assert "unproven" in row["note"]


def test_a_control_that_broke_is_not_one_that_cannot_be(tmp_path: Path) -> None:
    body = "assert not box.spec.weakenings, 'the bench broke'\n    promise.require(True)"
    folder = _mine(tmp_path / "mine", body)
    done = run(folder, "--isolation", "--box", "namespaces", "--isolation-only", "pid.mine", ".")
    assert done.code == 1
    row = done.rows["namespaces", "pid.mine"]
    assert row["verdict"] == "inconclusive"
    assert "its control broke" in row["reason"]
    assert "the bench broke" in row["reason"]


# -- boxes of somebody else's -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    need("docker")
    if os.geteuid() != 0:
        pytest.skip("attaching is for root")
    tag = f"fails-closed-{secrets.token_hex(4)}"
    api = connect(None).api
    api.import_image_from_data(base_image().to_tar(), repository=tag, tag="1")
    yield f"{tag}:1"
    api.remove_image(f"{tag}:1")


@pytest.fixture
def owned(image: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A container that its owner started with request.param, options of `docker run`."""
    name = f"fails-closed-{secrets.token_hex(4)}"
    argv = ["docker", "run", "--detach", "--interactive", "--network=none", "--name", name]
    subprocess.run([*argv, *getattr(request, "param", ()), image, "/agent"], check=True, capture_output=True)
    yield name
    subprocess.run(["docker", "rm", "--force", name], check=True, capture_output=True)


@pytest.mark.parametrize("owned", [("--pid=host",)], indirect=True)
def test_an_attached_box_is_judged_by_a_profile(tmp_path: Path, owned: str) -> None:
    """The wider it was opened the less its engine promises: that must not be a pass."""
    done = run(tmp_path / "empty", "--isolation", "--box", f"docker:container={owned}", "--isolation-only", SIGNAL)
    assert done.code == 1
    row = done.rows["docker", SIGNAL]
    assert (row["verdict"], row["outcome"], row["required_by"]) == ("violated", "failed", "profile:container")


def test_an_attached_box_that_cannot_be_as_asked(tmp_path: Path, owned: str) -> None:
    """The issue's case: nothing held, all was unsupported, and it passed."""
    box = f"docker:container={owned},cpus=1"
    profile = ("--isolation-profile", "container", "--isolation-require", "docker")
    done = run(tmp_path / "empty", "--isolation", "--box", box, *profile, "--isolation-only", FEW)
    assert done.code == 1
    done.said("asked for and not measured: FAILED", "do: leave cpus out, or have its engine start one with it")


def test_a_container_in_a_restart_loop(tmp_path: Path, image: str) -> None:
    """Its program ends at once, again and again."""
    name = f"fails-closed-{secrets.token_hex(4)}"
    argv = ["docker", "run", "--detach", "--network=none", "--restart=always", "--name", name, image, "/agent"]
    subprocess.run(argv, check=True, capture_output=True)
    try:
        done = run(tmp_path / "empty", "--isolation", "--box", f"docker:container={name}", "--isolation-only", FEW)
    finally:
        subprocess.run(["docker", "rm", "--force", name], check=True, capture_output=True)
    assert done.code != 0
    assert done.report["results"] == []
    done.said("its program ends again and again")


def test_a_container_that_ends_during_the_run(tmp_path: Path, owned: str) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    one = Run(folder, "-v", "--isolation", "--box", f"docker:container={owned}", "--isolation-only", "pid.*,mnt.*")
    assert one.process.stdout is not None
    for line in one.process.stdout:
        if "HOLDS" in line:
            break
    subprocess.run(["docker", "kill", owned], check=True, capture_output=True)
    done = one.wait(120)
    assert done.code == 1
    away = [row for row in done.report["results"] if "went away during the run" in (row["reason"] or "")]
    assert len(away) > 10
    assert {(row["verdict"], row["outcome"]) for row in away} == {("inconclusive", "failed")}
    assert len({row["reason"] for row in away}) == 1
    assert _count(done.out, "went away during the run") == 3, "where it failed, in the summary, and in pytest's own"
