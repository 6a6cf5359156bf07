"""What rtnetlink(7) is asked for: bodies of its messages, and numbers by the names of the kernel's headers.

Source: include/uapi/linux: rtnetlink.h, if_link.h, if_addr.h, neighbour.h, veth.h.  RTM.NEWLINK is RTM_NEWLINK.
"""

from __future__ import annotations

import struct
from enum import IntEnum

from pytest_isolation.outside.network.netlink import attribute


class RTM(IntEnum):
    """Kinds of a message."""

    NEWLINK = 16
    DELLINK = 17
    NEWADDR = 20
    NEWROUTE = 24
    NEWNEIGH = 28


class IFLA(IntEnum):
    """Attributes of a link, and IFLA_INFO_* of its kind."""

    IFNAME = 3
    LINKINFO = 18
    IFALIAS = 20
    NET_NS_FD = 28


IFLA_INFO_KIND, IFLA_INFO_DATA = 1, 2
VETH_INFO_PEER = 1


class IFA(IntEnum):
    """Attributes of an address."""

    ADDRESS = 1
    LOCAL = 2


IFA_F_NODAD = 2
"""It is used at once: nobody is asked whether it is taken."""


class RTA(IntEnum):
    """Attributes of a route."""

    DST = 1
    OIF = 4
    GATEWAY = 5


RT_TABLE_MAIN, RTPROT_STATIC, RTN_UNICAST = 254, 4, 1
RT_SCOPE_UNIVERSE, RT_SCOPE_LINK = 0, 253


class NDA(IntEnum):
    """Attributes of a neighbour."""

    DST = 1
    LLADDR = 2


NUD_PERMANENT = 0x80


def listing(kind: RTM) -> int:
    """The kind that lists what `kind` makes: RTM_GET*."""
    return kind + 2


def link(index: int = 0, flags: int = 0) -> bytes:
    """struct ifinfomsg: `flags` are set, no other is changed."""
    return struct.pack("<BxHiII", 0, 0, index, flags, flags)


def named(name: str) -> bytes:
    """The attribute that names a link."""
    return attribute(IFLA.IFNAME, name.encode() + b"\0")


def veth(name: str, other: str, *, namespace: int | None = None) -> bytes:
    """A new pair of links, veth(4).  `namespace`: a descriptor of the network namespace that `other` is made in."""
    peer = link() + named(other)
    if namespace is not None:
        peer += attribute(IFLA.NET_NS_FD, struct.pack("<i", namespace))
    kind = attribute(IFLA_INFO_KIND, b"veth\0") + attribute(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, peer))
    return link() + named(name) + attribute(IFLA.LINKINFO, kind)


def address(family: int, prefix: int, index: int, flags: int = 0) -> bytes:
    """struct ifaddrmsg."""
    return struct.pack("<BBBBI", family, prefix, flags, 0, index)


def route(family: int, prefix: int, *, scope: int = RT_SCOPE_LINK) -> bytes:
    """struct rtmsg, of a route of the main table."""
    return struct.pack("<BBBBBBBBI", family, prefix, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, scope, RTN_UNICAST, 0)


def neighbour(family: int, index: int) -> bytes:
    """struct ndmsg, of one that stays."""
    return struct.pack("<BxxxiHBB", family, index, NUD_PERMANENT, 0, 0)
