"""A virtual machine with a Docker daemon in it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import docker
import psutil
import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.errors import BoxError
from pytest_isolation.machines import DockerMachine, Recipe, recipe
from pytest_isolation.technologies.clean import clean


def test_its_daemon_is_whole_and_its_control_groups_are_v2(docker_machine: DockerMachine) -> None:
    client = docker.DockerClient(base_url=docker_machine.address)
    info = client.info()
    client.close()
    assert info["Name"] == "machine", "another daemon answered"
    assert (info["CgroupVersion"], info["Driver"]) == ("2", "overlay2")
    limits = ("MemoryLimit", "SwapLimit", "CpuCfsQuota", "CPUSet", "PidsLimit", "IPv4Forwarding", "BridgeNfIptables")
    assert [name for name in limits if not info[name]] == []
    controllers = docker_machine.box.read_file("/sys/fs/cgroup/cgroup.subtree_control").decode().split()
    assert {"cpu", "cpuset", "io", "memory", "pids"} <= set(controllers)
    assert b" cgroup " not in docker_machine.box.read_file("/proc/self/mountinfo"), "a v1 hierarchy is mounted"


def test_apparmor_is_on_and_the_daemon_has_loaded_its_profile(docker_machine: DockerMachine) -> None:
    client = docker.DockerClient(base_url=docker_machine.address)
    assert "name=apparmor" in client.info()["SecurityOptions"]
    client.close()
    loaded = docker_machine.box.read_file("/sys/kernel/security/apparmor/profiles").decode().splitlines()
    assert "docker-default (enforce)" in loaded


def test_its_kernel_is_another_one(docker_machine: DockerMachine) -> None:
    boot = "/proc/sys/kernel/random/boot_id"
    assert docker_machine.box.read_file(boot) != Path(boot).read_bytes()


def test_nothing_of_this_machine_is_reached_from_it(docker_machine: DockerMachine) -> None:
    """10.0.2.2 is QEMU's name for the loopback of the machine it runs on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(3)
        port = listener.getsockname()[1]
        done = docker_machine.run(
            ["python3", "-c", f"import socket; socket.create_connection(('10.0.2.2', {port}), 2)"], timeout=60
        )
        assert done.code != 0
        with pytest.raises(TimeoutError):
            listener.accept()


def test_it_is_reached_from_the_loopback_alone(docker_machine: DockerMachine) -> None:
    port = int(docker_machine.address.rpartition(":")[2])
    bound = {
        one.laddr.ip
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr.port == port
    }
    assert bound == {"127.0.0.1"}


def test_its_disk_is_not_written_to(docker_machine: DockerMachine) -> None:
    disk = recipe.place_of(Recipe())
    before = disk.stat().st_mtime_ns
    docker_machine.box.write_file("/root/mark", b"x" * 4096)
    assert docker_machine.run(["sync"]).code == 0
    docker_machine.run(["rm", "/root/mark"])
    assert disk.stat().st_mtime_ns == before


@pytest.mark.long(seconds=60)
def test_it_ends_with_its_owner_however_that_ends() -> None:
    line = [sys.executable, "-m", "pytest_isolation.cli", "docker-vm"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        said = owner.stdout.readline()
        assert said.startswith("export DOCKER_HOST=tcp://127.0.0.1:"), said
        below = psutil.Process(owner.pid).children(recursive=True)
        assert any(process.name().startswith("qemu-system") for process in below)
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    _, alive = psutil.wait_procs(below, timeout=10)
    assert not alive
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(said.strip().rpartition(":")[2])), 2)
    clean()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--memory", "100"], "100 MiB and 2 processors: expected 512 MiB or more"),
        (["--", "no-such-command"], "there is no command 'no-such-command'"),
    ],
)
def test_what_it_cannot_do_is_said_in_a_paragraph(words: list[str], said: str) -> None:
    line = [sys.executable, "-m", "pytest_isolation.cli", "docker-vm", *words]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_recipe_that_cannot_be_made_says_what_apt_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", os.fspath(tmp_path))
    lifetime = Lifetime()
    try:
        with pytest.raises(BoxError, match="no-such-suite"):
            recipe.image(lifetime, Recipe(suite="no-such-suite"))
    finally:
        lifetime.close()
    assert [path.name for path in (tmp_path / "pytest-isolation").iterdir() if path.suffix != ".lock"] == []
