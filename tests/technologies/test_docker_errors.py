"""What Docker cannot be asked for, and a daemon that is not there: errors say what to do, in one line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation import Unavailable, UsageError
from pytest_isolation.technologies.docker import Docker
from tests.support import docker_spec, need

DOCKER = Docker()


@pytest.fixture(scope="module", autouse=True)
def _daemon() -> None:
    need("docker")


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"cap_ad": "NET_ADMIN"}, "no keyword 'cap_ad'; did you mean 'cap_add'"),
        ({"pids_limit": "many"}, "pids_limit=many: expected a whole number"),
        ({"privileged": "1"}, "privileged=1: expected true or false"),
        ({"ulimits": "nofile"}, "expected NAME=SOFT:HARD"),
        ({"sysctls": "kernel.x"}, "expected NAME=VALUE"),
        ({"mem_limit": ("1m", "2m")}, "mem_limit is a list"),
        ({"network_mode": "host"}, "write network=host"),
        ({"tty": "true"}, "tty cannot be set: a terminal would change"),
        ({"cap_add": "NO_SUCH"}, "'NO_SUCH' is no capability"),
        ({"mounts": "x"}, "mounts has 'x', with the key 'x'; expected one of bind-propagation"),
        ({"container": "web", "cap_add": "ALL"}, "a running container is as it is"),
        ({"host": "gopher://x"}, "is no address of a Docker daemon"),
    ],
)
def test_bad_keywords_are_usage_errors(keywords: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        DOCKER.check_available(docker_spec(**keywords))
    assert "\n" not in str(caught.value)


def test_one_limit_by_two_names_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"pids=40 and pids_limit=50 set the same"):
        DOCKER.check_available(replace(docker_spec(pids_limit="50"), pids=40))


def test_no_daemon(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"there is no Docker daemon at unix:.*install Docker"):
        DOCKER.check_available(docker_spec(host=f"unix://{tmp_path}/docker.sock"))


def test_a_daemon_that_is_down(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "docker.sock"))
    with pytest.raises(Unavailable, match=r"no Docker daemon answers at .*; start it"):
        DOCKER.check_available(docker_spec(host=f"unix://{tmp_path}/docker.sock"))


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_no_permission() -> None:
    program = (
        "import os; from pytest_isolation import BoxSpec, Unavailable\n"
        "from pytest_isolation.technologies.docker import Docker\n"
        "import docker, requests; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try: Docker().check_available(BoxSpec(technology='docker'))\n"
        "except Unavailable as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "may not use the Docker daemon" in done.stdout
    assert "group docker" in done.stdout


def test_an_unknown_runtime() -> None:
    with pytest.raises(Unavailable, match=r"no runtime 'no-such'; it has .*runc"):
        DOCKER.check_available(docker_spec(runtime="no-such"))
