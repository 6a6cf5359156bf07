"""A network interface of the host does not show in the box."""

import socket
import struct

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.client import Program, Reply
from pytest_isolation.agent.shortcuts import read, read_records
from pytest_isolation.outside.links import SIOCGIFINDEX, link_of_host, request

promise = guarantee(
    "net.host-interfaces-hidden",
    claim="an interface the host has made shows in no list of interfaces that the box can get",
    sources=("man:network_namespaces(7)", "man:netdevice(7)", "man:rtnetlink(7)"),
    severity=severity.learns("lists the host's network interfaces"),
    falsified_by=weaken.share("net"),
    oracle="receipt",
    distinct="what is seen, not what is reached",
)


def _by_netlink(box: Box) -> list[Reply]:
    """RTM_GETLINK, everything: rtnetlink(7)."""
    program = Program()
    fd = program.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC)
    program.sendto(fd, struct.pack("<IHHII16x", 32, 18, 0x301, 1, 0), address=struct.pack("<HHII", 16, 0, 0, 0))
    parts = [program.recvfrom(fd, 32768, socket.MSG_DONTWAIT) for _ in range(16)]
    program.close(fd)
    replies = box.proc.run(program)
    promise.prepared(replies[fd], "a netlink socket")
    return [replies[part] for part in parts if replies[part].data]


@promise
@given(how=st.sampled_from(["dev", "thread", "ioctl", "netlink"]))
def test_interfaces_are_hidden(box: Box, how: str) -> None:
    with link_of_host(box) as made:
        if how == "ioctl":
            decoy, found = request(box.proc, SIOCGIFINDEX, "lo"), request(box.proc, SIOCGIFINDEX, made.name)
            if decoy.name == "socket":
                promise.prepared(decoy, "a socket to ask with")
            promise.receipt(decoy.ok, decoy)
            promise.require(not found.ok, found, interface=made.name)
            return
        path = f"/proc/{'thread-' if how == 'thread' else ''}self/net/dev"
        if how != "netlink" and not read(box.proc, path).ok:
            promise.undecided("the box has no /proc/net")
        seen = _by_netlink(box) if how == "netlink" else read_records(box.proc, path)
        promise.receipt(any(b"lo" in reply.data for reply in seen), f"{len(seen)} reads of {how}")
        telling = [reply for reply in seen if made.name.encode() in reply.data]
        promise.require(not telling, *telling, interface=made.name)
