"""A UNIX socket in a directory of the host cannot be reached from inside."""

import socket

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.agent.client import Program
from pytest_isolation.outside.network import listener, reached, sockaddr_un

promise = guarantee(
    "net.path-unix-isolated",
    claim="no connection from inside arrives at a socket the host bound to a path outside what is shared",
    sources=("man:unix(7)", "man:mount_namespaces(7)"),
    falsified_by=weaken.expose("/tmp"),
    distinct="a socket is a file that was handed in: a mount of its own brings one in where no directory is shared",
)


@promise
@given(prefix=st.sampled_from(["", "/host", "/proc/1/root"]))
def test_path_socket_is_unreachable(box: Box, prefix: str) -> None:
    with box.outside.directory("/tmp") as directory:
        path = f"{directory}/s"
        with listener(box, socket.AF_UNIX, sockaddr_un(path.encode() + b"\0")) as service:
            box.outside.path(path).chmod(0o777)
            program = Program()
            fd = program.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            tried = program.connect(fd, sockaddr_un(f"{prefix}{path}".encode() + b"\0"))
            program.close(fd)
            replies = box.proc.run(program)
            promise.require(not reached(service), replies[tried])
