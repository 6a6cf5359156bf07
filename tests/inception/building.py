"""What tests of stacks that are built and started share: the base image, and layers that make them quick."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.errors import Unavailable
from pytest_isolation.inception.live import leftovers
from pytest_isolation.inception.live.venue import check_host, tools
from pytest_isolation.technologies.docker.daemon import connect
from tests.inception.support import REFERENCE, apply
from tests.support import REQUIRED, need

BASE = "debian:bookworm"
SERVICES = ("mariadb", "wordpress", "nginx")
APT = ('Acquire::Languages "none"', 'APT::Install-Recommends "false"')
LEFT_OUT = ("doc", "man", "locale")
"""Of /usr/share, as in Debian's own slim image."""


def need_stack(place: Path) -> None:
    """Skips the test where no stack can be built and started, fails it where it must be; `place` is a new directory."""
    need("docker")
    try:
        check_host()
        tools(place)
        if shutil.which("mmdebstrap") is None:
            raise Unavailable("mmdebstrap is not installed", "apt install mmdebstrap")
    except Unavailable as error:
        if "docker" in REQUIRED:
            raise
        pytest.skip(str(error))


def _sources() -> list[str]:
    """Where this machine has its packages from, if it has the same release: a mirror, a proxy."""
    if platform.freedesktop_os_release().get("VERSION_CODENAME") != "bookworm":
        return []
    places = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
    return [str(place) for place in places if place.is_file() and place.stat().st_size][:1]


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


def small_stack(top: Path, built: Lifetime) -> None:
    """One service, a real NGINX, from the layers of the reference's."""
    nginx = "srcs/requirements/nginx"
    files = {
        "Makefile": MAKEFILE,
        "srcs/docker-compose.yml": COMPOSE,
        f"{nginx}/Dockerfile": f"FROM isolation-layers-nginx:{built.run_id}\n"
        "COPY nginx.conf /etc/nginx/nginx.conf\nRUN echo a page > /srv/index.html\n",
        f"{nginx}/nginx.conf": CONF,
    }
    top.mkdir()
    apply(top, [(name, None, text) for name, text in files.items()])


@contextmanager
def base_image(lifetime: Lifetime, place: Path) -> Iterator[None]:
    """An image called debian:bookworm, made of Debian's packages unless there is one; nothing is pulled."""
    daemon = connect(None)
    if leftovers.identity(daemon, BASE) is not None:
        yield
        return
    archive = place / "base.tar"
    words = [*(f"--aptopt={one}" for one in APT), "--dpkgopt=force-unsafe-io"]
    words += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT]
    made = ["mmdebstrap", "--variant=apt", "--quiet", *words, "bookworm", str(archive), *_sources()]
    done = subprocess.run(made, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    lifetime.register("inception:project-tag", f"{BASE}=")
    try:
        line = ["docker", "import", "--change", 'CMD ["bash"]', str(archive), BASE]
        subprocess.run(line, check=True, capture_output=True)
        archive.unlink()
        yield
    finally:
        leftovers.restore_tag(daemon, f"{BASE}=")


@contextmanager
def layers(lifetime: Lifetime) -> Iterator[None]:
    """The reference's images under names of ours: whoever builds them, or a variant, finds most layers made."""
    daemon = connect(None)
    with_names = [(name, f"isolation-layers-{name}:{lifetime.run_id}") for name in SERVICES]
    try:
        for name, tag in with_names:
            lifetime.register("inception:project-tag", f"{tag}=")
            said: list[Any] = list(
                daemon.api.build(path=str(REFERENCE / f"srcs/requirements/{name}"), tag=tag, rm=True, decode=True)
            )
            assert leftovers.identity(daemon, tag) is not None, said[-3:]
        yield
    finally:
        for _, tag in with_names:
            leftovers.restore_tag(daemon, f"{tag}=")
