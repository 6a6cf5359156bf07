"""Listening inside opens no port of the host."""

import socket

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.outside.network import is_open, listening, loopback
from pytest_isolation.strategies import unprivileged_ports

promise = guarantee(
    "net.only-declared-ports",
    claim="a TCP port on which a process of the box listens, on all addresses, is open on neither 127.0.0.1 nor ::1 of "
    "the host",
    sources=("man:network_namespaces(7)",),
    falsified_by=weaken.share("net"),
    distinct="the way out: what the box opens, not what it reaches",
)


@promise
@given(port=unprivileged_ports(), family=st.sampled_from([socket.AF_INET, socket.AF_INET6]))
def test_port_stays_inside(box: Box, port: int, family: int) -> None:
    there = loopback(family, port)
    if is_open(box.outside.proc, family, there):
        promise.undecided("a process of the host listens on the port drawn")
    with box.spawn() as proc:
        told = listening(proc, family, port)
        promise.prepared(told, "a listener inside")
        promise.require(not is_open(box.outside.proc, family, there), told)
