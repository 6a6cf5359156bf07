"""What is decided about pods from what the host and a runtime tell."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest

from pytest_isolation.errors import Unavailable
from pytest_isolation.technologies.cri import network


def route(target: str) -> str:
    """A line of /proc/net/route."""
    one = IPv4Network(target)
    address, mask = (int(IPv4Address(part)).to_bytes(4, "little").hex() for part in (one[0], one.netmask))
    return f"eth0\t{address.upper()}\t00000000\t0001\t0\t0\t0\t{mask.upper()}\t0\t0\t0"


def test_pods_get_a_network_that_no_wider_or_narrower_route_is_for() -> None:
    wide = [route("10.213.0.0/17"), route("10.213.128.0/18"), route("10.213.192.0/19")]
    narrow = [route(f"10.213.{third}.64/26") for third in range(224, 256) if third != 240]
    default = [route("0.0.0.0/0"), route("0.0.0.0/1"), route("128.0.0.0/1")]
    assert network.free_subnet([*default, *wide, *narrow]) == IPv4Network("10.213.240.0/24")


def test_where_none_is_left_it_is_told() -> None:
    with pytest.raises(Unavailable, match=r"no /24 of 10\.213\.0\.0/16 free"):
        network.free_subnet([route("0.0.0.0/0"), route("10.0.0.0/8")])
