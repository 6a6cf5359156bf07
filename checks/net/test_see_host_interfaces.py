"""A network interface of the host does not show in the box."""

from errno import EACCES, EPERM

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.shortcuts import read, read_records
from pytest_isolation.outside.network.links import SIOCGIFINDEX, link_of_host, request
from pytest_isolation.outside.network.netlink import DUMP, NETLINK_ROUTE, REQUEST, ask, message

promise = guarantee(
    "net.host-interfaces-hidden",
    claim="an interface the host has made shows in no list of interfaces that the box can get",
    sources=("man:network_namespaces(7)", "man:netdevice(7)", "man:rtnetlink(7)"),
    severity=severity.learns("lists the host's network interfaces"),
    falsified_by=weaken.share("net"),
    oracle="receipt",
    distinct="what is seen, not what is reached",
)
RTM_GETLINK = 18


def _by_netlink(box: Box) -> list[bytes]:
    """RTM_GETLINK, everything: rtnetlink(7)."""
    answer = ask(box.proc, NETLINK_ROUTE, message(RTM_GETLINK, REQUEST | DUMP, bytes(16)))
    promise.prepared(answer.opened, "a netlink socket")
    return list(answer.data)


@promise
@given(how=st.sampled_from(["dev", "thread", "ioctl", "netlink"]))
def test_interfaces_are_hidden(box: Box, how: str) -> None:
    with link_of_host(box) as made:
        if how == "ioctl":
            decoy, found = request(box.proc, SIOCGIFINDEX, "lo"), request(box.proc, SIOCGIFINDEX, made.name)
            promise.require(not found.ok, found, interface=made.name)
            if decoy.name == "socket" or decoy.errno in (EPERM, EACCES):
                promise.prepared(decoy, "the number of any interface")
            promise.receipt(decoy.ok, decoy)
            return
        path = f"/proc/{'thread-' if how == 'thread' else ''}self/net/dev"
        if how != "netlink" and not read(box.proc, path).ok:
            promise.undecided("the box has no /proc/net")
        seen = _by_netlink(box) if how == "netlink" else [one.data for one in read_records(box.proc, path)]
        promise.receipt(any(b"lo" in data for data in seen), f"{len(seen)} reads of {how}")
        promise.require(not any(made.name.encode() in data for data in seen), list=how, interface=made.name)
