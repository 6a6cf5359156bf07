"""What any process may send without a right of its own: the first packet of each protocol, to one place."""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.shortcuts import read
from pytest_isolation.outside.network.links import SIOCGIFINDEX, request
from pytest_isolation.outside.network.listeners import sockaddr

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc, Reply
    from pytest_isolation.agent.memory import Step
    from pytest_isolation.outside.box import Box

ECHO, ECHO_V6 = 8, 128
"""ICMP_ECHO (RFC 792), ICMPV6_ECHO_REQUEST (RFC 4443)."""
ICMP, ICMP_V6 = 1, 58


def to(proc: Proc, address: str, port: int, token: bytes) -> list[Reply]:
    """One TCP segment, one UDP datagram and one ICMP echo request, the last two with `token`: what they answered.

    The sockets stay open: they end with `proc`.  None of them waits.
    """
    six = ":" in address
    family, there = socket.AF_INET6 if six else socket.AF_INET, sockaddr(address, port)
    how = socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    program = Program()
    opened = [
        program.socket(family, socket.SOCK_STREAM | how),
        program.socket(family, socket.SOCK_DGRAM | how),
        program.socket(family, socket.SOCK_DGRAM | how, ICMP_V6 if six else ICMP),
    ]
    echo = struct.pack(">BBHHH", ECHO_V6 if six else ECHO, 0, 0, 0, 1) + token
    told: list[tuple[Step, Step]] = [
        (opened[0], program.connect(opened[0], there)),
        (opened[1], program.sendto(opened[1], token, address=there)),
        (opened[2], program.sendto(opened[2], echo, address=there)),
    ]
    replies = proc.run(program)
    return [replies[step] if replies[fd].ok else replies[fd] for fd, step in told]


def shares_network(box: Box) -> bool:
    """Whether the box lives in the network of the machine it stands on, as far as that machine can tell."""
    pid = box.parts.init_pid
    if pid is None or not box.parts.shares_kernel:
        return False
    try:
        found = [os.fspath(box.outside.path(f"/proc/{one}/ns/net").readlink()) for one in (pid, "self")]
    except OSError:
        return False
    return found[0] == found[1]


def interfaces(box: Box, *ours: str) -> dict[str, int]:
    """The interfaces to send by, with their numbers: all that the box has, loopback among them.

    In the host's network those of `ours` that are there: others listen to the rest.
    """
    if shares_network(box):
        names = list(ours)
    else:
        table = read(box.proc, "/proc/self/net/dev").data.decode(errors="replace").splitlines()[2:]
        names = list(dict.fromkeys(["lo", *(line.partition(":")[0].strip() for line in table)]))
    found = [(name, request(box.proc, SIOCGIFINDEX, name)) for name in names]
    return {name: int(struct.unpack_from("<i", reply.data, 16)[0]) for name, reply in found if reply.ok}
