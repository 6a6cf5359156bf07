"""Docker at the other end of ssh, with a server of ours on the loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_isolation.boxes.host import LOCAL_HOST
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import Unavailable, UsageError
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.docker.daemon import connect
from tests.owners import HARDENED, attached, owner
from tests.support import need

SSHD = "/usr/sbin/sshd"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`ssh` in PATH knows the key of a server that lets this user in; its address."""
    need("docker")
    if os.geteuid() or not os.path.exists(SSHD) or shutil.which("ssh") is None:
        if os.environ.get("CI"):
            raise AssertionError("no sshd to connect to: apt install openssh-server openssh-client")
        pytest.skip("a server of ours needs root, openssh-server and openssh-client")
    place = tmp_path_factory.mktemp("ssh")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place / name], check=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    separation = Path("/run/sshd")  # an empty directory that sshd(8) wants to see
    made = not separation.exists()
    separation.mkdir(exist_ok=True)
    settings = {
        "ListenAddress": f"127.0.0.1:{port}",
        "HostKey": place / "host",
        "AuthorizedKeysFile": place / "user.pub",
        "PidFile": "none",
        "StrictModes": "no",
        "PermitRootLogin": "yes",
        "UsePAM": "no",
    }
    (place / "sshd").write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
    wrapper = place / "bin" / "ssh"
    wrapper.parent.mkdir()
    wrapper.write_text(
        f"#!/bin/sh\nexec {shutil.which('ssh')} -i {place}/user -o StrictHostKeyChecking=no "
        f'-o UserKnownHostsFile={place}/known "$@"\n'
    )
    wrapper.chmod(0o755)
    with subprocess.Popen([SSHD, "-D", "-e", "-f", place / "sshd"], stderr=subprocess.DEVNULL) as daemon:
        before = os.environ["PATH"]
        os.environ["PATH"] = f"{wrapper.parent}:{before}"
        try:
            _wait_for(port)
            yield f"ssh://root@127.0.0.1:{port}"
        finally:
            os.environ["PATH"] = before
            daemon.terminate()
            if made:
                separation.rmdir()


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("sshd does not listen")


def test_a_box_is_started_and_entered_through_ssh(server: str) -> None:
    """It is this machine's daemon: the observer box tells, and the box is a plain one."""
    lifetime = Lifetime()
    try:
        with technology("docker").launch(BoxSpec(technology="docker", options=(("host", server),)), lifetime) as box:
            assert box.proc.getpid().value == 1
            assert box.enter().getpid().ok
            assert box.parts.host is LOCAL_HOST
            assert box.parts.group is not None
    finally:
        lifetime.close()
        connect(server).api.close()


def test_a_running_container_is_attached_to_through_ssh(server: str) -> None:
    with (
        owner("docker") as theirs,
        theirs.running(*HARDENED) as name,
        theirs.left_alone(name),
        attached(f"docker:host={server},container={name}") as box,
    ):
        assert box.parts.host is LOCAL_HOST
        assert box.proc.getuid().value == 1000
        assert box.sibling.proc.getpid().value == 1


def test_what_ssh_says_is_said(server: str) -> None:
    nobody = server.replace("root@", "no-such-user@")
    with pytest.raises(Unavailable, match="Permission denied") as caught:
        connect(nobody)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["ssh://", "ssh://host:port", "ssh://user:password@host", "ssh://host/socket"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(UsageError, match="expected ssh://USER@HOST:PORT"):
        connect(address)
