"""The reference, built and started: what is said of it, and of it with one thing wrong at a time.

Everything here is real: three containers, their processes, ports, volumes and database.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pytest_isolation.boxes.lifetime import Lifetime, clean
from pytest_isolation.inception.asked import Asked
from pytest_isolation.inception.live.audit import Way, started
from pytest_isolation.inception.live.facts import Facts
from pytest_isolation.inception.live.judge import ASKS, judge
from pytest_isolation.inception.live.stack import Stack
from pytest_isolation.technologies.docker.daemon import connect
from tests.inception.building import base_image, layers, need_stack
from tests.inception.support import DAY, REFERENCE, apply
from tests.inception.test_run import BIN, DATE, run

ASKED = Asked(day=DAY, login="student")
COMPOSE = "srcs/docker-compose.yml"
NGINX = "srcs/requirements/nginx"
LIVE = ("--inception-live", "host", "--inception-login", "student", "--isolation-only", "pid.signal-out-refused")


@pytest.fixture(scope="module")
def lifetime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lifetime]:
    """With the images' layers made."""
    need_stack(tmp_path_factory.mktemp("need"))
    clean()
    made = Lifetime()
    try:
        with base_image(made, tmp_path_factory.mktemp("base")), layers(made):
            yield made
    finally:
        made.close()


@dataclass(frozen=True)
class Mutant:
    edits: tuple[tuple[str, str, str], ...]
    """(file, what is there, what comes instead)"""
    says: dict[str, str]
    """Rule -> verdict, of all that do not pass."""
    does: Callable[[Stack, Facts], Facts] = lambda _, facts: facts
    """What else is looked at."""
    fresh: bool = False
    """Whether it shows only where nothing is stored yet."""


def crash(stack: Stack, facts: Facts) -> Facts:
    return replace(facts, crashes=stack.crash_all())


def stop(stack: Stack, facts: Facts) -> Facts:
    return replace(facts, stops=stack.stop_all())


def down_and_up(stack: Stack, facts: Facts) -> Facts:
    stack.store()
    assert stack.cycle().status == 0
    return replace(facts, kept=stack.kept(facts.site))


OWN = "  mariadb:\n    <<: *common\n"
CONF, START = f"{NGINX}/conf/nginx.conf", "srcs/requirements/mariadb/tools/start.sh"
OF_NGINX, OF_MARIADB, OF_WORDPRESS = (f"    build: requirements/{one}\n" for one in ("nginx", "mariadb", "wordpress"))
OLD_TLS = "ssl_ciphers ALL:@SECLEVEL=0; ssl_protocols TLSv1.1 TLSv1.2"
ON_HOST = "  mariadb:\n    restart: always\n    env_file: .env\n    network_mode: host\n"
MUTANTS = {
    "TLS 1.1 allowed": Mutant(((CONF, "ssl_protocols TLSv1.2", OLD_TLS),), {"L07": "fail"}),
    "port 80 open": Mutant(
        ((CONF, "listen 443 ssl;", "listen 443 ssl; listen 80;"),
         (COMPOSE, '- "443:443"', '- "443:443"\n      - "80:80"')), {"L02": "fail"},
    ),
    "no restart": Mutant(((COMPOSE, OF_NGINX, OF_NGINX + '    restart: "no"\n'),), {"L05": "fail"}, crash),
    "PID 1 is a shell": Mutant(
        ((f"{NGINX}/Dockerfile", 'CMD ["nginx", "-g", "daemon off;"]', "CMD nginx -g 'daemon off;'; true"),),
        {"L10": "advice"}, stop,
    ),
    "extra port": Mutant(((COMPOSE, OF_MARIADB, OF_MARIADB + '    ports: ["33060:3306"]\n'),), {"L06": "fail"}),
    "host network": Mutant(
        ((COMPOSE, OWN, ON_HOST),
         (COMPOSE, OF_WORDPRESS, OF_WORDPRESS + '    extra_hosts: ["mariadb:host-gateway"]\n')), {"L08": "fail"},
    ),
    "bind mount instead of a volume": Mutant(
        ((COMPOSE, "- mariadb:/var/lib/mysql", "- ${DATA}/mariadb:/var/lib/mysql"),), {"L15": "fail"},
    ),
    "admin user named admin": Mutant(
        (("srcs/.env", "WP_BOSS_LOGIN=captain", "WP_BOSS_LOGIN=TheAdmin"),), {"L13": "fail"}, fresh=True,
    ),
    "data not persistent": Mutant(
        ((START, "set -eu\n", "set -eu\nrm -rf /var/lib/mysql/* /var/lib/mysql/.i*\n"),), {"L04": "fail"},
        down_and_up, fresh=True,
    ),
    "wizard not finished": Mutant(
        (("srcs/requirements/wordpress/tools/start.sh", "php /opt/inception/install.php\n", ""),),
        # Of a site that is not set up nobody can say who its users are.
        {"L02": "fail", "L03": "unclear", "L13": "unclear", "L14": "unclear"}, fresh=True,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def running(lifetime: Lifetime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The reference, up."""
    way = Way(logs=tmp_path_factory.mktemp("logs"))
    with started(REFERENCE, ASKED, lifetime, way) as (stack, _, made):
        assert made.status == 0, (way.logs / "make.log").read_text()[-2000:]
        yield stack


def down(stack: Stack, *, forget: bool) -> None:
    """As a whole: NGINX looks up where WordPress is once, when it starts."""
    assert stack.run(stack.plan.compose("down"), "down").status == 0
    for store in stack.plan.stores if forget else ():
        for one in Path(store).iterdir():
            shutil.rmtree(one) if one.is_dir() else one.unlink()


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant(name: str, running: Stack) -> None:
    mutant = MUTANTS[name]
    top = Path(running.ground.top)
    kept = {file: (top / file).read_text() for file, _, _ in mutant.edits}
    down(running, forget=mutant.fresh)
    apply(top, mutant.edits)
    try:
        made = running.make(name.replace(" ", "-"))
        assert made.status == 0, made
        running.settle()
        site, no_site = running.visit()
        facts = replace(running.look(), made=made, site=site, no_site=no_site, passwordless=running.passwordless())
        rows = list(judge(mutant.does(running, facts), ASKED, "x"))
    finally:
        for file, text in kept.items():
            (top / file).write_text(text)
        down(running, forget=mutant.fresh)
    said = {row.rule: row.verdict for row in rows if row.verdict not in ("pass", "not-applicable")}
    assert said == mutant.says, [(row.rule, row.where, row.found) for row in rows if row.rule in said]
    assert {row.rule for row in rows} == set(ASKS)


# -- as a user runs it ------------------------------------------------------------------


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


def test_the_reference_passes_and_nothing_is_left(lifetime: Lifetime, tmp_path: Path) -> None:
    """With somebody's image under a name that the stack builds: the name is theirs again."""
    api = connect(None).api
    ours = f"isolation-layers-mariadb:{lifetime.run_id}"
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


def test_killed_in_the_middle(lifetime: Lifetime, tmp_path: Path) -> None:
    before = machine()
    line = [str(BIN / "pytest"), f"--inception={REFERENCE}", *DATE, *LIVE, "-p", "no:cacheprovider"]
    process = subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while len(machine()["stacks"]) < 2 and time.monotonic() < deadline:  # type: ignore[arg-type]
            assert process.poll() is None
            time.sleep(0.2)
        assert machine() != before
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = subprocess.run([str(BIN / "pytest"), "--isolation-clean"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert machine() == before, done.stdout


def test_what_somebody_else_has_is_said(lifetime: Lifetime, tmp_path: Path) -> None:
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
    made = api.create_container(f"isolation-layers-nginx:{lifetime.run_id}", name="web")
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


def test_a_build_that_fails_is_the_submissions_fault(lifetime: Lifetime, tmp_path: Path) -> None:
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
