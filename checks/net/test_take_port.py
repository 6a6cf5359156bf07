"""Listening inside opens no port of the host."""

import socket

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.network.listeners import calling, is_open, listening, loopback, new_token
from pytest_isolation.outside.network.patience import patience
from pytest_isolation.strategies import unprivileged_ports

promise = guarantee(
    "net.only-declared-ports",
    claim="a TCP port on which a process of the box listens, on all addresses, is open on neither 127.0.0.1 nor ::1 of "
    "the host",
    sources=("man:network_namespaces(7)",),
    severity=severity.host("opens ports on the host's loopback"),
    falsified_by=weaken.share("net"),
    distinct="the way out: what the box opens, not what it reaches",
)


@promise
@given(port=unprivileged_ports(), family=st.sampled_from([socket.AF_INET, socket.AF_INET6]))
def test_port_stays_inside(box: Box, port: int, family: int) -> None:
    there, token = loopback(family, port), new_token()
    if is_open(box.outside.proc, patience(box), there):
        promise.undecided("a process of the host listens on the port drawn")
    with box.spawn() as proc:
        door = listening(proc, family, port)
        promise.prepared(door.reply, "a listener inside")
        with calling(box.outside.proc, patience(box), there, token) as taken:
            heard = taken and door.heard(token)
        if taken and not heard:
            promise.undecided("a process of the host has begun to listen on the port drawn: the box did not hear us")
        promise.require(not heard, door.reply)
