"""The running services of a stack, and the facts of each that decide what an intruder in it could do.

The kernel is asked on the side of the daemon's machine (/proc of the service's first process, proc(5)); connections
are made from inside the service, closed at once.  `Read` is the bytes of a file of that machine; raises OSError.
"""

from __future__ import annotations

import errno
import select
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_isolation.outside.network.listeners import gateways, sockaddr_in
from pytest_isolation.technologies.capabilities import NAMES

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc
    from pytest_isolation.outside.box import Box

LISTEN = "0A"
"""State of a listening socket in /proc/net/tcp, net/tcp_states.h."""
PORTS_TRIED = 32
"""Of one address: a stack listens on a handful."""
KNOCK_S = 1.0
OUTSIDE = "192.0.2.1"
"""TEST-NET-1, RFC 5737: nobody has it.  A datagram socket is only given a route to it; nothing is sent."""
Read = Callable[[str], bytes]
SOCKETS = ("docker.sock", "containerd.sock", "podman.sock")


@dataclass(frozen=True, slots=True)
class Service:
    """A running container of a stack, as the daemon inspects it."""

    service: str
    name: str
    id: str
    pid: int
    addresses: tuple[str, ...]
    """IPv4, one for each of its networks."""
    ports: tuple[int, ...]
    """TCP ports that something in it listens on, for others than itself."""
    mounts: tuple[tuple[str, str, bool], ...]
    """(place on the host, path in it, whether it may write)"""
    limits: Mapping[str, float | None] = field(default_factory=dict)
    privileged: bool = False


def service_of(attrs: Mapping[str, Any], label: str, read: Read) -> Service:
    """`attrs`: of a running container; `label` is how its service's name is called."""
    host, pid = attrs["HostConfig"], int(attrs["State"]["Pid"])
    networks = (attrs["NetworkSettings"].get("Networks") or {}).values()
    shared = host.get("NetworkMode") == "host"
    return Service(
        service=attrs["Config"]["Labels"].get(label, "?"),
        name=attrs["Name"].lstrip("/"),
        id=attrs["Id"],
        pid=pid,
        addresses=tuple(one["IPAddress"] for one in networks if one.get("IPAddress")),
        ports=() if shared else tuple(sorted({port for _, port in listening(pid, read)})),
        mounts=tuple((one.get("Source", ""), one["Destination"], bool(one.get("RW"))) for one in attrs["Mounts"]),
        limits={
            "memory": host.get("Memory") or None,
            "pids": host.get("PidsLimit") if (host.get("PidsLimit") or 0) > 0 else None,
            "cpus": (host.get("NanoCpus") or 0) / 1e9 or (host.get("CpuQuota") or 0) / 1e5 or None,
        },
        privileged=bool(host.get("Privileged")),
    )


def listening(pid: int | str, read: Read) -> list[tuple[str, int]]:
    """(IPv4 address, port) of TCP listeners in the network namespace of `pid`, without those on loopback alone.

    proc_pid_net(5).  A listener on :: takes IPv4 as well.
    """
    found: dict[tuple[str, int], None] = {}
    for table in ("tcp", "tcp6"):
        try:
            lines = read(f"/proc/{pid}/net/{table}").decode("ascii", "replace").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            _, local, _, state, *_ = line.split()
            address, _, port = local.partition(":")
            if state != LISTEN:
                continue
            if len(address) == 8:
                plain = socket.inet_ntoa(struct.pack("<I", int(address, 16)))
            elif int(address, 16) == 0:
                plain = "0.0.0.0"
            else:
                continue
            if not plain.startswith("127."):
                found[plain, int(port, 16)] = None
    return list(found)


def facts_of(
    box: Box, own: Service, others: Sequence[Service], read: Read, not_theirs: frozenset[int] = frozenset()
) -> dict[str, Any]:
    """Plain data about one service: what its first process may do, and whom it reaches.

    `not_theirs`: ports of the daemon's machine that the audit itself listens on.
    """
    status = _status(own.pid, read)
    return {
        "service": own.service,
        "container_name": own.name,
        "own_kernel": not box.parts.shares_kernel,
        "uid_on_host": int(status["Uid"].split()[1]),
        "capabilities": _names(status["CapBnd"]),
        "no_new_privileges": status.get("NoNewPrivs", "0").strip() == "1",
        "seccomp": status.get("Seccomp", "0").strip() != "0",
        "root_writable": _root_writable(own.pid, read),
        "privileged": own.privileged,
        "limits": dict(own.limits),
        "writes_to": [path for _, path, writable in own.mounts if writable],
        "shares": [
            f"{path} with {other.service}"
            for place, path, writable in own.mounts
            for other in others
            if writable and any(place == theirs for theirs, _, _ in other.mounts)
        ],
        "engine_socket": [path for place, path, _ in own.mounts if place.rpartition("/")[2] in SOCKETS],
        "reaches": _reaches(box.proc, own, others, read, not_theirs),
    }


def _status(pid: int, read: Read) -> dict[str, str]:
    lines = read(f"/proc/{pid}/status").decode("utf-8", "replace").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _names(mask: str) -> list[str]:
    held = int(mask, 16)
    return [name for number, name in enumerate(NAMES) if held >> number & 1]


def _root_writable(pid: int, read: Read) -> bool:
    """proc_pid_mountinfo(5): of the mount at /, the last one there."""
    table = read(f"/proc/{pid}/mountinfo").decode("utf-8", "replace")
    options = [line.split()[5] for line in table.splitlines() if line.split()[4] == "/"]
    return bool(options) and "rw" in options[-1].split(",")


def _reaches(
    proc: Proc, own: Service, others: Sequence[Service], read: Read, not_theirs: frozenset[int]
) -> list[dict[str, Any]]:
    """One connection to every port that is listened on, closed at once: whether it was taken up, and the calls."""
    found = []
    for other in others:
        for port in other.ports[:PORTS_TRIED]:
            for address in other.addresses:
                answered, calls = connects(proc, address, port)
                found.append({"what": f"{other.service}:{port}", "kind": "service", "to": f"{address}:{port}",
                              "answered": answered, "calls": calls})  # fmt: skip
                if answered:
                    break
    try:
        routes = read(f"/proc/{own.pid}/net/route")
    except OSError:
        routes = b""
    ports = sorted({port for address, port in listening("self", read) if address == "0.0.0.0"} - not_theirs)
    del ports[PORTS_TRIED:]
    for gateway in dict.fromkeys(gateways(routes)):
        for port in ports:
            answered, calls = connects(proc, gateway, port)
            found.append({"what": str(port), "kind": "host", "to": f"{gateway}:{port}",
                          "answered": answered, "calls": calls})  # fmt: skip
    opened = proc.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    if opened.ok:
        told = proc.connect(opened.value, sockaddr_in(OUTSIDE, 9))
        proc.close(opened.value)
        found.append({"what": "the internet", "kind": "outside", "to": OUTSIDE, "answered": told.ok,
                      "calls": [str(told)]})  # fmt: skip
    return found


def connects(proc: Proc, address: str, port: int) -> tuple[bool, list[str]]:
    """Whether a TCP connection from `proc` is established, and the calls that say so."""
    opened = proc.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    if not opened.ok:
        return False, [str(opened)]
    try:
        told = [proc.connect(opened.value, sockaddr_in(address, port))]
        if told[0].errno == errno.EINPROGRESS:
            told.append(proc.ppoll([(opened.value, select.POLLOUT)], KNOCK_S))
            told.append(proc.getpeername(opened.value))  # only a connection that is there has a peer
        return told[-1].ok, [str(one) for one in told]
    finally:
        proc.close(opened.value)
