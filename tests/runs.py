"""Whole runs of pytest in a process of their own, and what they left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation.boxes import cgroups

TRACE = "Traceback (most recent call last)"


@dataclass(slots=True)
class Done:
    """How a run ended; `report` is its JSON report, empty when it wrote none."""

    code: int
    out: str
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> dict[tuple[str, str], dict[str, Any]]:
        """(box, guarantee) -> row."""
        return {(row["box"], row["guarantee"]): row for row in self.report.get("results", ())}

    def said(self, *words: str) -> None:
        """Assert that each word was printed (line breaks aside), and no traceback."""
        flat = " ".join(self.out.split())
        for word in words:
            assert word in flat, f"{word!r} was not said:\n{self.out}"
        assert TRACE not in self.out, self.out
        assert "INTERNALERROR" not in self.out, self.out


def _heed(background: bool) -> None:
    """In the child: what a background job ignores (Control-C) or one of nohup(1) (a hangup), exec hands down."""
    signal.signal(signal.SIGINT, signal.SIG_IGN if background else signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Run:
    """A run of pytest in `folder`, with a temporary directory, and so a register of runs, of its own."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        command: Sequence[str] = (sys.executable, "-m", "pytest"),
        report: bool = True,
        support: bool = False,
        background: bool = False,
    ) -> None:
        """`support`: with host support in the report, which takes longer than most runs of the tests.

        `background`: as a shell's job with `&`, which ignores Control-C, whatever these tests are themselves.
        """
        self.folder = folder
        self.temporary = folder.parent / f"{folder.name}-tmp"
        self.temporary.mkdir(exist_ok=True)
        self.temporary.chmod(0o777)
        self.report = self.temporary / "report.json"
        wanted = [f"--isolation-report=json:{self.report}"] if report else []
        if report and not support and "--isolation" in arguments:
            wanted.append("--isolation-no-host")
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
        self.process = subprocess.Popen(
            [*command, *arguments, *wanted],
            cwd=folder,
            env=clean | {"TMPDIR": str(self.temporary), "COLUMNS": "200"} | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=partial(_heed, background),
        )

    def wait(self, timeout: float = 180) -> Done:
        """Raises TimeoutExpired."""
        try:
            out, _ = self.process.communicate(timeout=timeout)
        except BaseException:
            # As Control-C does: it ends its boxes. Killed, it would leave a register that no later run looks for.
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
            raise
        found = json.loads(self.report.read_text()) if self.report.exists() else {}
        return Done(self.process.returncode, out, found)

    def left_behind(self, done: Done) -> list[str]:
        """What is still there of the run: its register, control groups, mounts, containers."""
        run = done.report["run"]["id"] if done.report else "no-run"
        found = [str(path) for path in self.temporary.glob(f"pytest-isolation-*/{run}-*")]
        for point in set(cgroups.hierarchies().values()):
            found += [str(path) for path in (point / "pytest-isolation").glob(f"{run}-*")]
        found += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(self.temporary) in line]
        return found + _containers(run)


def run(folder: Path, *arguments: str, timeout: float = 180, **how: Any) -> Done:
    """Run pytest in `folder` to its end; nothing may be left of it."""
    folder.mkdir(exist_ok=True)
    one = Run(folder, *arguments, **how)
    done = one.wait(timeout)
    assert one.left_behind(done) == []
    return done


def run_as_nobody(*arguments: str, **how: Any) -> Done:
    """Run pytest as a user without any permission (65534); only root can."""
    return run_as(65534, *arguments, **how)


def run_as(
    uid: int, *arguments: str, gid: int | None = None, groups: Sequence[int] = (), home: str | None = None, **how: Any
) -> Done:
    """Run pytest as another user, by default of the group of the same number and without a home; only root can.

    `groups`: further ones.  `before`: a command that ends in the program it is to start, as that user: unshare(1).
    """
    folder = Path(f"/tmp/pytest-isolation-{uid}-{os.getpid()}")
    folder.mkdir(mode=0o777)
    before: Sequence[str] = how.pop("before", ())
    try:
        folder.chmod(0o777)
        work = folder / "work"
        work.mkdir()
        work.chmod(0o777)
        site = [path for path in sys.path if path.endswith("site-packages")]
        further = f"--groups={','.join(map(str, groups))}" if groups else "--clear-groups"
        become = ("setpriv", f"--reuid={uid}", f"--regid={uid if gid is None else gid}", further)
        return run(
            work,
            *arguments,
            command=(*become, *before, python_for_all(), "-m", "pytest"),
            env={"HOME": home or str(work), "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *site])},
            **how,
        )
    finally:
        shutil.rmtree(folder)


def python_for_all() -> str:
    """A Python that another user can start, with our dependencies: this one's version, from another directory."""
    for path in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        real = Path(path).resolve()
        if real.exists() and all(parent.stat().st_mode & 0o001 for parent in real.parents):
            return str(real)
    pytest.skip("no Python here that another user can start")


def _containers(run: str) -> list[str]:
    from pytest_isolation.errors import Unavailable
    from pytest_isolation.technologies.docker.daemon import LABEL, connect

    try:
        api = connect(None).api
    except Unavailable:
        return []
    # By id alone: a neighbour's container may go while we ask.
    return [str(one["Id"]) for one in api.containers(all=True, quiet=True, filters={"label": f"{LABEL}={run}"})]
