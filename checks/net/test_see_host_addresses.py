"""The addresses and routes of the host are in no table that the box can get."""

import socket
import struct

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.shortcuts import read, read_records
from pytest_isolation.outside.network.links import link_of_host
from pytest_isolation.outside.network.netlink import DUMP, NETLINK_ROUTE, NO_SOCKET, REQUEST, ask, message

promise = guarantee(
    "net.host-addresses-hidden",
    claim="an address that the host has on a link of its own is in no list of addresses or routes that the box can get",
    sources=("man:network_namespaces(7)", "man:rtnetlink(7)", "man:proc_pid_net(5)"),
    severity=severity.learns("lists the host's addresses and routes"),
    falsified_by=weaken.share("net"),
    kind="per-window",
    oracle="receipt",
    distinct="where the host lives on its networks, not what its interfaces are called",
)
DUMPS = {"addresses": (22, struct.pack("<BBBBI", socket.AF_INET, 0, 0, 0, 0)), "routes": (26, bytes(12))}
"""RTM_GETADDR with struct ifaddrmsg, RTM_GETROUTE with struct rtmsg."""
LOOPBACK = socket.inet_aton("127.0.0.1")


@promise
@given(how=st.sampled_from([*DUMPS, "fib_trie"]))
def test_addresses_are_hidden(box: Box, how: str) -> None:
    with link_of_host(box, with_address=True) as made:
        assert made.address is not None
        if how == "fib_trie":
            if not read(box.proc, "/proc/self/net/fib_trie").ok:
                promise.undecided("the box has no /proc/net/fib_trie")
            told = [reply.data for reply in read_records(box.proc, "/proc/self/net/fib_trie")]
            own, theirs, asked = b"127.0.0.1", made.address.encode(), f"{len(told)} reads"
        else:
            kind, body = DUMPS[how]
            answer = ask(box.proc, NETLINK_ROUTE, message(kind, REQUEST | DUMP, body))
            promise.tried(answer.opened, vain=NO_SOCKET)
            if not answer.opened.ok:
                promise.held("refused")
            told, asked = list(answer.data), str(answer)
            own, theirs = LOOPBACK, socket.inet_aton(made.address)
        found = [one for one in told if theirs in one]
        promise.require(not found, asked, address=made.address, by=how)
        if how == "fib_trie" or answer.opened.ok:
            if not any(own in one for one in told):
                promise.undecided(f"the list of {how} lacks the box's own 127.0.0.1: its loopback is down")
            promise.receipt(True, asked)
