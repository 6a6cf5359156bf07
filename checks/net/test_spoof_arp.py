"""A box cannot tell its neighbour that an address is somewhere else."""

import os
import secrets
import socket
import struct

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.agent.shortcuts import read
from pytest_isolation.errors import NOT_ROOT, unless_root
from pytest_isolation.outside.links import SIOCGIFINDEX, process_in_network_of, request
from pytest_isolation.outside.netlink import NO_SOCKET

promise = guarantee(
    "net.arp-spoof-denied",
    claim="no ARP packet that a process inside has made, for an address that is not the box's, arrives at a neighbour",
    sources=("RFC 826", "man:packet(7)", "man:capabilities(7) CAP_NET_RAW"),
    severity=severity.neighbour("draws a neighbour's traffic to itself"),
    falsified_by=(weaken.grant("NET_RAW"), weaken.join_sibling("net")),
    kind="per-window",
)
ETH_P_ARP = 0x0806


def _interfaces(box: Box) -> list[tuple[str, int]]:
    """The box's own, loopback among them; of the host's network loopback alone: others listen to the rest."""
    pid = box.parts.init_pid
    shared = pid is not None and _network(box, pid) == _network(box, "self")
    table = read(box.proc, "/proc/self/net/dev").data.decode(errors="replace").splitlines()[2:]
    names = ["lo"] if shared else list(dict.fromkeys(["lo", *(line.partition(":")[0].strip() for line in table)]))
    found = [(name, request(box.proc, SIOCGIFINDEX, name)) for name in names]
    return [(name, int(struct.unpack_from("<i", reply.data, 16)[0])) for name, reply in found if reply.ok]


def _network(box: Box, pid: int | str) -> str:
    try:
        return os.fspath(box.outside.path(f"/proc/{pid}/ns/net").readlink())
    except OSError:
        return f"of {pid}"


@promise
def test_neighbour_is_not_told(box: Box) -> None:
    """The address is one that nobody has (RFC 2544), the hardware address a random one of the locally administered."""
    mark = b"\x02" + secrets.token_bytes(5)
    address = socket.inet_aton(f"198.18.{secrets.randbelow(256)}.1")
    frames = [
        b"\xff" * 6
        + mark
        + struct.pack(">HHHBBH", ETH_P_ARP, 1, 0x0800, 6, 4, operation)
        + mark
        + address
        + bytes(6)
        + address
        for operation in (1, 2)  # a question and an answer: either is believed
    ]
    with process_in_network_of(box.sibling) as ear, box.spawn() as proc:
        heard = ear.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.htons(ETH_P_ARP))
        if not heard.ok:
            raise Unsupported(f"no packet socket to hear it with: {heard}", cause=unless_root(NOT_ROOT))
        opened = proc.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        promise.tried(opened, vain=NO_SOCKET)
        sent = [opened]
        for _, index in _interfaces(box) if opened.ok else ():
            there = struct.pack("<HHiHBB8s", socket.AF_PACKET, socket.htons(ETH_P_ARP), index, 1, 0, 6, b"\xff" * 6)
            sent += [proc.sendto(opened.value, frame, address=there) for frame in frames]
        if opened.ok and not any(reply.ok for reply in sent[1:]):
            promise.undecided("no interface of the box takes a packet: its network is down")
        came = [ear.recvfrom(heard.value, 100).data for _ in range(8)]
        promise.held("isolated" if opened.ok else "refused")
        promise.require(not any(mark in one for one in came), *sent, heard=f"{socket.inet_ntoa(address)} is at us")
