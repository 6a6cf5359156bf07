"""Runs killed at any moment: the next clean-up removes what they left, and only that.

Everything is attributed: a thing is a run's when it names the run (control groups, labels, its register)
or lies in the temporary directory that the run was given and nobody else uses.  So this test does not
mind what else happens on the machine.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from pytest_isolation.boxes import cgroups, lifetime
from pytest_isolation.boxes.local import start_local
from pytest_isolation.errors import Unavailable
from pytest_isolation.technologies import names, technology
from pytest_isolation.technologies.clean import rows_of
from pytest_isolation.technologies.cri.containerd import SOCKETS, sockets_of_shims
from tests.support import REQUIRED, plain

MOMENTS = int(os.environ.get("PYTEST_ISOLATION_KILLS", "20"))
SEED = 20
KILLED = ("namespaces", "docker", "qemu")
EACH = ("nspawn", "lxc", "podman", "runc", "cri")
"""Those that keep something of their own beside our groups: directories, locks, mounts, a network."""
SETTLE_S = 15.0
"""Daemons free what a killed client held some time after it."""


def available(wanted: tuple[str, ...]) -> list[str]:
    found = []
    for name in wanted:
        if name not in names():
            continue
        try:
            technology(name).check_available(plain(name))
            found.append(name)
        except Unavailable:
            assert name not in REQUIRED
    return found


@dataclass(slots=True)
class Killed:
    """The runs that share one temporary directory, and what they had registered when they were killed."""

    folder: Path
    temporary: Path
    runs: set[str] = field(default_factory=set)
    rows: list[dict[str, str]] = field(default_factory=list)
    shims: set[Path] = field(default_factory=set)
    """Where shims of a containerd listened: nothing but its directory tells."""

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"TMPDIR": os.fspath(self.temporary)}

    def directories(self) -> list[Path]:
        return [path for path in self.temporary.glob("pytest-isolation-*/*") if lifetime.RUN.fullmatch(path.name)]

    def note(self) -> None:
        for directory in self.directories():
            self.runs.add(directory.name.partition("-")[0])
            with suppress(OSError):
                self.rows += rows_of(directory / "register.jsonl")
        for place, bridge in self._containerds():
            self.shims.update(sockets_of_shims(place, SOCKETS / bridge / "s"))

    def kill_one(self, boxes: list[str], begun: bool, seconds: float) -> None:
        """Start a run and kill it `seconds` after its start, or after its first box was registered."""
        options = [option for name in boxes for option in ("--box", name)]
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--isolation", *options]
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 30
        while begun and not self._has_box() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(seconds)
        self.note()
        # The whole group: the controller and its workers, as when a CI job is cancelled.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.note()

    def kill_starter(self, name: str, begun: bool, seconds: float) -> None:
        """Let a process start and end boxes; kill it `seconds` after its first one, or after it has a register."""
        before = len(self.directories())
        process = subprocess.Popen(
            [sys.executable, "-c", OVER_AND_OVER, name],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        with process:
            assert process.stdout is not None
            if begun:
                process.stdout.readline()
            while not begun and len(self.directories()) == before and process.poll() is None:
                time.sleep(0.02)
            time.sleep(seconds)
            assert process.poll() is None, f"no box of {name} was started: it ended by itself"
            self.note()
            os.killpg(process.pid, signal.SIGKILL)
        self.note()

    def _has_box(self) -> bool:
        return any(
            row["kind"] == "cgroup" and "/control-" not in row["handle"]
            for directory in self.directories()
            for row in rows_of(directory / "register.jsonl")
        )

    def left(self) -> list[str]:
        """What is there of these runs, one line each."""
        found = [f"register {path}" for path in self.directories()]
        for root in set(cgroups.hierarchies().values()):
            found += [
                f"control group {group}"
                for group in cgroups.tree(root / cgroups.TOP)
                if any(run in os.fspath(group) for run in self.runs)
            ]
        found += [f"mount {point}" for point in lifetime.mount_points() if os.fspath(self.temporary) in point]
        found += [f"process {one.pid} {one.cmdline()}" for one in psutil.process_iter() if self._owns(one)]
        found += [
            f"{row['kind']} {row['handle']}"
            for row in self.rows
            if row["kind"] in ("file", "directory") and os.path.lexists(row["handle"])
        ]
        return found + self._docker() + self._podman() + self._cri()

    def _owns(self, process: psutil.Process) -> bool:
        try:
            about = [
                Path(f"/proc/{process.pid}/{name}").read_bytes() for name in ("cgroup", "cmdline", "environ")
            ]  # of a zombie they are empty
        except OSError:
            return False
        words = [os.fsencode(self.temporary), *(run.encode() for run in self.runs)]
        return any(word in text for word in words for text in about)

    def _docker(self) -> list[str]:
        if "docker" not in available(("docker",)):
            return []
        import docker

        from pytest_isolation.technologies.docker.daemon import LABEL

        client = docker.from_env()
        try:
            found = []
            for run in self.runs:
                wanted = {"label": f"{LABEL}={run}"}
                # By id alone: a neighbour's may go while we ask.
                found += [
                    f"container {one['Id']}" for one in client.api.containers(all=True, quiet=True, filters=wanted)
                ]
                found += [f"image {one['Id']}" for one in client.api.images(filters=wanted)]
            return found
        finally:
            client.close()

    def _podman(self) -> list[str]:
        """Those, too, that its storage has and its own records have not."""
        if not any(row["kind"].startswith("podman:") for row in self.rows):
            return []
        containers = ["ps", "--all", "--external", "--format", "{{.Names}}"]
        images = ["images", "--all", "--format", "{{.Repository}}:{{.Tag}}"]
        listed = [
            line
            for words in (containers, images)
            for line in subprocess.run(["podman", *words], capture_output=True, text=True).stdout.splitlines()
        ]
        return [f"podman {line}" for line in listed if any(run in line for run in self.runs)]

    def _cri(self) -> list[str]:
        """Of each containerd of ours: its bridge, its socket's directory, what CNI keeps of its pods, its shims'."""
        bridges = [bridge for _, bridge in self._containerds()]
        places = [Path("/sys/class/net"), Path("/run"), Path("/var/lib/cni/results")]
        found = [path for bridge in bridges for place in places for path in place.glob(f"{bridge}*")]
        return [f"cri {path}" for path in (*found, *self.shims) if os.path.lexists(path)]

    def _containerds(self) -> set[tuple[Path, str]]:
        """The directory of each, and the name of its bridge."""
        handles = [row["handle"].rsplit(" ", 2) for row in self.rows if row["kind"] == "cri:containerd"]
        return {(Path(place), bridge) for place, bridge, _ in handles}

    def settled(self) -> list[str]:
        deadline = time.monotonic() + SETTLE_S
        while (lines := self.left()) and time.monotonic() < deadline:
            time.sleep(0.2)
        return lines

    def clean(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pytest", "--isolation-clean"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Killed]:
    folder, temporary = tmp_path / "folder", tmp_path / "temporary"
    folder.mkdir()
    temporary.mkdir()
    yield (made := Killed(folder, temporary))
    if made.left():  # the test failed: what it left is not for the next
        made.clean()


Living = Callable[[], bool]


@pytest.fixture
def bystanders(tmp_path: Path) -> Iterator[dict[str, Living]]:
    """Things of the same kinds as ours that are somebody else's: what each is, and whether it is untouched."""
    with ExitStack() as undo:
        local = undo.enter_context(start_local(arguments=["bystander"]))
        found: dict[str, Living] = {"process": lambda: local.proc.getpid().ok}
        if "docker" in available(("docker",)):
            found["container"] = undo.enter_context(_container())
        if emulator := shutil.which("qemu-system-x86_64"):
            machine = undo.enter_context(
                subprocess.Popen([emulator, "-machine", "none", "-nodefaults", "-display", "none", "-S"])
            )
            undo.callback(machine.kill)
            found["virtual machine"] = lambda: machine.poll() is None
        if os.geteuid() == 0:
            point = tmp_path / "bystander"
            point.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "bystander", point], check=True)
            undo.callback(subprocess.run, ["umount", point], check=True)
            (point / "file").touch()
            found["mount"] = (point / "file").exists
            name = f"bystander-{os.getpid()}"
            if shutil.which("ip"):
                subprocess.run(["ip", "netns", "add", name], check=True)
                undo.callback(subprocess.run, ["ip", "netns", "del", name], check=True)
                found["network namespace"] = Path("/run/netns", name).exists
            for root in set(cgroups.hierarchies().values()):
                group = root / f"{cgroups.TOP}-bystander-{os.getpid()}"
                group.mkdir()
                undo.callback(group.rmdir)
                found[f"control group {group}"] = group.is_dir
        yield found


@contextmanager
def _container() -> Iterator[Living]:
    """A container nobody labelled as ours, made from an image that is like ours, running an agent that waits."""
    import docker

    from pytest_isolation.boxes.image import base_image

    client = docker.from_env()
    tag = f"bystander:{os.getpid()}"
    client.api.import_image_from_data(base_image().to_tar(), repository="bystander", tag=str(os.getpid()))
    try:
        container = client.containers.create(tag, ["/agent"], stdin_open=True, name=f"bystander-{os.getpid()}")
        try:
            container.start()

            def runs() -> bool:
                container.reload()
                return bool(container.status == "running" and client.images.get(tag))

            yield runs
        finally:
            container.remove(force=True)
    finally:
        client.images.remove(tag, force=True)
        client.close()


@pytest.mark.long(seconds=200)
def test_killed_at_random_moments(killed: Killed, bystanders: dict[str, Living]) -> None:
    choose = random.Random(SEED)
    boxes = available(KILLED)
    for number in range(MOMENTS):
        # A quarter dies while it begins, each of the rest with boxes; every technology has its turn as the first.
        first = boxes[number % len(boxes)]
        order = [first, *(name for name in boxes if name != first)]
        begun = number % 4 != 3
        killed.kill_one(order, begun, choose.uniform(0.0, 2.0))
    assert {row["kind"] for row in killed.rows} >= {"cgroup"} | ({"docker:container"} if "docker" in boxes else set())
    assert killed.left(), "nothing was there to be cleaned: no run was killed with a box"

    done = killed.clean()
    assert done.returncode == 0, done.stdout + done.stderr
    assert killed.settled() == []
    assert [what for what, untouched in bystanders.items() if not untouched()] == []
    again = killed.clean()
    assert again.stdout.endswith("0 removed, 0 kept\n"), again.stdout


OVER_AND_OVER = """
import sys
from pytest_isolation import BoxSpec
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.technologies.pool import Pool

pool = Pool(Lifetime())
while True:
    with pool.launch(BoxSpec(technology=sys.argv[1])) as box:
        print(box.proc.getpid().ok, flush=True)
"""


@pytest.mark.long(seconds=120)
@pytest.mark.parametrize("name", EACH)
def test_boxes_of_one_technology_killed_at_random_moments(killed: Killed, name: str) -> None:
    """While they start, live and end: a run does so once a minute, this process all the time."""
    if not available((name,)):
        pytest.skip(f"{name} cannot run here")
    choose = random.Random(SEED)
    for number in range(MOMENTS):
        killed.kill_starter(name, number % 4 != 3, choose.uniform(0.0, 3.0))
    assert killed.left(), "nothing was there to be cleaned: no process was killed with a box"

    done = killed.clean()
    assert done.returncode == 0, done.stdout + done.stderr
    assert killed.settled() == []
    assert killed.clean().stdout.endswith("0 removed, 0 kept\n")


BETWEEN_CREATE_AND_START = """
import os, signal
from docker.api.client import APIClient
from pytest_isolation import BoxSpec
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.technologies.pool import Pool

APIClient.start = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
Pool(Lifetime()).launch(BoxSpec(technology="docker"))
"""


def test_a_container_that_was_never_started_is_removed(killed: Killed) -> None:
    """One that runs ends with us, since its input does; this one and its image would stay for ever."""
    if not available(("docker",)):
        pytest.skip("no Docker daemon answers")
    done = subprocess.run([sys.executable, "-c", BETWEEN_CREATE_AND_START], env=killed.environment)
    assert done.returncode == -signal.SIGKILL
    killed.note()
    assert {"container", "image"} <= {line.partition(" ")[0] for line in killed.left()}
    assert killed.clean().returncode == 0
    assert killed.settled() == []


def test_the_next_run_removes_what_a_killed_one_left(killed: Killed) -> None:
    killed.kill_one(available(("namespaces", "docker")), True, 0.5)
    assert killed.left()
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--isolation",
        "--box",
        "host",
        "--isolation-only",
        "pid.init-is-one",
    ]
    done = subprocess.run(command, cwd=killed.folder, env=killed.environment, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert killed.settled() == []


def test_a_run_that_lives_is_not_touched_by_a_clean_up(killed: Killed) -> None:
    """While the clean-up runs, its box works on."""
    command = [sys.executable, "-m", "pytest", "-q", "--isolation", "--box", "namespaces", "--isolation-only", "pid.*"]
    report = killed.temporary / "report.json"
    process = subprocess.Popen(
        [*command, f"--isolation-report=json:{report}"],
        cwd=killed.folder,
        env=killed.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    cleaned = 0
    while process.poll() is None:
        done = killed.clean()
        assert done.stdout.endswith("0 removed, 0 kept\n"), done.stdout
        cleaned += killed._has_box()
    out, _ = process.communicate()
    assert process.returncode == 0, out
    assert cleaned, "the run ended before a clean-up met it"
    rows = json.loads(report.read_text())["results"]
    assert {row["verdict"] for row in rows} == {"holds"}
    killed.note()
    assert killed.settled() == []
