"""What a clone lacks before `make`, and what compose says that a stack takes."""

from __future__ import annotations

import os
import re
import shutil
import socket
from pathlib import Path

import pytest

from pytest_isolation.errors import Unavailable
from pytest_isolation.inception.asked import AuditOptions
from pytest_isolation.inception.live import venue
from pytest_isolation.inception.live.plan import Plan, call_of, read_plan
from pytest_isolation.inception.live.supply import Supplied, copy, supply
from pytest_isolation.inception.model import Submission, read_submission
from pytest_isolation.inception.tree import read_tree
from pytest_isolation.inception.variables import read_env
from tests.inception.support import DAY, REFERENCE, apply

ENV, SECRETS = "srcs/.env", [f"secrets/{name}.txt" for name in ("db_password", "db_root_password", "credentials")]
COMPOSE = "srcs/docker-compose.yml"


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """As an evaluator clones it: no .env, no secrets."""
    return Path(shutil.copytree(REFERENCE, tmp_path / "clone"))


def submission(top: Path) -> Submission:
    return read_submission(read_tree(top), AuditOptions(day=DAY, login="student"), None)


def supplied(top: Path, given: Path | None = None) -> dict[str, Supplied]:
    return {one.path: one for one in supply(top, submission(top), given, "student", "student.42.fr")}


def env(top: Path) -> dict[str, str]:
    return {name: str(value) for name, value in read_env((top / ENV).read_text(), ENV).items()}


def test_the_authors_example(top: Path) -> None:
    made = supplied(top)
    assert set(made) == {ENV, *SECRETS}
    assert made[ENV].source == "the author's srcs/.env.example" and made[ENV].made_up == set()
    assert env(top) == {name: str(value) for name, value in read_env((top / f"{ENV}.example").read_text(), "").items()}
    told = [(top / path).read_text() for path in SECRETS]
    assert len(set(told)) == 3 and all(re.fullmatch(r"[0-9a-f]{32}\n", text) for text in told)
    assert supplied(top) == {}, "what is there stays"


def test_an_example_without_values(top: Path) -> None:
    example = (
        "MYSQL_USER= MYSQL_PASSWORD= WORDPRESS_DB_PASSWORD=changeme WP_ADMIN_USER= WP_ADMIN_EMAIL= DOMAIN_NAME=x.fr"
    )
    (top / f"{ENV}.example").write_text("\n".join(example.split()))
    made, found = supplied(top)[ENV], env(top)
    assert found["MYSQL_USER"] == "wpuser" and found["WP_ADMIN_USER"] == "captain" and found["DOMAIN_NAME"] == "x.fr"
    assert found["WP_ADMIN_EMAIL"] == "owner@student.42.fr"
    assert found["MYSQL_PASSWORD"] == found["WORDPRESS_DB_PASSWORD"], "one password, called by two names"
    assert re.fullmatch(r"[0-9a-f]{24}", found["MYSQL_PASSWORD"])
    assert {"MYSQL_USER", "MYSQL_PASSWORD", "WP_ADMIN_USER"} <= made.made_up and "DOMAIN_NAME" not in made.made_up


def test_no_example_at_all(top: Path) -> None:
    """The names are those that the compose file and the scripts ask for."""
    (top / f"{ENV}.example").unlink()
    made, found = supplied(top)[ENV], env(top)
    assert made.source == "made up" and made.made_up == set(found)
    assert found["DATA"] == "/home/student/data" and found["MYSQL_DATABASE"] == "wordpress"
    assert found["DOMAIN_NAME"] == "student.42.fr" and found["MYSQL_USER"] == "wpuser"
    assert found["WP_BOSS_EMAIL"] == "owner@student.42.fr" and "WP_WRITER_LOGIN" in found


def test_a_file_is_given(top: Path, tmp_path: Path) -> None:
    given = tmp_path / "mine"
    given.write_text("DATA=/home/student/data\n")
    made = supplied(top, given)
    assert made[ENV].source == "given" and env(top) == {"DATA": "/home/student/data"}
    assert made[SECRETS[0]].source == "made up"


@pytest.mark.parametrize("place", ["", "secrets/"])
def test_a_directory_is_given(top: Path, tmp_path: Path, place: str) -> None:
    given = tmp_path / "mine"
    (given / "secrets").mkdir(parents=True)
    (given / ".env").write_text("A=b\n")
    (given / place / "db_password.txt").write_text("mine\n")
    made = supplied(top, given)
    assert (made[ENV].source, made[SECRETS[0]].source, made[SECRETS[1]].source) == ("given", "given", "made up")
    assert (top / SECRETS[0]).read_text() == "mine\n" and env(top) == {"A": "b"}


def test_a_copy_has_no_special_file_and_follows_no_link(top: Path, tmp_path: Path) -> None:
    os.mkfifo(top / "pipe")
    (top / "out").symlink_to("/etc/hostname")
    copy(top, tmp_path / "copy")
    assert not (tmp_path / "copy/pipe").exists() and (tmp_path / "copy/out").is_symlink()
    assert (tmp_path / "copy/Makefile").read_text() == (top / "Makefile").read_text()


# -- the plan ---------------------------------------------------------------------------


def call(top: Path) -> Plan:
    return call_of(submission(top), "ours")


def test_compose_is_called_as_the_makefile_calls_it(top: Path) -> None:
    assert call(top).call == ("docker", "compose", "-f", "srcs/docker-compose.yml") and call(top).start == ("make",)
    line = "COMPOSE = docker compose -f srcs/docker-compose.yml"
    apply(top, [("Makefile", line, "COMPOSE = cd srcs && docker-compose -p mine --env-file=.env")])
    made = call(top)
    assert made.call == ("docker", "compose", "-p", "mine", "--env-file", ".env", "-f", "docker-compose.yml")
    assert (made.directory, made.project) == ("srcs", "mine")


def test_a_project_that_the_makefile_names(top: Path) -> None:
    apply(top, [("Makefile", "all: up\n", "export COMPOSE_PROJECT_NAME = mine\n\nall: up\n")])
    assert call(top).project == "mine"


def test_without_a_makefile_compose_starts_it(top: Path) -> None:
    (top / "Makefile").unlink()
    assert call(top).start == ("docker", "compose", "-f", "srcs/docker-compose.yml", "up", "--detach", "--build")


V1 = """
services:
  db:
    build: {context: /copy/srcs/db}
    container_name: db
    ports: [443:443/tcp, '127.0.0.1:8000-8002:80', '9000']
    volumes: ['/var/run/docker.sock:/s:ro', '/copy/x:/x:rw', 'data:/d:rw']
volumes:
  data: {driver_opts: {device: /home/student/data/db}}
  other: {external: true, name: other}
networks: {net: {}, out: {external: true, name: out}}
"""
V2 = """
name: ours
services:
  db:
    build: {context: /copy/srcs/db}
    image: db
    ports: [{mode: ingress, target: 443, published: "443"}, {target: 9000}]
    volumes: [{type: bind, source: /srv/x, target: /x}, {type: volume, source: data, target: /d}]
networks: {net: {name: ours_net}, out: {name: out}}
volumes: {data: {name: ours_data, driver_opts: {device: /home/student/data/db}}}
"""


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (V1, {"ports": (443, 8000, 8001, 8002), "containers": ("db",), "tags": ("ours-db:latest", "ours_db:latest"),
              "binds": ("/var/run/docker.sock",), "volumes": ("other",), "networks": ("out",)}),
        (V2, {"ports": (443,), "containers": (), "tags": ("db:latest",), "binds": ("/srv/x",), "volumes": (),
              "networks": ("out",)}),
    ],
    ids=["compose 1", "compose 2"],
)  # fmt: skip
def test_what_a_stack_takes(top: Path, said: str, expected: dict[str, tuple[str, ...]]) -> None:
    plan = read_plan(call(top), said, submission(top), "/copy")
    assert {name: getattr(plan, name) for name in expected} == expected
    assert plan.stores == ("/home/student/data/db",) and plan.bases == ("debian:bookworm",)


@pytest.mark.parametrize("said", ["", "no: stack", "[", "services: 3"])
def test_no_plan(top: Path, said: str) -> None:
    with pytest.raises(Unavailable, match=r"did not describe"):
        read_plan(call(top), said, submission(top), "/copy")


# -- this machine -----------------------------------------------------------------------


@pytest.fixture
def no_compose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """PATH with a docker that has no plugin, and nothing else."""
    place = tmp_path / "path"
    place.mkdir()
    (place / "docker").write_text("#!/bin/sh\nexit 1\n")
    (place / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(place))
    return place


def test_no_compose_is_said(no_compose: Path, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"apt install docker-compose"):
        venue.tools(tmp_path / "tools")


def test_an_old_compose_stands_in_for_the_plugin(no_compose: Path, tmp_path: Path) -> None:
    (no_compose / "docker-compose").write_text("#!/bin/sh\n")
    (no_compose / "docker-compose").chmod(0o755)
    made = venue.tools(tmp_path / "tools")
    assert (Path(made["DOCKER_CONFIG"]) / "cli-plugins/docker-compose").read_text() == venue.COMPOSE_PLUGIN
    assert os.access(tmp_path / "tools/bin/sudo", os.X_OK)


def test_a_port_that_is_taken() -> None:
    from pytest_isolation.inception.live.taken import _free

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert not _free(port)
    assert _free(port)
