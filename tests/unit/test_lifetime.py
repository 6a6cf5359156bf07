"""The register of runs: what a killed run left is removed, whatever moment it was killed at, and nothing else."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation.boxes import lifetime
from pytest_isolation.boxes.lifetime import Lifetime, started, state_directory
from pytest_isolation.errors import BoxError
from pytest_isolation.technologies.clean import Cleaned, clean, rows_of

PREAMBLE = """
import os, signal, subprocess, sys
from pathlib import Path
from pytest_isolation.boxes import lifetime
from pytest_isolation.technologies.clean import clean
def die():
    os.kill(os.getpid(), signal.SIGKILL)
def kill_at_second(real, calls=[]):
    return lambda *how: calls.append(die() if calls else real(*how))
def kill_at(name, real):
    return lambda path, *how, **more: die() if str(path).endswith(name) else real(path, *how, **more)
"""
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary directory, and so a register, of the test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def killed(body: str) -> None:
    """A process of its own that does `body` and is killed there."""
    code = f"{PREAMBLE}\n{body}\ndie()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"TMPDIR": tempfile.gettempdir()}, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def runs() -> list[Path]:
    return [path for path in state_directory().iterdir() if lifetime.RUN.fullmatch(path.name)]


def outcomes(done: list[Cleaned]) -> list[tuple[str, str]]:
    return [(one.kind, one.outcome.partition(":")[0]) for one in done]


def sign(**changes: Any) -> None:
    """Change who the only run there says it belongs to."""
    (run,) = runs()
    owner = json.loads((run / "owner.json").read_text())
    (run / "owner.json").write_text(json.dumps(owner | changes))


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "100"]) as process:
        yield process
        assert process.poll() is None, "somebody else's process was killed"
        process.kill()


# -- who is dead ---------------------------------------------------------------------------


def test_a_living_run_is_left_alone_and_removed_once_it_is_killed(place: Path) -> None:
    body = PREAMBLE + "run = lifetime.Lifetime(); run.register('file', 'none'); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", body],
        env=os.environ | {"TMPDIR": str(place)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as living:
        assert living.stdout is not None
        living.stdout.readline()
        assert clean() == []
        assert len(runs()) == 1
        living.kill()
    assert outcomes(clean()) == [("file", "absent"), ("directory", "removed")]
    assert runs() == []


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("lifetime.fcntl.flock = kill_at_second(lifetime.fcntl.flock)", id="before it held its lock"),
        pytest.param(
            "lifetime.Path.open = kill_at(f'{os.getpid()}/lock', lifetime.Path.open)", id="before there was a lock"
        ),
        pytest.param("lifetime.Path.open = kill_at('register.jsonl', lifetime.Path.open)", id="before its register"),
        pytest.param("lifetime._owner = die", id="before its signature"),
    ],
)
def test_killed_while_it_began(moment: str) -> None:
    killed(f"{moment}\nlifetime.Lifetime()")
    assert len(runs()) == 1
    assert outcomes(clean()) == [("directory", "removed")]
    assert runs() == []


def test_a_number_that_is_now_another_processs_owns_nothing(bystander: subprocess.Popen[bytes]) -> None:
    killed("lifetime.Lifetime()")
    sign(pid=bystander.pid, started=1)
    assert outcomes(clean()) == [("directory", "removed")]


@pytest.mark.parametrize(
    "changes",
    [
        {"boot": "another", "machine": "another"},
        {"pid_namespace": "pid:[1]"},
    ],
    ids=["of another machine that shares the directory", "of another PID namespace"],
)
def test_what_cannot_be_told_is_kept(changes: dict[str, str]) -> None:
    killed("lifetime.Lifetime()")
    sign(**changes)
    assert clean() == []
    assert len(runs()) == 1


def test_after_a_reboot_names_are_other_peoples(bystander: subprocess.Popen[bytes], place: Path) -> None:
    (place / "left").touch()
    killed(
        f"run = lifetime.Lifetime()\n"
        f"run.register('file', {str(place / 'left')!r})\n"
        f"run.register('process', '{bystander.pid}:{started(bystander.pid)}')\n"
        f"run.register('mount', '/proc')\n"
    )
    sign(boot="an earlier one of this machine")
    assert outcomes(clean()) == [
        ("mount", "absent"),
        ("process", "absent"),
        ("file", "removed"),
        ("directory", "removed"),
    ]
    assert not (place / "left").exists()


def test_many_clean_up_at_once() -> None:
    killed("for _ in range(30):\n    lifetime.Lifetime()")
    code = PREAMBLE + "print([(one.run, one.outcome) for one in clean()])"
    cleaners = [
        subprocess.Popen(
            [sys.executable, "-c", code], env=os.environ | {"TMPDIR": tempfile.gettempdir()}, stdout=subprocess.PIPE
        )
        for _ in range(4)
    ]
    found: Counter[tuple[str, str]] = Counter()
    for cleaner in cleaners:
        out, _ = cleaner.communicate(timeout=60)
        assert cleaner.returncode == 0
        found.update(eval(out))
    assert len(found) == 30
    assert set(found.values()) == {1}
    assert {outcome for _, outcome in found} == {"removed"}
    assert runs() == []


# -- what is removed -----------------------------------------------------------------------


def test_only_the_very_process_is_killed(bystander: subprocess.Popen[bytes]) -> None:
    with subprocess.Popen(["sleep", "100"]) as ours:
        killed(
            f"run = lifetime.Lifetime()\n"
            f"run.register('process', '{ours.pid}:{started(ours.pid)}')\n"
            f"run.register('process', '{bystander.pid}:{(started(bystander.pid) or 0) - 1}')\n"
            f"run.register('process', '{2**22 - 1}:1')\n"
        )
        assert [outcome for kind, outcome in outcomes(clean()) if kind == "process"] == ["absent", "absent", "removed"]
        assert ours.wait(5) == -signal.SIGKILL


def test_a_line_that_was_being_written_spoils_no_other(place: Path) -> None:
    for name in ("one", "two"):
        (place / name).touch()
    killed(
        f"run = lifetime.Lifetime()\n"
        f"run.register('file', {str(place / 'one')!r})\n"
        f'run._register.write(b\'{{"kind": "fi\')\n'
        f"run.register('file', {str(place / 'two')!r})\n"
        f'run._register.write(b\'[1]\\n\\xff\\n{{"kind": "file"}}\\n{{"kind"\')\n'
    )
    assert outcomes(clean()) == [("file", "removed"), ("file", "removed"), ("directory", "removed")]


def test_one_thing_that_resists_keeps_nothing_else(place: Path) -> None:
    (place / "full").mkdir()
    (place / "file").touch()
    killed(
        f"run = lifetime.Lifetime()\n"
        f"run.register('file', {str(place / 'file')!r})\n"
        f"run.register('file', {str(place / 'full')!r})\n"  # a directory is no file to unlink
        f"run.register('nothing:known', 'x')\n"
    )
    killed("lifetime.Lifetime()")
    done = clean()
    assert Counter(outcomes(done)) == {
        ("nothing:known", "kept"): 1,
        ("file", "kept"): 1,
        ("file", "removed"): 1,
        ("directory", "removed"): 1,
    }
    assert len(runs()) == 1, "the register stays for what was kept"


@root_only
def test_mounts_one_on_another_with_odd_names(place: Path) -> None:
    odd = place / "a b\tc\rd"
    odd.mkdir()
    killed(
        f"run = lifetime.Lifetime()\n"
        f"run.register('mount', {str(odd)!r})\n"
        f"for _ in range(2):\n"
        f"    subprocess.run(['mount', '-t', 'tmpfs', 'tmpfs', {str(odd)!r}], check=True)\n"
    )
    assert str(odd) in lifetime.mount_points()
    assert outcomes(clean()) == [("mount", "removed"), ("directory", "removed")]
    assert str(odd) not in lifetime.mount_points()


@root_only
def test_what_somebody_mounted_below_is_not_removed() -> None:
    killed("lifetime.Lifetime().new_directory('in').joinpath('mine').mkdir()")
    (run,) = runs()
    (point,) = run.glob("in-*/mine")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", point], check=True)
    try:
        (point / "file").touch()
        killed("lifetime.Lifetime()")
        assert sorted(outcomes(clean())) == [("directory", "kept"), ("directory", "removed")]
        assert (point / "file").exists()
    finally:
        subprocess.run(["umount", point], check=True)
    assert outcomes(clean()) == [("directory", "removed")]


# -- where nothing can be written ----------------------------------------------------------


@root_only
def test_a_full_disk_is_told_before_anything_is_made(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = place / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], check=True)
    try:
        monkeypatch.setattr(tempfile, "tempdir", str(small))
        run = Lifetime()
        subprocess.run(["dd", "if=/dev/zero", f"of={small}/filler"], capture_output=True)
        told = ""
        for number in range(200):  # what is left of the last page of the register takes some
            try:
                run.register("file", f"/nowhere/{number}")
            except BoxError as error:
                told = str(error)
        assert "it was not made: No space left on device" in told
        assert "Set TMPDIR" in told
        with pytest.raises(BoxError, match=r"could not begin a register: No space left.*Set TMPDIR"):
            Lifetime()
        (small / "filler").unlink()
        assert len(runs()) == 1, "the run that could not begin left something"
        run.register("file", "/nowhere/last")
        rows = [row["handle"] for row in rows_of(run.directory / "register.jsonl")]
        assert rows[-1] == "/nowhere/last"
        assert all(handle.startswith("/nowhere/") for handle in rows)
        run.close()
        assert runs() == []
    finally:
        subprocess.run(["umount", small], check=True)


@pytest.mark.parametrize("where", ["missing", "file", "/proc"])
def test_a_directory_that_takes_no_register_is_told(where: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "file").touch()
    monkeypatch.setattr(tempfile, "tempdir", os.path.join(place, where))
    for begin in (Lifetime, clean):
        with pytest.raises(BoxError, match=r"could not .*\. Set TMPDIR to a directory that you can write to"):
            begin()


def test_a_register_somebody_else_could_write_is_not_used(place: Path) -> None:
    path = place / f"pytest-isolation-{os.getuid()}"
    path.symlink_to(place)
    with pytest.raises(BoxError, match="Remove it, or set TMPDIR"):
        Lifetime()
    path.unlink()
    path.touch()
    with pytest.raises(BoxError, match="Remove it, or set TMPDIR"):
        Lifetime()
    path.unlink()
    path.mkdir()
    path.chmod(0o777)
    with pytest.raises(BoxError, match="Remove it, or set TMPDIR"):
        clean()


def test_whoever_hands_a_box_a_way_to_start_others_hands_it_its_register() -> None:
    """Without it a witness writes nothing down, and what a killed run has left is in no register."""
    top = Path(__file__).parents[2]
    without = []
    for file in (*top.glob("tests/**/*.py"), *top.glob("pytest_isolation/**/*.py")):
        text = file.read_text(encoding="utf-8")
        for found in re.finditer(r"^( *)(\w+)\.launch = .*$", text, re.M):
            near = text[found.start() : found.end() + 200].splitlines()[:2]
            if f"{found[2]}.lifetime = " not in "".join(near):
                without.append(f"{file.relative_to(top)}: {found[0].strip()}")
    assert not without, "set .lifetime in the next line"
