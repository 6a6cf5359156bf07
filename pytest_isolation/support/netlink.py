"""Netlink messages, encoded by pyroute2 here and sent by the agent there."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Any

from pytest_isolation.support.trial import Refused, need

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc, Reply

ROUTE, NETFILTER = 0, 12
NEWLINK = 16
ASK = 0x5 | 0x600
"""NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL"""


def new_link(kind: str, name: str, data: dict[str, Any] | None = None, **attributes: Any) -> bytes:
    """RTM_NEWLINK: a link of `kind` called `name`; `data` are the kind's own attributes (IFLA_...)."""
    from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

    info: dict[str, Any] = {"attrs": [("IFLA_INFO_KIND", kind)]}
    if data:
        info["attrs"].append(("IFLA_INFO_DATA", {"attrs": list(data.items())}))
    message = ifinfmsg()
    message["attrs"] = [("IFLA_IFNAME", name), *attributes.items(), ("IFLA_LINKINFO", info)]
    return encoded(message, NEWLINK, ASK)


def encoded(message: Any, kind: int, flags: int) -> bytes:
    """A message of pyroute2 as bytes."""
    message["header"] = {"type": kind, "flags": flags, "sequence_number": 1, "pid": 0}
    message.reset()
    message.encode()
    return bytes(message.data)


def ask(proc: Proc, family: int, request: bytes) -> None:
    """Send `request` and read the kernel's acknowledgements.  Raises Refused with the first errno they hold."""
    socket = need(proc.socket(16, 3 | os.O_CLOEXEC, family))
    try:
        need(proc.sendto(socket.value, request, 0, struct.pack("<HHII", 16, 0, 0, 0)))
        answer = need(proc.recvfrom(socket.value, 16384, 0x40))
        while answer.ok:  # each message of a batch has one of its own
            _check(answer)
            answer = proc.recvfrom(socket.value, 16384, 0x40)
    finally:
        proc.close(socket.value)


def _check(answer: Reply) -> None:
    at = 0
    while at + 20 <= len(answer.data):
        length, kind = struct.unpack_from("<IH", answer.data, at)
        code = struct.unpack_from("<i", answer.data, at + 16)[0] if kind == 2 else 0
        if code:
            raise Refused(_as_reply(answer, code))
        at += max(16, -(-length // 4) * 4)


def _as_reply(answer: Reply, code: int) -> Reply:
    from dataclasses import replace

    return replace(answer, name="netlink", arguments=(), value=code, outs=())


def attribute(kind: int, data: bytes) -> bytes:
    """struct nlattr with its data, padded."""
    return struct.pack("<HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def nftables(*messages: tuple[int, int, bytes]) -> bytes:
    """A batch of nf_tables messages: (kind, family, attributes)."""

    def one(kind: int, flags: int, family: int, body: bytes, number: int = 0) -> bytes:
        payload = struct.pack(">BBH", family, 0, number) + body
        return struct.pack("<IHHII", 16 + len(payload), kind, flags, 1, 0) + payload

    inner = [one(10 << 8 | kind, ASK, family, body) for kind, family, body in messages]
    return one(16, 1, 0, b"", 10) + b"".join(inner) + one(17, 1, 0, b"", 10)
