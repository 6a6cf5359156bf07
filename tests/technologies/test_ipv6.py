"""An IPv6 address is asked for once it can be used."""

from __future__ import annotations

import os
import struct

import pytest

from pytest_isolation.agent.constants import CLONE
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.boxes.local import start_local
from pytest_isolation.outside.network.ipv6 import addresses, settled
from pytest_isolation.outside.network.links import IFF_UP, SIOCSIFFLAGS, request
from pytest_isolation.outside.network.netlink import ACK, CREATE, EXCL, NETLINK_ROUTE, REQUEST, ask, message
from pytest_isolation.outside.network.rtnetlink import RTM, veth


@pytest.mark.skipif(os.geteuid() != 0, reason="a link is for root")
def test_what_a_link_gives_itself_is_waited_for() -> None:
    with start_local() as one:
        proc = one.proc
        must(proc.unshare(CLONE.NEWNET), "a network of its own")
        body = veth("end1", "end2")
        answer = ask(proc, NETLINK_ROUTE, message(RTM.NEWLINK, REQUEST | ACK | CREATE | EXCL, body))
        if answer.errno:
            pytest.skip(f"no pair of links: {answer}")
        for name in ("end1", "end2"):
            must(request(proc, SIOCSIFFLAGS, name, struct.pack("<H", IFF_UP)), "a link that is up")
        if not addresses(proc):
            pytest.skip("this kernel has no IPv6")
        assert any(one.is_coming for one in addresses(proc))
        assert not settled(proc, seconds=0.0)
        assert settled(proc)
        assert [one.text[:5] for one in addresses(proc)] == ["fe80:", "fe80:"]
