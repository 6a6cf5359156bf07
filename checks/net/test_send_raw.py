"""Root in the box cannot send packets of its own making."""

import socket
from errno import EHOSTUNREACH, ENETDOWN, ENETUNREACH

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.errors import NOT_ROOT, unless_root
from pytest_isolation.outside.network.links import process_in_network_of
from pytest_isolation.outside.network.listeners import arrives, sockaddr_in
from pytest_isolation.strategies import tokens

promise = guarantee(
    "net.raw-socket",
    claim="no packet of a protocol that only raw sockets speak is sent from inside",
    sources=("man:raw(7)", "man:capabilities(7) CAP_NET_RAW"),
    severity=severity.neighbour("sends packets it forges"),
    falsified_by=weaken.grant("NET_RAW"),
    kind="per-window",
)


@promise
@given(protocol=st.sampled_from([253, 254]), token=tokens())  # RFC 3692: for experiments
def test_no_raw_packet_is_sent(box: Box, protocol: int, token: str) -> None:
    with process_in_network_of(box) as outside, box.spawn() as proc:
        ear = outside.socket(socket.AF_INET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
        if not ear.ok:
            raise Unsupported(f"no raw socket outside to hear it with: {ear}", cause=unless_root(NOT_ROOT))
        opened = proc.socket(socket.AF_INET, socket.SOCK_RAW, protocol)
        sent = proc.sendto(opened.value, token.encode(), address=sockaddr_in("127.0.0.1", 0)) if opened.ok else opened
        heard = arrives(box, outside, ear.value, token.encode(), ("raw", protocol), [sent])
        promise.tried(sent, vain=(ENETUNREACH, EHOSTUNREACH, ENETDOWN))  # loopback is down: nobody sends there
        promise.held("refused")
        promise.require(heard is None, sent, heard=f"{len(heard or b'')} bytes of protocol {protocol}")
