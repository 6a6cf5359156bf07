"""An abstract UNIX socket of the host cannot be reached from inside."""

import socket
from errno import EMFILE, ENFILE, ENOBUFS, ENOMEM

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.client import Program
from pytest_isolation.outside.network.listeners import bound, reached, sockaddr_un
from pytest_isolation.strategies import tokens

promise = guarantee(
    "net.abstract-unix-isolated",
    claim="no connection from inside arrives at a socket the host bound to an abstract name",
    sources=("man:unix(7)", "man:network_namespaces(7)", "cve:CVE-2020-15257"),
    severity=severity.host("connects to the host's abstract sockets"),
    falsified_by=weaken.share("net"),
    distinct="a box may be cut off by a firewall and still share the names of sockets",
)


@promise
@given(token=tokens(), tail=st.binary(max_size=8))
def test_abstract_socket_is_unreachable(box: Box, token: str, tail: bytes) -> None:
    name = b"\0" + token.encode() + tail
    with bound(box, socket.AF_UNIX, sockaddr_un(name)) as service:
        program = Program()
        fd = program.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        tried = program.connect(fd, sockaddr_un(name))
        program.close(fd)
        replies = box.proc.run(program)
        promise.tried(replies[fd], vain=(EMFILE, ENFILE, ENOBUFS, ENOMEM))
        promise.require(not reached(service), replies[tried] if replies[fd].ok else replies[fd])
