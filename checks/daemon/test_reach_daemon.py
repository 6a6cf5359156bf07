"""No daemon that runs the host can be spoken to from inside."""

import os
import socket
import struct
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, weaken
from pytest_isolation.agent.client import Program, Reply
from pytest_isolation.errors import NOT_ROOT, unless_root
from pytest_isolation.outside.network import listener, reached, sockaddr_un

promise = guarantee(
    "daemon.socket-unreachable",
    claim="no connection from inside arrives at a socket in /run of the host, where the daemons that rule it listen",
    sources=(
        "CIS Docker Benchmark 1.6.0, 5.31 (the Docker socket is not mounted inside any containers)",
        "https://docs.docker.com/engine/security/#docker-daemon-attack-surface",
        "man:unix(7)",
    ),
    falsified_by=weaken.expose("/run"),
    distinct="one socket, mounted by itself, is the host's root, though no directory is shared",
)
DAEMONS = (
    "/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock", "/run/crio/crio.sock",
    "/run/docker/metrics.sock", "/run/dbus/system_bus_socket", "/run/systemd/private", "/run/libvirt/libvirt-sock",
    "/run/systemd/notify", "/run/udev/control",
)  # fmt: skip
PREFIXES = ("", "/host", "/var", "/proc/1/root")


@promise
@given(prefix=st.sampled_from(PREFIXES), daemon=st.sampled_from(["", *DAEMONS]))
def test_daemon_is_unreachable(box: Box, prefix: str, daemon: str) -> None:
    if daemon:
        _require_unreached(box, prefix, daemon)
        return
    try:
        with box.outside.directory("/run") as directory:
            path = f"{directory}/s"
            with listener(box, socket.AF_UNIX, sockaddr_un(path.encode() + b"\0")) as service:
                box.outside.path(path).chmod(0o777)
                tried, _ = _knock(box, f"{prefix}{path}")
                promise.require(not reached(service), tried)
    except PermissionError as error:
        # Those that are there may be reached all the same; that none was would prove nothing.
        for way, one in product(PREFIXES, DAEMONS):
            _require_unreached(box, way, one)
        raise Unsupported(
            f"no listener of ours in /run of the host: {error.strerror}", cause=unless_root(NOT_ROOT)
        ) from None


def _require_unreached(box: Box, prefix: str, daemon: str) -> None:
    """Connected and closed: not a word is said to it."""
    tried, found = _knock(box, f"{prefix}{daemon}")
    theirs = tried.ok and box.parts.shares_kernel and found == _on_the_host(box, daemon)
    promise.require(not theirs, tried, socket=str(found))


def _knock(box: Box, path: str) -> tuple[Reply, tuple[int, int] | None]:
    """The connect's reply, and which socket is at `path`: (device, inode), or None."""
    program = Program()
    fd = program.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    tried = program.connect(fd, sockaddr_un(os.fsencode(path) + b"\0"))
    status = program.statx(-100, path)
    program.close(fd)
    replies = box.proc.run(program)
    data = replies[status].data
    if not data:
        return replies[tried], None
    major, minor = struct.unpack_from("<2I", data, 136)
    return replies[tried], (os.makedev(major, minor), struct.unpack_from("<Q", data, 32)[0])


def _on_the_host(box: Box, path: str) -> tuple[int, int] | None:
    try:
        found = box.outside.path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
