"""The reference, built and started on this machine's Docker as a user runs it; and what an audit leaves, and takes."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.errors import Unavailable
from pytest_isolation.inception.asked import AuditOptions
from pytest_isolation.inception.live.audit import Way, started
from pytest_isolation.inception.live.judge import ASKS, judge
from pytest_isolation.technologies.docker.daemon import connect
from tests.inception.building import small_stack
from tests.inception.support import DAY, REFERENCE, apply
from tests.inception.test_run import BIN, DATE, run

ASKED = AuditOptions(day=DAY, login="student")
COMPOSE = "srcs/docker-compose.yml"
LIVE = ("--inception-live", "host", "--inception-login", "student", "--isolation-only", "pid.signal-out-refused")


def machine() -> dict[str, object]:
    """What an audit must leave as it was; others on this machine come and go."""
    api = connect(None).api
    tags = [(tag, one["Id"]) for one in api.images() for tag in one["RepoTags"] or ()]
    return {
        "stacks": sorted(name for one in api.containers(all=True) for name in one["Names"] if "inception" in name),
        "networks": sorted(one["Name"] for one in api.networks() if "inception" in one["Name"]),
        "volumes": sorted(one["Name"] for one in api.volumes()["Volumes"] or () if "inception" in one["Name"]),
        "images": sorted(one for one in tags if re.match(r"nginx|wordpress|mariadb|debian|inception", one[0])),
        "home": Path("/home/student").exists(),
        "hosts": (Path("/etc/hosts").read_text(), os.stat("/etc/hosts").st_mtime_ns),
    }


def test_the_reference_passes_and_nothing_is_left(built: Lifetime, tmp_path: Path) -> None:
    """With somebody's image under a name that the stack builds: the name is theirs again."""
    api = connect(None).api
    ours = f"isolation-layers-mariadb:{built.run_id}"
    api.tag(ours, "nginx", "inception")
    try:
        submission = tmp_path / "reference"
        shutil.copytree(REFERENCE, submission)
        before, files = machine(), sorted(submission.rglob("*"))
        done = run(
            tmp_path, "pytest", f"--inception={submission}", *DATE, *LIVE, "--isolation-report", "json:r.json",
            "--basetemp", str(tmp_path / "kept"), timeout=400,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        rows = [row for row in json.loads((tmp_path / "r.json").read_text())["inception"] if row["rule"] in ASKS]
        assert {row["rule"]: row["verdict"] for row in rows} == dict.fromkeys(ASKS, "pass"), rows
        logs = next(row["found"].partition("logs: ")[2] for row in rows if row["rule"] == "L12")
        assert {"make.log", "nginx.container.log", "up-again.log"} <= set(os.listdir(logs))
        assert machine() == before
        assert sorted(submission.rglob("*")) == files, "the submission itself was written to"
    finally:
        api.remove_image("nginx:inception")


def test_killed_in_the_middle(built: Lifetime, tmp_path: Path) -> None:
    """In a register of its own: what other runs on this machine left is not this test's."""
    before, own = machine(), os.environ | {"TMPDIR": str(tmp_path)}
    line = [str(BIN / "pytest"), f"--inception={REFERENCE}", *DATE, *LIVE, "-p", "no:cacheprovider"]
    process = subprocess.Popen(line, cwd=tmp_path, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while len(machine()["stacks"]) < 2 and time.monotonic() < deadline:  # type: ignore[arg-type]
            assert process.poll() is None
            time.sleep(0.2)
        assert machine() != before
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    line = [str(BIN / "pytest"), "--isolation-clean"]
    done = subprocess.run(line, cwd=tmp_path, env=own, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert machine() == before, done.stdout


def test_what_somebody_else_has_is_said(built: Lifetime, tmp_path: Path) -> None:
    """In one paragraph, before anything is started; the run fails: it did not do what was asked."""
    before = machine()
    with socket.create_server(("0.0.0.0", 443)):
        done = run(tmp_path, "pytest", f"--inception={REFERENCE}", *DATE, *LIVE)
        assert done.returncode == 1
        assert "publishes port 443, and that is taken by a program of this machine; stop it" in done.stdout
    named = tmp_path / "named"
    shutil.copytree(REFERENCE, named)
    apply(named, [(COMPOSE, "    image: nginx:inception\n", "    image: nginx:inception\n    container_name: web\n")])
    api = connect(None).api
    made = api.create_container(f"isolation-layers-nginx:{built.run_id}", name="web")
    try:
        done = run(tmp_path, "pytest", f"--inception={named}", *DATE, *LIVE)
        assert done.returncode == 1 and "calls a container web, and this machine has one" in done.stdout
    finally:
        api.remove_container(made["Id"])
    assert not Path("/home/student").exists()
    try:
        Path("/home/student/data/mariadb").mkdir(parents=True)
        done = run(tmp_path, "pytest", f"--inception={REFERENCE}", *DATE, *LIVE)
        assert done.returncode == 1 and "and that is there already" in done.stdout
        assert Path("/home/student/data/mariadb").is_dir()
    finally:
        shutil.rmtree("/home/student")
    assert machine() == before


def test_a_build_that_fails_is_the_submissions_fault(built: Lifetime, tmp_path: Path) -> None:
    before = machine()
    broken = tmp_path / "broken"
    shutil.copytree(REFERENCE, broken)
    # It writes to /etc/hosts before it fails: to a copy.
    spoiled = "all: spoiled up\n\nspoiled:\n\techo spoiled >> /etc/hosts\n\techo the last word; false\n"
    apply(broken, [("Makefile", "all: up\n", spoiled)])
    done = run(tmp_path, "pytest", f"--inception={broken}", *DATE, *LIVE, "--isolation-report", "json:r.json")
    assert done.returncode == 1, done.stdout
    found = json.loads((tmp_path / "r.json").read_text())["inception"]
    rows = {row["rule"]: row for row in found if row["rule"] in ASKS}
    assert {rule: row["verdict"] for rule, row in rows.items()} == dict.fromkeys(ASKS, "unclear") | {"L12": "fail"}
    assert "make ended with status 2" in rows["L12"]["found"]
    assert machine() == before


# -- one service, as a program calls it -------------------------------------------------


@pytest.fixture
def small(built: Lifetime, tmp_path: Path) -> Path:
    small_stack(tmp_path / "small", built)
    return tmp_path / "small"


def way(tmp_path: Path) -> Way:
    (tmp_path / "logs").mkdir()
    return Way(logs=tmp_path / "logs")


def test_a_makefile_with_a_project_of_its_own(built: Lifetime, small: Path, tmp_path: Path) -> None:
    """No reader of the Makefile could have known it: the name is the shell's."""
    before = machine()
    apply(small, [("Makefile", "\tsudo docker", "\tn=inception-mine; COMPOSE_PROJECT_NAME=$$n docker")])
    with started(small, ASKED, built, way(tmp_path)) as (stack, _, made):
        assert made.status == 0, made
        assert stack.projects() == {"inception-mine"} and machine() != before
        assert stack.look().page == (200, "")
    assert machine() == before


def test_a_build_that_fails_under_a_project_of_its_own(built: Lifetime, small: Path, tmp_path: Path) -> None:
    """The failed step's container, the layers before it, a network and a volume go; somebody else's network stays."""
    before, api, mark = machine(), connect(None).api, secrets.token_hex(8)
    apply(small, [("Makefile", "\tsudo docker", "\tn=inception-mine; COMPOSE_PROJECT_NAME=$$n docker")])
    place = small / "srcs/requirements/nginx/Dockerfile"
    place.write_text(place.read_text() + f"RUN echo {mark} > /layer\nRUN echo {mark}; false\n")
    others: list[str] = []

    def meanwhile(_: str) -> None:
        if not others:
            labels = {"com.docker.compose.project": "somebody", "com.docker.compose.network": "net"}
            others.append(api.create_network(f"somebody-{mark}", labels=labels)["Id"])

    def left() -> list[str]:
        images = [one["Id"] for one in api.images(all=True) if mark in str(api.history(one["Id"]))]
        return images + [one["Id"] for one in api.containers(all=True) if mark in one["Command"]]

    try:
        with started(small, ASKED, built, replace(way(tmp_path), tell=meanwhile)) as (_, _, made):
            assert made.status != 0 and len(left()) == 2, made
            assert [one["Name"] for one in api.networks() if "mine" in one["Name"]] == ["inception-mine_net"]
            assert [one["Name"] for one in api.volumes()["Volumes"] if "mine" in one["Name"]] == ["inception-mine_web"]
        assert left() == []
        assert machine() == before
        assert [one["Id"] for one in api.networks(ids=others)] == others
    finally:
        for one in others:
            api.remove_network(one)


def test_without_a_makefile(built: Lifetime, small: Path, tmp_path: Path) -> None:
    before = machine()
    (small / "Makefile").unlink()
    apply(
        small,
        [("srcs/docker-compose.yml", "    driver_opts: {type: none, o: bind, device: /home/student/data/web}\n", "")],
    )
    with started(small, ASKED, built, way(tmp_path)) as (stack, _, made):
        assert (made.command, made.status) == ("docker compose -f srcs/docker-compose.yml up --detach --build", 0)
        rows = {row.rule: row.verdict for row in judge(replace(stack.look(), made=made), ASKED, "x")}
        assert (rows["L12"], rows["L01"], rows["L11"]) == ("pass", "pass", "fail")
    assert machine() == before


def test_a_make_that_does_not_end(
    built: Lifetime, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ended, with everything it started."""
    (small / "Makefile").write_text("all:\n\tsetsid sleep 4711 &\n\tsleep 4711\n")
    monkeypatch.setattr("pytest_isolation.inception.live.stack.MAKE_S", 2)
    with started(small, ASKED, built, way(tmp_path)) as (_, _, made):
        assert made.status is None and made.said == "make did not end in 2 s"
        assert not [one for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] == ["sleep", "4711"]]


def test_who_is_not_root_is_told(built: Lifetime, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with (
        pytest.raises(Unavailable, match=r"^only root can .*; run as root"),
        started(small, ASKED, built, way(tmp_path)),
    ):
        pass
