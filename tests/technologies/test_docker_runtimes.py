"""The runtime that Docker has by a name is the one that is named: gVisor has another kernel, and crun says its name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pytest_isolation import BoxError, Unavailable
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.local import start_local
from pytest_isolation.technologies import identity
from pytest_isolation.technologies.docker import Docker
from pytest_isolation.technologies.docker.daemon import connect
from tests.support import docker_spec, need, started

DOCKER = Docker()


@pytest.fixture(scope="module", autouse=True)
def _daemon() -> None:
    need("docker")


def test_gvisor_is_gvisor(lifetime: Lifetime) -> None:
    """With a daemon that has it: dev/test starts one so."""
    asked = docker_spec(runtime="runsc")
    if "runsc" not in connect(None).info["Runtimes"]:
        with pytest.raises(Unavailable, match="has no runtime 'runsc'; it has "):
            DOCKER.check_available(asked)
        return
    with started(lifetime, asked) as box:
        assert not box.parts.shares_kernel
        assert identity.kernel(box.proc)[0] != os.uname().release
        assert box.enter().getpid().ok


@pytest.mark.parametrize(
    ("name", "path"), [("runsc", "/usr/bin/runsc"), ("gvisor", "/usr/bin/x"), ("x", "/a/kata-qemu")]
)
def test_a_runtime_of_another_name_is_noticed(name: str, path: str) -> None:
    with (
        start_local() as local,
        pytest.raises(BoxError, match=f"runtime {name} should .* inside is this host's kernel"),
    ):
        identity.check_runtime(local.agent, name, path, same_host=True)


def test_the_usual_runtimes_share_the_kernel() -> None:
    with start_local() as local:
        for name in ("runc", "crun", "youki"):
            identity.check_runtime(local.agent, name, f"/usr/bin/{name}", same_host=True)


@pytest.fixture(scope="module")
def liar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Lifetime]]:
    """The address of a daemon of our own whose runsc is runc and whose crun says that it is runc, and a run."""
    if os.geteuid() != 0 or not shutil.which("dockerd"):
        pytest.skip("a daemon of our own takes root and dockerd")
    place = tmp_path_factory.mktemp("liar")
    runc = shutil.which("runc")
    (place / "crun").write_text(f'#!/bin/sh\nexec {runc} "$@"\n')
    (place / "runsc").write_text(f'#!/bin/sh\n[ "$1" != --version ] || exec runsc --version\nexec {runc} "$@"\n')
    for name in ("crun", "runsc"):
        (place / name).chmod(0o755)
    runtimes = {"runsc": {"path": str(place / "runsc")}, "crun": {"path": str(place / "crun")}}
    (place / "daemon.json").write_text(json.dumps({"runtimes": runtimes}))
    # None of another daemon's: neither its state nor its rules.  In a network of its own, since a daemon
    # with --bridge=none removes the docker0 it finds.
    argv = ["unshare", "--net", "dockerd"]
    argv += [f"--config-file={place}/daemon.json", f"--data-root={place}/data", f"--exec-root={place}/exec"]
    argv += [f"--pidfile={place}/pid", f"--host=unix://{place}/socket", "--storage-driver=vfs"]
    argv += ["--bridge=none", "--iptables=false", "--ip6tables=false"]
    with (place / "log").open("w") as log:
        daemon = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while not _answers(f"unix://{place}/socket"):
            assert daemon.poll() is None and time.monotonic() < until, (place / "log").read_text()[-2000:]
            time.sleep(0.1)
        made = Lifetime()
        yield f"unix://{place}/socket", made
        made.close()  # while the daemon still answers
        connect(f"unix://{place}/socket").api.close()
    finally:
        daemon.terminate()
        daemon.wait(60)


def _answers(address: str) -> bool:
    try:
        connect(address)
    except Unavailable:
        return False
    return True


def test_a_runtime_called_runsc_that_is_runc(liar: tuple[str, Lifetime]) -> None:
    """It even says that it is runsc: the kernel inside does not."""
    with pytest.raises(
        BoxError, match=f"runtime runsc should be gVisor, and inside is this host's kernel, {os.uname().release}"
    ):
        DOCKER.launch(replace(docker_spec(runtime="runsc", host=liar[0]), network="none"), liar[1])


def test_a_runtime_called_crun_that_is_runc(liar: tuple[str, Lifetime]) -> None:
    with pytest.raises(BoxError, match=r"runtime crun should be crun, and /.*/crun says that it is 'runc version "):
        DOCKER.launch(replace(docker_spec(runtime="crun", host=liar[0]), network="none"), liar[1])


def test_a_runtime_of_its_name(liar: tuple[str, Lifetime]) -> None:
    with started(liar[1], replace(docker_spec(runtime="runc", host=liar[0]), network="none")) as box:
        assert box.proc.getpid().value == 1
