"""The host's network interfaces are not the box's."""

import socket

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, weaken
from pytest_isolation.agent.shortcuts import read

promise = guarantee(
    "net.host-interfaces-hidden",
    claim="no interface of the host other than loopback shows in the box's /proc/net",
    sources=("man:network_namespaces(7)",),
    falsified_by=weaken.share("net"),
    oracle="receipt",
    distinct="what is seen, not what is reached",
)


@promise
@given(file=st.sampled_from(["dev", "if_inet6", "igmp"]), whose=st.sampled_from(["self", "thread-self"]))
def test_interfaces_are_hidden(box: Box, file: str, whose: str) -> None:
    seen = read(box.proc, "/proc/net/dev")
    if not seen.ok:
        raise Unsupported("the box has no /proc/net")
    promise.receipt(b"lo:" in seen.data, seen)
    reply = read(box.proc, f"/proc/{whose}/net/{file}")
    inside = set(reply.data.replace(b":", b" ").split())
    host = {name.encode() for _, name in socket.if_nameindex()} - {b"lo", b"eth0"}
    if not host:
        raise Unsupported("the host has no interface whose name would tell it apart")
    promise.require(not inside & host, reply, seen=str(sorted(inside & host)))
