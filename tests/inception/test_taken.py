"""What a stack would take from somebody, on this machine."""

from __future__ import annotations

import socket
import threading

import pytest

from pytest_isolation.inception.live import taken


def _listener() -> tuple[socket.socket, int]:
    held = socket.create_server(("0.0.0.0", 0))
    return held, held.getsockname()[1]


def test_a_port_that_is_let_go_in_a_moment_is_free() -> None:
    """As Docker's proxy does, some time after its container was removed."""
    held, port = _listener()
    going = threading.Timer(0.5, held.close)
    going.start()
    try:
        assert taken._free(port)
    finally:
        going.join()


def test_a_port_that_is_kept_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taken, "PROXY_S", 0.3)
    held, port = _listener()
    with held:
        assert not taken._free(port)
