"""What is decided from a runtime's silence, and from what it tells of a container."""

from __future__ import annotations

import socket
import subprocess
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.errors import BoxError, Unavailable
from pytest_isolation.options.boxes import parse
from pytest_isolation.technologies import program, technology
from pytest_isolation.technologies.cri import attach, client, images

SPEC: dict[str, Any] = {"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO"}}}


def bound(path: Path) -> str:
    """The endpoint of a socket that is there, and where nobody listens: as while a runtime restarts."""
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))
    return f"unix://{path}"


def test_an_agents_mount_is_kept_in_mind_while_its_runtime_restarts(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no runtime answers"):
        technology("cri").clean("injected", f"{'0' * 64} {bound(tmp_path / 's')}")


def test_one_in_a_containerd_of_a_runs_own_went_with_it() -> None:
    assert technology("cri").clean("injected", f"{'0' * 64} unix:///run/ptpod00000000/s") is False


def test_a_container_of_which_nothing_is_told_is_not_called_unprivileged() -> None:
    with pytest.raises(Unavailable, match="does not tell how the container was asked for"):
        attach.told("0", {"pid": 1, "runtimeSpec": SPEC})


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"seccomp": {}}, "RuntimeDefault"),
        ({"seccomp": {"profile_type": 2, "localhost_ref": "/profile.json"}}, "Localhost"),
        ({"seccomp_profile_path": "localhost//profile.json"}, "Localhost"),
        ({}, "RuntimeDefault"),
    ],
)
def test_a_profile_of_the_users_own_is_not_called_the_runtimes(asked: dict[str, Any], expected: str) -> None:
    info = {"config": {"linux": {"security_context": asked}}, "runtimeSpec": SPEC}
    assert attach.told("0", info)["seccomp"] == expected
    assert attach.told("0", {**info, "runtimeSpec": {}})["seccomp"] == "Unconfined"


def test_an_endpoint_in_the_environment_that_is_no_socket_is_no_mistake_of_an_option(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(client.VARIABLE, "tcp://localhost:1")
    with pytest.raises(Unavailable, match=rf"{client.VARIABLE}=tcp://localhost:1 is no unix:///PATH.*unset it"):
        technology("cri").check_available(parse("cri"))


def test_a_usual_socket_that_hangs_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(client.VARIABLE, raising=False)
    with socket.socket(socket.AF_UNIX) as hangs:
        hangs.bind(str(tmp_path / "s"))
        hangs.listen()
        monkeypatch.setattr(client, "ENDPOINTS", (f"unix://{tmp_path}/s",))
        monkeypatch.setattr(client, "PATIENCE_S", 0.3)
        assert client.standing() is None


def test_an_import_that_does_not_end_is_told_and_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs(argv: list[str], *, timeout: float) -> None:
        raise subprocess.TimeoutExpired(argv, timeout)

    monkeypatch.setattr(program, "find", lambda name, package: name)
    monkeypatch.setattr(program, "ended", hangs)
    runtime = client.connect(bound(tmp_path / "s"))
    lifetime = Lifetime()
    monkeypatch.setattr(images, "remove", lambda runtime, name: False)
    with ExitStack() as undo, closing(lifetime):
        for _ in range(2):
            with pytest.raises(BoxError, match="ctr images import did not end within 60 seconds"):
                images.ours(runtime, parse("cri"), lifetime, undo)
