"""Firewall rules an engine writes, tried in a scratch network namespace."""

from __future__ import annotations

import errno
import struct

from pytest_isolation.agent import shortcuts
from pytest_isolation.agent.constants import CLONE
from pytest_isolation.agent.memory import OutBuffer
from pytest_isolation.support import netlink
from pytest_isolation.support.feature import feature, sysctl
from pytest_isolation.support.features.namespaces import FOR_USERS
from pytest_isolation.support.netlink import attribute
from pytest_isolation.support.trial import Absent, Refused, Trial, check, need

NOT_THERE = (errno.ENOENT, errno.ENOPROTOOPT, errno.EPROTONOSUPPORT, errno.EPFNOSUPPORT, errno.EAFNOSUPPORT)


def _socket_option(t: Trial, six: bool, option: int, value: bytes, what: str) -> None:
    t.own(CLONE.NEWNET)
    fd = need(t.proc.socket(10 if six else 2, 3, 255)).value
    room = OutBuffer(len(value), data=value)
    answer = t.proc.call(
        "getsockopt", fd, 41 if six else 0, option, room, OutBuffer(4, data=struct.pack("<I", len(value)))
    )
    if answer.errno in NOT_THERE:
        raise Absent(f"iptables (legacy) knows no {what}")
    need(answer)


def _table(name: str, six: bool, what: str) -> None:
    family, version = ("ip6t", "6") if six else ("ipt", "")

    @feature(
        f"{family}.{name}",
        what,
        config=f"IP{version}_NF_{name.upper()}",
        modules=f"ip{version}_tables ip{version}table_{name}",
        switches=FOR_USERS,
        remedy=f"modprobe ip{version}table_{name}; or the nftables backend of iptables",
    )
    def table(t: Trial) -> None:
        """ask the kernel's iptables for the table in a scratch network namespace"""
        _socket_option(t, six, 64, name.encode().ljust(84, b"\0"), f"table {name}")


for _name, _what in (
    ("filter", "packets refused"),
    ("nat", "addresses and ports translated"),
    ("mangle", "packets changed"),
    ("raw", "packets before they are tracked"),
):
    _table(_name, False, f"iptables: {_what}")
    _table(_name, True, f"ip6tables: {_what}")


def _extension(
    id: str, name: str, what: str, config: str, module: str, target: bool = False, revision: int = 0
) -> None:
    @feature(
        f"xt.{id}", f"iptables: {what}", config=config, modules=module, switches=FOR_USERS, remedy=f"modprobe {module}"
    )
    def extension(t: Trial) -> None:
        """ask the kernel's iptables for the extension in a scratch network namespace"""
        value = name.encode().ljust(29, b"\0") + bytes([revision])
        _socket_option(t, False, 67 if target else 66, value, f"extension {name}")


_extension(
    "addrtype", "addrtype", "rules for addresses of the host", "NETFILTER_XT_MATCH_ADDRTYPE", "xt_addrtype", revision=1
)
_extension("conntrack", "conntrack", "rules for answers", "NETFILTER_XT_MATCH_CONNTRACK", "xt_conntrack", revision=3)
_extension("comment", "comment", "comments", "NETFILTER_XT_MATCH_COMMENT", "xt_comment")
_extension("mark", "mark", "rules by mark", "NETFILTER_XT_MARK", "xt_mark", revision=1)
_extension(
    "multiport", "multiport", "rules for several ports", "NETFILTER_XT_MATCH_MULTIPORT", "xt_multiport", revision=1
)
_extension("bpf", "bpf", "rules as programs: encrypted overlays", "NETFILTER_XT_MATCH_BPF", "xt_bpf", revision=1)
_extension("ipvs", "ipvs", "rules for balanced services: Swarm alone", "NETFILTER_XT_MATCH_IPVS", "xt_ipvs")
_extension(
    "masquerade",
    "MASQUERADE",
    "boxes behind the host's address",
    "IP_NF_TARGET_MASQUERADE",
    "xt_MASQUERADE",
    target=True,
)
_extension("redirect", "REDIRECT", "ports redirected", "NETFILTER_XT_TARGET_REDIRECT", "xt_REDIRECT", target=True)
_extension("dnat", "DNAT", "published ports", "NF_NAT", "xt_nat", target=True, revision=2)
_extension("checksum", "CHECKSUM", "checksums for DHCP", "NETFILTER_XT_TARGET_CHECKSUM", "xt_CHECKSUM", target=True)
_extension("reject", "REJECT", "packets refused with an answer", "IP_NF_TARGET_REJECT", "ipt_REJECT", target=True)

TABLE = attribute(1, b"support\0")


def _chain(kind: bytes, hook: int) -> bytes:
    hooks = attribute(1, struct.pack(">I", hook)) + attribute(2, struct.pack(">i", 100))
    return (
        attribute(1, b"support\0")
        + attribute(3, b"chain\0")
        + attribute(4 | 0x8000, hooks)
        + attribute(7, kind + b"\0")
    )


def _rule(*expressions: tuple[bytes, bytes]) -> bytes:
    inner = b"".join(
        attribute(1 | 0x8000, attribute(1, name + b"\0") + (attribute(2 | 0x8000, data) if data else b""))
        for name, data in expressions
    )
    return attribute(1, b"support\0") + attribute(2, b"chain\0") + attribute(4 | 0x8000, inner)


def _nft(t: Trial, *messages: tuple[int, int, bytes]) -> None:
    t.own(CLONE.NEWNET)
    try:
        netlink.ask(t.proc, netlink.NETFILTER, netlink.nftables((0, 2, TABLE), *messages))
    except Refused as error:
        if error.reply.errno in (*NOT_THERE, errno.EOPNOTSUPP, errno.EINVAL):
            raise Absent(f"nf_tables refuses it: {errno.errorcode[error.reply.errno]}") from None
        raise


@feature(
    "nft.tables",
    "nftables: rules of today's engines",
    config="NF_TABLES",
    modules="nf_tables",
    since="3.13",
    switches=FOR_USERS,
    remedy="modprobe nf_tables",
)
def tables(t: Trial) -> None:
    """a table and a filter chain in a scratch network namespace"""
    _nft(t, (3, 2, _chain(b"filter", 2)))


@feature(
    "nft.nat",
    "nftables: addresses and ports translated",
    config="NF_TABLES NFT_NAT",
    modules="nft_chain_nat nft_nat",
    switches=FOR_USERS,
    remedy="modprobe nft_chain_nat nft_nat",
)
def nat(t: Trial) -> None:
    """a rule that writes another source address, in a nat chain"""
    address = attribute(1, struct.pack(">I", 1)) + attribute(2 | 0x8000, attribute(1, bytes((10, 0, 0, 1))))
    source = b"".join(attribute(kind, struct.pack(">I", value)) for kind, value in ((1, 0), (2, 2), (3, 1)))
    _nft(t, (3, 2, _chain(b"nat", 4)), (6, 2, _rule((b"immediate", address), (b"nat", source))))


@feature(
    "nft.masquerade",
    "nftables: boxes behind the host's address",
    config="NF_TABLES NFT_MASQ",
    modules="nft_masq",
    switches=FOR_USERS,
    remedy="modprobe nft_masq",
)
def masquerade(t: Trial) -> None:
    """a rule that masquerades, in a nat chain"""
    _nft(t, (3, 2, _chain(b"nat", 4)), (6, 2, _rule((b"masq", b""))))


@feature(
    "nft.conntrack",
    "nftables: rules for answers",
    config="NF_TABLES NFT_CT",
    modules="nft_ct",
    switches=FOR_USERS,
    remedy="modprobe nft_ct",
)
def conntrack_expression(t: Trial) -> None:
    """a rule that loads the state of a connection"""
    load = attribute(1, struct.pack(">I", 1)) + attribute(2, struct.pack(">I", 0))
    _nft(t, (3, 2, _chain(b"filter", 2)), (6, 2, _rule((b"ct", load))))


@feature(
    "nft.fib",
    "nftables: rules for addresses of the host",
    config="NF_TABLES NFT_FIB_IPV4",
    modules="nft_fib_ipv4",
    switches=FOR_USERS,
    remedy="modprobe nft_fib_ipv4",
)
def fib(t: Trial) -> None:
    """a rule that looks up the type of the destination"""
    load = attribute(1, struct.pack(">I", 1)) + attribute(2, struct.pack(">I", 3)) + attribute(3, struct.pack(">I", 2))
    _nft(t, (3, 2, _chain(b"filter", 1)), (6, 2, _rule((b"fib", load))))


@feature(
    "nft.compat",
    "iptables commands on top of nftables",
    config="NF_TABLES NFT_COMPAT",
    modules="nft_compat",
    switches=FOR_USERS,
    remedy="modprobe nft_compat; or update-alternatives --set iptables /usr/sbin/iptables-legacy",
)
def compat(t: Trial) -> None:
    """ask nf_tables for the iptables target MARK"""
    t.own(CLONE.NEWNET)
    body = (
        struct.pack(">BBH", 2, 0, 0)
        + attribute(1, b"MARK\0")
        + attribute(2, struct.pack(">I", 2))
        + attribute(3, struct.pack(">I", 1))
    )
    request = struct.pack("<IHHII", 16 + len(body), 11 << 8, 5, 1, 0) + body
    try:
        netlink.ask(t.proc, netlink.NETFILTER, request)
    except Refused as error:
        if error.reply.errno in (*NOT_THERE, errno.EINVAL):
            raise Absent(f"nf_tables refuses it: {error}") from None
        raise


@feature(
    "nf.conntrack",
    "connections tracked",
    config="NF_CONNTRACK",
    modules="nf_conntrack",
    switches=FOR_USERS,
    remedy="modprobe nf_conntrack nf_conntrack_netlink",
)
def conntrack(t: Trial) -> None:
    """the sysctl nf_conntrack_max of a scratch network namespace"""
    t.own(CLONE.NEWNET)
    if not t.exists("/proc/sys/net/netfilter/nf_conntrack_max"):
        raise Absent("there is no sysctl net.netfilter.nf_conntrack_max")


@feature(
    "nf.bridge",
    "the host's rules applied between boxes on one switch",
    config="BRIDGE_NETFILTER",
    modules="br_netfilter",
    switches=(*FOR_USERS, sysctl("net.bridge.bridge-nf-call-iptables", "0", to="1")),
    remedy="modprobe br_netfilter",
)
def bridge_netfilter(t: Trial) -> None:
    """the sysctl bridge-nf-call-iptables: there in a scratch network namespace, and not 0 in the host's"""
    name = "/proc/sys/net/bridge/bridge-nf-call-iptables"
    in_force = shortcuts.read(t.kernel.root, name)
    t.own(CLONE.NEWNET)
    if not t.exists(name):
        raise Absent("there is no sysctl net.bridge.bridge-nf-call-iptables")
    check(in_force.data.strip() != b"0", "net.bridge.bridge-nf-call-iptables is 0: no rule sees what crosses a bridge")


@feature(
    "nf.ipvs",
    "services balanced over boxes: Swarm alone",
    config="IP_VS",
    modules="ip_vs",
    switches=FOR_USERS,
    remedy="modprobe ip_vs",
)
def ipvs(t: Trial) -> None:
    """ask IPVS for its version in a scratch network namespace"""
    t.own(CLONE.NEWNET)
    fd = need(t.proc.socket(2, 3, 255)).value
    answer = t.proc.getsockopt(fd, 0, 1152, 64)
    if answer.errno in NOT_THERE:
        raise Absent("the kernel has no IPVS")
    need(answer)
