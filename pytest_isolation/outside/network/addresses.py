"""The addresses that a box has on its links, and those that its machine has there.

An engine's record has one, of the first of a box's networks, or none.  So the machine's kernel is asked, which has all
of them.  Sources: proc_pid_net(5): route, fib_trie and if_inet6, of the box's first process.
"""

from __future__ import annotations

import socket
import struct
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.outside.network.sending import shares_network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_isolation.outside.box import Box

Network = IPv4Network | IPv6Network


def of_box(box: Box) -> list[str]:
    """The box's IPv4 addresses, but those of its loopback: its engine's first.  None in the network of its machine."""
    own = [box.parts.address] if box.parts.address else []
    if not shares_network(box):
        own += [one for one in local(_told(box, "fib_trie")) if not one.startswith("127.")]
    return list(dict.fromkeys(own))


def near(box: Box) -> list[str]:
    """Of of_box(), the engine's, and those to which the box's machine has a link.

    A packet for another one would go to a gateway of the machine's, which is nobody's to be asked.
    """
    links = list(_networks(_of_machine(box, "route")))
    return [one for one in of_box(box) if one == box.parts.address or any(ip_address(one) in net for net in links)]


def of_machine_beside(box: Box) -> list[str]:
    """The addresses of the box's machine, IPv4 and IPv6, that are in a network on a link of the box's: bridges' own.

    The box needs no gateway for them.  None in the network of the machine, whose addresses are the box's.
    """
    if shares_network(box):
        return []
    links = [*_networks(_told(box, "route")), *_networks_v6(_told(box, "if_inet6"))]
    own = {*of_box(box), *(address for address, _ in _lines_v6(_told(box, "if_inet6")))}
    found = [one for one in of_machine(box) if one not in own]
    return [one for one in found if any(ip_address(one) in net for net in links)]


def others_beside(box: Box) -> list[tuple[str, str]]:
    """For each IPv4 network on a link of the box's: an address in it that is not the box's, whether anybody has it, and
    the one for everybody there.  None in the network of its machine.
    """
    if shares_network(box):
        return []
    own = set(of_box(box))
    nets = list(_networks(_told(box, "route")))
    found = [(next((str(one) for one in net.hosts() if str(one) not in own), None), net) for net in nets]
    return [(address, str(net.broadcast_address)) for address, net in found if address is not None]


def of_machine(box: Box) -> list[str]:
    """Every address of the machine `box` stands on, but link-local ones; its loopback's two are among them."""
    found = {"127.0.0.1", *local(_of_machine(box, "fib_trie"))}
    found |= {address for address, _ in _lines_v6(_of_machine(box, "if_inet6"))}
    return sorted(one for one in found if ":" not in one or not ip_address(one).is_link_local)


def local(fib_trie: str) -> Iterator[str]:
    """The addresses in such a table that are its owner's: each follows the line that has it."""
    last = ""
    for line in fib_trie.splitlines():
        kind, _, rest = line.strip().partition(" ")
        if kind == "|--":
            last = rest.strip()
        elif kind == "/32" and "host LOCAL" in rest:
            yield last


def _networks(route: str) -> Iterator[Network]:
    """Those on a link, that is without a gateway: addresses are of the machine's byte order there."""
    for line in route.splitlines()[1:]:
        fields = line.split()
        target, gateway, mask = (struct.pack("<I", int(fields[at], 16)) for at in (1, 2, 7))
        if not any(gateway) and any(mask):
            yield ip_network(f"{socket.inet_ntoa(target)}/{socket.inet_ntoa(mask)}", strict=False)


def _networks_v6(if_inet6: str) -> Iterator[Network]:
    for address, prefix in _lines_v6(if_inet6):
        if not (ip_address(address).is_link_local or ip_address(address).is_loopback):
            yield ip_network(f"{address}/{prefix}", strict=False)


def _lines_v6(if_inet6: str) -> Iterator[tuple[str, int]]:
    """Address and length of the prefix."""
    for line in if_inet6.splitlines():
        fields = line.split()
        yield str(ip_address(bytes.fromhex(fields[0]))), int(fields[2], 16)


def _told(box: Box, table: str) -> str:
    """The box's table, as its machine has it; "" where that has no process of the box."""
    pid = box.parts.init_pid
    return _of_machine(box, table, f"/proc/{pid}") if pid is not None and box.parts.shares_kernel else ""


def _of_machine(box: Box, table: str, process: str = "/proc/self") -> str:
    try:
        return text_of(box.outside.path(f"{process}/net/{table}"))
    except OSError:
        return ""
