"""No daemon that runs the host can be spoken to from inside."""

import socket

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.errors import NOT_ROOT, unless_root
from pytest_isolation.outside.shared.marks import marks
from pytest_isolation.outside.shared.roads import connect_by, is_the_hosts, named, roads
from pytest_isolation.outside.shared.rulers import rulers

promise = guarantee(
    "daemon.socket-unreachable",
    claim="no connection from inside arrives at a socket of a daemon that rules the host, nor at one in its /run",
    sources=(
        "CIS Docker Benchmark 1.6.0, 5.31 (the Docker socket is not mounted inside any containers)",
        "https://docs.docker.com/engine/security/#docker-daemon-attack-surface",
        "man:unix(7)",
    ),
    severity=severity.host("gives orders to daemons that rule the host"),
    falsified_by=weaken.hand_in("socket"),
    distinct="one socket, mounted by itself, is the host's root, though no directory is shared",
)
KINDS = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET)


@promise
def test_daemon_is_unreachable(box: Box) -> None:
    """Each ruling socket of the host, and one of ours in /run, by every road: a finite list, and all of it is tried."""
    theirs = rulers(box)
    ways = [road for road, found in named(box.proc, roads(box, theirs)) if is_the_hosts(box, road, found)]
    for kind in KINDS:
        for road, reply in connect_by(box.proc, ways, kind):
            promise.require(not reply.ok, reply, socket=road.host, at=road)
    planted = marks(box)
    planted.listen()
    ours = [mark.socket for mark in planted if mark.place == "/run" and mark.socket in planted.sockets]
    told = [reply for _, reply in connect_by(box.proc, roads(box, ours)) if reply.ok]
    reached = planted.knocked_at()
    promise.require(reached is None, *told, reached=reached)
    if not ours and not theirs:
        raise Unsupported(
            "no daemon rules the host, and no listener of ours is in its /run", cause=unless_root(NOT_ROOT)
        )
