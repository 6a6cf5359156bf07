"""Root in the box cannot configure a network interface."""

import struct
from errno import EBADF, EMFILE, ENFILE, ENOBUFS, ENODEV, ENOMEM

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.network import links

promise = guarantee(
    "net.admin-denied",
    claim="no ioctl(2) from inside changes an interface: its state, the size of its packets, its queue",
    sources=("man:capabilities(7) CAP_NET_ADMIN", "man:netdevice(7)"),
    severity=severity.surface("configures network interfaces"),
    falsified_by=weaken.grant("NET_ADMIN"),
)
HOW = {
    "mtu": (links.SIOCGIFMTU, links.SIOCSIFMTU),
    "queue": (links.SIOCGIFTXQLEN, links.SIOCSIFTXQLEN),
    "up": (links.SIOCGIFFLAGS, links.SIOCSIFFLAGS),
}


@promise
@given(how=st.sampled_from(sorted(HOW)), number=st.integers(600, 1400))
def test_interface_stays(box: Box, how: str, number: int) -> None:
    get, change = HOW[how]
    with links.link_in(box) as made:
        before = links.request(made.proc, get, made.name)
        reply = links.request(box.proc, change, made.name, struct.pack("<i", links.IFF_UP if how == "up" else number))
        after = links.request(made.proc, get, made.name)
        promise.tried(reply, vain=(EBADF, ENODEV, EMFILE, ENFILE, ENOBUFS, ENOMEM))
        promise.held("refused")
        promise.require(after.data == before.data, reply, changed=how, interface=made.name)
