"""QEMU's user mode network: a router inside the QEMU process, which itself opens what the guest asks for.

Source: QEMU docs, system/devices/net, "Using the user mode network stack": the guest is 10.0.2.15, the router, and
through it the host, is 10.0.2.2.
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.memory import In
from pytest_isolation.agent.shortcuts import must

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc

DEVICES = ("-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile=")
MODULES = ("virtio_net",)
NAME, OWN, MASK, ROUTER = b"eth0", "10.0.2.15", "255.255.255.0", "10.0.2.2"
SIOCADDRT, SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK = 0x890B, 0x8914, 0x8916, 0x891C  # netdevice(7), rtnetlink(7)
IFF_UP, RTF_UP, RTF_GATEWAY = 1, 1, 2


def configure(proc: Proc) -> None:
    """Give the guest's interface its address and its route, as DHCP would.  Raises BoxError with the call refused."""
    program = Program(stop_on_error=True)
    fd = program.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    for request, address in ((SIOCSIFADDR, OWN), (SIOCSIFNETMASK, MASK)):
        program.ioctl(fd, request, In(struct.pack("16s16s8x", NAME, _address(address))))
    program.ioctl(fd, SIOCSIFFLAGS, In(struct.pack("16sH22x", NAME, IFF_UP)))
    addresses = _address("0.0.0.0"), _address(ROUTER), _address("0.0.0.0")
    # struct rtentry: the destination, the gateway, the mask, the flags; the rest is for other families.
    program.ioctl(fd, SIOCADDRT, In(struct.pack("8x16s16s16sH62x", *addresses, RTF_UP | RTF_GATEWAY)))
    program.close(fd)
    replies = proc.run(program)
    must(replies[len(replies) - 1], "the guest's network")


def _address(text: str) -> bytes:
    return struct.pack("H2x4s8x", socket.AF_INET, socket.inet_aton(text))
