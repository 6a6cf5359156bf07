"""A stack of one service, in a machine of its own: the way a submission that nobody trusts is audited.

The reference itself would take an hour to build there without KVM.
"""

from __future__ import annotations

import json
from pathlib import Path

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.inception.live.judge import ASKS
from pytest_isolation.machines import DockerMachine
from tests.inception.support import apply
from tests.inception.test_run import DATE, run
from tests.inception.test_started import machine

MAKEFILE = """all:
\tmkdir -p /home/student/data/web
\techo made >> /etc/hosts
\tsudo docker compose -f srcs/docker-compose.yml up --detach --build
"""
COMPOSE = """services:
  nginx:
    build: requirements/nginx
    image: nginx:inception
    restart: always
    networks: [net]
    ports: ["443:443"]
    volumes: ["web:/var/www/html"]
networks:
  net:
volumes:
  web:
    driver_opts: {type: none, o: bind, device: /home/student/data/web}
"""
CONF = """events { }
http { server {
    listen 443 ssl;
    ssl_certificate /etc/nginx/tls/site.crt;
    ssl_certificate_key /etc/nginx/tls/site.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    root /srv;
} }
"""


def test_a_small_stack(built: Lifetime, docker_machine: DockerMachine, tmp_path: Path) -> None:
    """`docker_machine` is not used: it tells that such a machine can be had here."""
    top = tmp_path / "small"
    files = {
        "Makefile": MAKEFILE,
        "srcs/docker-compose.yml": COMPOSE,
        "srcs/requirements/nginx/Dockerfile": f"FROM isolation-layers-nginx:{built.run_id}\n"
        "COPY nginx.conf /etc/nginx/nginx.conf\nRUN echo a page > /srv/index.html\n",
        "srcs/requirements/nginx/nginx.conf": CONF,
    }
    top.mkdir()
    apply(top, [(name, None, text) for name, text in files.items()])
    before = machine()
    done = run(
        tmp_path, "pytest", f"--inception={top}", *DATE, "--inception-login", "student", "--isolation-report",
        "json:r.json", "--inception-live", timeout=900,
    )  # fmt: skip
    found = json.loads((tmp_path / "r.json").read_text())["inception"]
    rows = {row["rule"]: row["verdict"] for row in found if row["rule"] in ASKS}
    without = dict.fromkeys(("L03", "L13", "L14"), "unclear")  # it has no WordPress
    assert rows == dict.fromkeys(ASKS, "pass") | without, done.stdout + done.stderr
    assert machine() == before
