"""What machines beside the host send to everybody, or to a group, is not heard in the box."""

import socket
import struct

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.outside.network import sending
from pytest_isolation.outside.network.lan import Lan, lan_of_host
from pytest_isolation.outside.network.listeners import new_token, sockaddr

promise = guarantee(
    "net.lan-broadcasts-unheard",
    claim="no UDP datagram that a machine of the host's LAN sends to everybody there, or to a group that a process "
    "inside has joined on each of its interfaces, is heard inside",
    sources=("man:network_namespaces(7)", "man:ip(7) IP_ADD_MEMBERSHIP", "man:ipv6(7) IPV6_ADD_MEMBERSHIP"),
    severity=severity.learns("hears what machines of the LAN announce to each other"),
    falsified_by=weaken.share("net"),
    kind="per-window",
    oracle="receipt",
    distinct="the way in that needs no address of the box: names, printers and services are announced so",
)
GROUPS = {"everybody": "255.255.255.255", "group": "239.255.77.77", "group of IPv6": "ff02::7777"}
"""The group of an organisation (RFC 2365), and one of the link's own that nobody is given."""
IP_MULTICAST_IF, IP_ADD_MEMBERSHIP, IPV6_MULTICAST_IF, IPV6_ADD_MEMBERSHIP = 32, 35, 17, 20


@promise
@given(to=st.sampled_from(list(GROUPS)))
def test_announcement_is_not_heard(box: Box, to: str) -> None:
    lan, group = lan_of_host(box), GROUPS[to]
    family = socket.AF_INET6 if ":" in group else socket.AF_INET
    if family not in lan.own:
        promise.undecided("the host has no IPv6")
    with box.outside.process() as host, box.spawn() as proc:
        ears = [_ear(one, family) for one in (host.proc, proc)]
        if ears[1] is None:
            promise.undecided(f"the box gives no socket to hear {to} with")
        if ears[0] is None:
            promise.undecided(f"the host gives no socket to hear {to} with")
        # The host's on one number, the box's on another: where they are in one network, both may be had.
        _join(host.proc, ears[0][0], group, lan.index)
        joined = [_join(proc, ears[1][0], group, index) for index in sending.interfaces(box, lan.name).values()]
        if not any(joined):
            promise.undecided(f"the box joins no {to} on any of its interfaces")
        heard = [_hears(lan, one, fd, group, port) for one, (fd, port) in ((host.proc, ears[0]), (proc, ears[1]))]
        promise.receipt(heard[0], f"a socket of the host, by {to}")
        promise.require(not heard[1], by=f"{to} {group}")


def _ear(proc: Proc, family: int) -> tuple[int, int] | None:
    """A datagram socket on all addresses, and its port."""
    opened = proc.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    if not opened.ok or not proc.bind(opened.value, sockaddr("::" if family == socket.AF_INET6 else "0.0.0.0", 0)).ok:
        return None
    return opened.value, int.from_bytes(proc.getsockname(opened.value).data[2:4], "big")


def _join(proc: Proc, fd: int, group: str, index: int) -> bool:
    """struct ip_mreqn, struct ipv6_mreq; everybody is heard without."""
    if ":" in group:
        asked = socket.inet_pton(socket.AF_INET6, group) + struct.pack("<i", index)
        return proc.setsockopt(fd, socket.IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, asked).ok
    if group == GROUPS["everybody"]:
        return True
    asked = socket.inet_aton(group) + struct.pack("<4xi", index)
    return proc.setsockopt(fd, socket.IPPROTO_IP, IP_ADD_MEMBERSHIP, asked).ok


def _hears(lan: Lan, proc: Proc, fd: int, group: str, port: int) -> bool:
    token = new_token()
    program = Program()
    sender = program.socket(
        socket.AF_INET6 if ":" in group else socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
    )
    program.setsockopt(sender, socket.SOL_SOCKET, socket.SO_BROADCAST, struct.pack("<i", 1))
    if ":" in group:
        program.setsockopt(sender, socket.IPPROTO_IPV6, IPV6_MULTICAST_IF, struct.pack("<i", lan.inner))
    else:
        program.setsockopt(sender, socket.IPPROTO_IP, IP_MULTICAST_IF, struct.pack("<8xi", lan.inner))
    program.sendto(sender, token, address=sockaddr(group, port))
    program.close(sender)
    lan.proc.run(program)
    if proc.ppoll([(fd, 1)], 0.05).value <= 0:
        lan.settle(inward=True)
    return token in proc.recvfrom(fd, 200).data
