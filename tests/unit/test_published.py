"""Which ports answer at one address of the host, by the engine's record."""

from __future__ import annotations

from pytest_isolation.outside.network.published import Bound, bound_to_one


def test_a_port_that_is_published_elsewhere_too_is_bound_to_none() -> None:
    published = [
        ("80/tcp", "127.0.0.1:8080"),
        ("81/tcp", "127.0.0.1:8081"),
        ("81/tcp", "192.0.2.1:8081"),
        ("82/tcp", "0.0.0.0:8082"),
        ("83/udp", "127.0.0.1:8083"),
        ("84/tcp", "[::1]:8084"),
        ("85/tcp", "192.0.2.1:8085"),
        ("86/tcp", "127.0.0.1:8086"),
        ("86/tcp", "127.0.0.1:8087"),
    ]
    found = bound_to_one(published)
    assert [(one.inside, one.address) for one in found] == [
        (80, "127.0.0.1"), (85, "192.0.2.1"), (86, "127.0.0.1"), (86, "127.0.0.1"),
    ]  # fmt: skip
    assert found[0].on_loopback
    assert not found[1].on_loopback
    assert str(Bound(80, "127.0.0.1", 8080)) == "127.0.0.1:8080->80"
    assert bound_to_one(()) == []
