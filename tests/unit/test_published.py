"""Which ports are for the host's own users."""

from __future__ import annotations

from pytest_isolation.outside.published import on_loopback_alone


def test_a_port_that_is_published_elsewhere_too_is_everybodys() -> None:
    published = [
        ("80/tcp", "127.0.0.1:8080"),
        ("81/tcp", "127.0.0.1:8081"),
        ("81/tcp", "192.0.2.1:8081"),
        ("82/tcp", "0.0.0.0:8082"),
        ("83/udp", "127.0.0.1:8083"),
        ("84/tcp", "[::1]:8084"),
        ("85/tcp", "127.0.0.5:8085"),
    ]
    assert on_loopback_alone(published) == [(80, 8080), (84, 8084), (85, 8085)]
    assert on_loopback_alone(()) == []
