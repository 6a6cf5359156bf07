"""A UNIX socket in a directory of the host cannot be reached from inside."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.shared.marks import marks
from pytest_isolation.outside.shared.roads import FIXED, connect_by, roads

promise = guarantee(
    "net.path-unix-isolated",
    claim="no connection from inside arrives at a socket in a place of the host's system, whatever the box calls it",
    sources=("man:unix(7)", "man:mount_namespaces(7)"),
    severity=severity.host("connects to sockets in the host's directories"),
    falsified_by=weaken.expose("/"),
    distinct="a socket is a file that was handed in: a mount of its own brings one in where no directory is shared",
)


@promise
@given(up=st.integers(1, 8))
def test_path_socket_is_unreachable(box: Box, up: int) -> None:
    """Every place by every road in each example; drawn is how far up from the box's root one walks."""
    planted = marks(box)
    planted.listen()
    ways = roads(box, planted.sockets, (*FIXED, "/.." * up))
    told = [reply for _, reply in connect_by(box.proc, ways) if reply.ok]
    reached = planted.knocked_at()
    promise.require(reached is None, *told, reached=reached)
