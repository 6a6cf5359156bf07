"""Network links of one example, and a process of ours in the network namespace of a box.

A link is a TUN device that is not persistent: it ends with the process that made it, however that
ends, so it can never be left behind.  Source: kernel networking/tuntap.rst, netdevice(7).
"""

from __future__ import annotations

import errno
import os
import secrets
import socket
import struct
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Proc, Program, Reply
from pytest_isolation.agent.constants import AT_FDCWD, CLONE
from pytest_isolation.agent.memory import In, OutBuffer
from pytest_isolation.errors import NOT_ROOT, BoxError, Unsupported, unless_root
from pytest_isolation.outside.keeping import kept
from pytest_isolation.outside.network.listeners import sockaddr_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_isolation.outside.box import Box

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x4004_54CA, 1, 0x1000
SIOCGIFNAME, SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR = 0x8910, 0x8913, 0x8914, 0x8916
SIOCSIFNETMASK, SIOCGIFMTU, SIOCSIFMTU, SIOCGIFTXQLEN, SIOCSIFTXQLEN = 0x891C, 0x8921, 0x8922, 0x8942, 0x8943
SIOCGIFINDEX = 0x8933
IFF_UP = 1


def ifreq(name: str, value: bytes = b"") -> bytes:
    """struct ifreq, netdevice(7)."""
    return struct.pack("16s24s", name.encode(), value)


def request(proc: Proc, number: int, name: str, value: bytes = b"") -> Reply:
    """An ioctl(2) of netdevice(7) by `proc`: what it wrote is in `reply.data`, after 16 bytes of name.

    The refusal of a socket, where it gets none of any family: each of them takes these requests.
    """
    for family in (socket.AF_INET, socket.AF_UNIX, socket.AF_INET6):
        program = Program()
        fd = program.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        asked = program.ioctl(fd, number, OutBuffer(40, data=ifreq(name, value)))
        program.close(fd)
        replies = proc.run(program)
        if replies[fd].ok:
            return replies[asked]
    return replies[fd]


@dataclass(frozen=True, slots=True)
class Link:
    """A network device of ours, in a namespace of the host."""

    name: str
    """Random: nothing else on the machine is called so."""
    proc: Proc
    """A process of the host in the namespace the link is in."""
    address: str | None
    fd: int
    """The device, in `proc`: what is written there the kernel receives by the link."""


@contextmanager
def process_in_network_of(box: Box) -> Iterator[Proc]:
    """A process of the host that has only the network in common with the box.

    Raises Unsupported where the host has no number for the box's first process, or may not join it.
    """
    if box.parts.init_pid is None or not box.parts.shares_kernel:
        raise Unsupported("the box's network is its own kernel's: no process of the host can be in it")
    with box.outside.process() as local:
        fd = local.proc.openat(AT_FDCWD, f"/proc/{box.parts.init_pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        joined = local.proc.setns(fd.value, CLONE.NEWNET)
        if not joined.ok:
            raise Unsupported(f"this user cannot join the box's network namespace ({joined})", cause=NOT_ROOT)
        yield local.proc


@contextmanager
def link_in(box: Box) -> Iterator[Link]:
    """A link in the network namespace of `box`, made from outside; it is down and has no address.

    One serves the examples of a box, since the kernel takes 20 ms to end one.  After an example that
    failed there is another: who changed it may have left it changed.
    """
    try:
        yield kept(box, "link", lambda: _link_in(box)).link
    except BaseException:
        if (changed := box.witnesses.pop("link", None)) is not None:
            changed.close()
        raise


@dataclass(frozen=True, slots=True)
class _LinkInside:
    link: Link
    undo: ExitStack

    def close(self) -> None:
        self.undo.close()


def _link_in(box: Box) -> _LinkInside:
    with ExitStack() as undo:
        proc = undo.enter_context(process_in_network_of(box))
        return _LinkInside(made(proc, None), undo.pop_all())


@contextmanager
def link_of_host(box: Box, *, with_address: bool = False) -> Iterator[Link]:
    """A link of the host's; with an address, it is up and the host answers there.

    The address is of 198.18.0.0/15, which no network routes (RFC 2544), and a /32: nobody's way changes.
    """
    address = f"198.{18 + secrets.randbelow(2)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"
    with box.outside.process() as local:
        yield made(local.proc, address if with_address else None)


def index_of(proc: Proc, name: str) -> int:
    """The number of a link in the network namespace of `proc`; raises BoxError."""
    if not (reply := request(proc, SIOCGIFINDEX, name)).ok:
        raise BoxError(f"the number of {name}: {reply}")
    return int(struct.unpack_from("<i", reply.data, 16)[0])


def made(proc: Proc, address: str | None, netmask: str = "255.255.255.255") -> Link:
    """A link in the network namespace of `proc`, up where it has an address.  Raises Unsupported, BoxError."""
    name = f"pti{secrets.token_hex(5)}"
    fd = proc.openat(AT_FDCWD, "/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    got = proc.ioctl(fd.value, TUNSETIFF, In(ifreq(name, struct.pack("<H", IFF_TUN | IFF_NO_PI)))) if fd.ok else fd
    if not got.ok:
        if got.errno in (errno.EPERM, errno.EACCES, errno.ENOENT, errno.ENODEV, errno.ENXIO):
            raise Unsupported(
                f"a link to witness with cannot be made ({got})", "modprobe tun", cause=unless_root(NOT_ROOT)
            )
        raise BoxError(f"making a link: {got}")
    if address is not None:
        for number, value in (
            (SIOCSIFADDR, sockaddr_in(address, 0)),
            (SIOCSIFNETMASK, sockaddr_in(netmask, 0)),
            (SIOCSIFFLAGS, struct.pack("<H", IFF_UP)),
        ):
            if not (reply := request(proc, number, name, value)).ok:
                raise BoxError(f"giving {name} the address {address}: {reply}")
    return Link(name, proc, address, fd.value)
