"""Networks of boxes, made in a scratch network namespace."""

from __future__ import annotations

import errno
import struct
from typing import Any

from pytest_isolation.agent.constants import CLONE
from pytest_isolation.agent.memory import In, OutBuffer
from pytest_isolation.support import netlink
from pytest_isolation.support.feature import feature, parameter
from pytest_isolation.support.features.namespaces import FOR_USERS
from pytest_isolation.support.trial import Absent, Refused, Trial, check, need


def _link(
    id: str,
    kind: str,
    what: str,
    config: str,
    modules: str = "",
    data: dict[str, Any] | None = None,
    since: str = "",
    below: bool = False,
) -> None:
    @feature(
        f"net.{id}",
        what,
        config=config,
        modules=modules or kind,
        since=since,
        switches=FOR_USERS,
        remedy=f"modprobe {modules or kind}",
    )
    def link(t: Trial) -> None:
        """make such a link in a scratch network namespace"""
        t.own(CLONE.NEWNET)
        more = {}
        if below:
            _below(t)
            more["IFLA_LINK"] = _index(t, "below0")
        netlink.ask(t.proc, netlink.ROUTE, netlink.new_link(kind, "made0", data, **more))
        check(_index(t, "made0") > 0, "no such link is there")


def _below(t: Trial) -> None:
    """A link to stand on: a dummy, or what else the kernel has."""
    for kind in ("dummy", "veth", "bridge", "ifb"):
        try:
            netlink.ask(t.proc, netlink.ROUTE, netlink.new_link(kind, "below0"))
            return
        except Refused as error:
            last = error
    raise last


def _index(t: Trial, name: str) -> int:
    fd = need(t.proc.socket(2, 2, 0)).value
    answer = need(t.proc.ioctl(fd, 0x8933, OutBuffer(40, data=name.encode().ljust(40, b"\0"))))
    return int(struct.unpack_from("<i", answer.data, 16)[0])


_link("veth", "veth", "a cable between a box and its host", "VETH")
_link("bridge", "bridge", "a switch for boxes", "BRIDGE")
_link("macvlan", "macvlan", "boxes with addresses of the host's network", "MACVLAN", below=True)
_link(
    "ipvlan",
    "ipvlan",
    "boxes that share the host's hardware address",
    "IPVLAN",
    data={"IFLA_IPVLAN_MODE": 0},
    since="3.19",
    below=True,
)
_link("vlan", "vlan", "tagged networks", "VLAN_8021Q", "8021q", data={"IFLA_VLAN_ID": 7}, below=True)
_link("vxlan", "vxlan", "networks over several hosts", "VXLAN", data={"IFLA_VXLAN_ID": 7, "IFLA_VXLAN_PORT": 4789})
_link("dummy", "dummy", "a link that leads nowhere", "DUMMY")
_link("wireguard", "wireguard", "encrypted networks", "WIREGUARD", since="5.6")
_link("ifb", "ifb", "shaping of what arrives", "IFB")
# No vrf: its module can never be unloaded again, and no technology here asks for it.


@feature(
    "net.tun",
    "networks in user space: slirp4netns, pasta, QEMU's tap",
    config="TUN",
    modules="tun",
    switches=FOR_USERS,
    remedy="modprobe tun; mknod /dev/net/tun c 10 200",
)
def tun(t: Trial) -> None:
    """open /dev/net/tun and make a tap in a scratch network namespace"""
    t.own(CLONE.NEWNET)
    if not t.exists("/dev/net/tun"):
        raise Absent("there is no /dev/net/tun")
    fd = t.open("/dev/net/tun")
    need(t.proc.ioctl(fd, 0x400454CA, In(b"tap0".ljust(16, b"\0") + struct.pack("<H22x", 0x1002))))


@feature(
    "net.bridge-port",
    "a box's cable plugged into the switch",
    config="VETH BRIDGE",
    modules="veth bridge",
    switches=FOR_USERS,
)
def bridge_port(t: Trial) -> None:
    """a bridge, a veth, and the one made a port of the other"""
    t.own(CLONE.NEWNET)
    netlink.ask(t.proc, netlink.ROUTE, netlink.new_link("bridge", "made0"))
    netlink.ask(t.proc, netlink.ROUTE, netlink.new_link("veth", "cable0", IFLA_MASTER=_index(t, "made0")))
    check(t.exists("/sys/class/net/cable0/brport") or _index(t, "cable0"), "the cable is not a port")


@feature(
    "net.forward",
    "packets passed between boxes and the world",
    remedy="sysctl -w net.ipv4.ip_forward=1",
    config="INET",
    switches=FOR_USERS,
)
def forward(t: Trial) -> str:
    """ip_forward set to 1 in a scratch network namespace, and read on the host"""
    t.own(CLONE.NEWNET)
    t.write("/proc/sys/net/ipv4/ip_forward", "1")
    check(t.read("/proc/sys/net/ipv4/ip_forward") == "1", "it did not stay")
    return f"the host's own is {t.kernel.sysctl('net/ipv4/ip_forward')}"


@feature("net.ipv6", "IPv6", config="IPV6", switches=(parameter("ipv6.disable=1"),), modules="ipv6")
def ipv6(t: Trial) -> None:
    """a socket bound to ::1 in a scratch network namespace"""
    t.own(CLONE.NEWNET)
    fd = need(t.proc.socket(2, 2, 0)).value
    need(t.proc.ioctl(fd, 0x8914, In(b"lo".ljust(16, b"\0") + struct.pack("<H22x", 0x41))))
    six = need(t.proc.socket(10, 2, 0)).value
    need(t.proc.bind(six, struct.pack("<HHI", 10, 0, 0) + bytes(15) + b"\1" + bytes(4)))


@feature(
    "net.low-ports",
    "ports below 1024 for a user's box",
    since="4.11",
    remedy="sysctl -w net.ipv4.ip_unprivileged_port_start=0",
)
def low_ports(t: Trial) -> str:
    """bind port 80 in a scratch network namespace whose first unprivileged port is 0"""
    t.own(CLONE.NEWNET)
    t.write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0")
    return f"on the host from {t.kernel.sysctl('net/ipv4/ip_unprivileged_port_start')}"


@feature("net.ping-groups", "ping without privileges", since="3.0")
def ping_groups(t: Trial) -> None:
    """net.ipv4.ping_group_range opened in a scratch network namespace, and an ICMP socket"""
    t.own(CLONE.NEWNET)
    t.write("/proc/sys/net/ipv4/ping_group_range", "0 0")
    need(t.proc.socket(2, 2, 1))


@feature(
    "net.packet",
    "raw frames: dhcp clients, ping of old images",
    config="PACKET",
    modules="af_packet",
    switches=FOR_USERS,
)
def packet(t: Trial) -> None:
    """a packet socket in a scratch network namespace"""
    t.own(CLONE.NEWNET)
    need(t.proc.socket(17, 3, 0x0300))


@feature(
    "net.shaping",
    "a limit on a box's traffic",
    config="NET_SCHED NET_SCH_TBF",
    modules="sch_tbf",
    switches=FOR_USERS,
    remedy="modprobe sch_tbf",
)
def shaping(t: Trial) -> None:
    """ask for a token bucket without its numbers on lo: refused for want of those, not as unknown"""
    t.own(CLONE.NEWNET)
    body = struct.pack("<BBHiIII", 0, 0, 0, 1, 0x10000, 0xFFFFFFFF, 0) + netlink.attribute(1, b"tbf\0")
    try:
        netlink.ask(t.proc, netlink.ROUTE, struct.pack("<IHHII", 16 + len(body), 36, netlink.ASK, 1, 0) + body)
    except Refused as error:
        if error.reply.errno == errno.ENOENT:
            raise Absent("the kernel knows no token bucket") from None
        if error.reply.errno != errno.EINVAL:
            raise


@feature("net.abstract-unix", "sockets between processes", config="UNIX")
def unix(t: Trial) -> None:
    """an abstract socket bound in a scratch network namespace"""
    t.own(CLONE.NEWNET)
    fd = need(t.proc.socket(1, 1, 0)).value
    need(t.proc.bind(fd, struct.pack("<H", 1) + b"\0support"))


@feature(
    "net.xfrm", "keys and rules of encrypted networks", config="XFRM_USER", modules="xfrm_user", switches=FOR_USERS
)
def xfrm(t: Trial) -> None:
    """a netlink socket of the kind xfrm in a scratch network namespace"""
    t.own(CLONE.NEWNET)
    answer = t.proc.socket(16, 3, 6)
    if answer.errno == errno.EPROTONOSUPPORT:
        raise Absent("the kernel speaks no xfrm")
    need(answer)
