"""The sockets of the host are in no table of the box's /proc/net."""

import socket

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.shortcuts import read, read_records
from pytest_isolation.outside.network.listeners import bound, sockaddr_in, sockaddr_un
from pytest_isolation.strategies import tokens

promise = guarantee(
    "net.procnet-own",
    claim="/proc/net/tcp, udp and unix in the box do not show a socket of the host",
    sources=("man:network_namespaces(7)", "man:proc_pid_net(5)"),
    severity=severity.learns("lists the host's open sockets"),
    falsified_by=weaken.share("net"),
    oracle="receipt",
    distinct="what services the host has, not its interfaces and not whether they answer",
)


def _shown(address: str, port: int) -> bytes:
    """As the kernel prints it: the address in this machine's byte order."""
    return f"{int.from_bytes(socket.inet_aton(address), 'little'):08X}:{port:04X}".encode()


@promise
@given(table=st.sampled_from(["tcp", "udp", "unix"]), net=st.integers(1, 250), last=st.integers(1, 250), token=tokens())
def test_sockets_are_hidden(box: Box, table: str, net: int, last: int, token: str) -> None:
    path = f"/proc/self/net/{table}"
    if not read(box.proc, path).ok:
        promise.undecided(f"the box has no {path}")
    family = socket.AF_UNIX if table == "unix" else socket.AF_INET
    kind = socket.SOCK_DGRAM if table == "udp" else socket.SOCK_STREAM
    decoy, host = f"127.{net}.{last}.1", f"127.{net}.{last}.2"
    at = sockaddr_un(f"\0{token}.host".encode()) if table == "unix" else sockaddr_in(host, 0)
    with bound(box, family, at, kind) as theirs, box.spawn() as proc:
        own = promise.prepared(proc.socket(family, kind), "a socket to find")
        if table == "unix":
            bound_inside = proc.bind(own.value, sockaddr_un(f"\0{token}.box".encode()))
            names = [f"{token}.host".encode(), f"{token}.box".encode()]
        else:
            bound_inside = proc.bind(own.value, sockaddr_in(decoy, 0))
            port = int.from_bytes(proc.getsockname(own.value).data[2:4], "big")
            names = [_shown(host, theirs.port), _shown(decoy, port)]
        promise.prepared(bound_inside, "a socket with an address to find")
        if table == "tcp":
            promise.prepared(proc.listen(own.value, 1), "a socket that listens")
        seen = read_records(box.proc, path)
        promise.receipt(any(names[1] in reply.data for reply in seen), bound_inside)
        telling = [reply for reply in seen if names[0] in reply.data]
        promise.require(not telling, *telling, socket=names[0].decode())
