"""The box does not hear what the host's kernel tells of changes to the host's network."""

import secrets

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.network.lan import lan_of_host
from pytest_isolation.outside.network.netlink import NETLINK_ROUTE, NO_SOCKET, heard, subscribed

promise = guarantee(
    "net.hosts-changes-unheard",
    claim="what the kernel tells of a change to an interface of the host's is heard by no netlink socket inside",
    sources=("man:rtnetlink(7)", "man:netlink(7)", "man:network_namespaces(7)"),
    severity=severity.learns("hears each change to the host's network"),
    falsified_by=weaken.share("net"),
    kind="per-window",
    oracle="receipt",
    distinct="what is told without being asked: when links come up, boxes start and addresses change",
)
RTMGRP_LINK = 1


@promise
def test_changes_are_not_heard(box: Box) -> None:
    """A link of ours gets another name in words."""
    lan, token = lan_of_host(box), secrets.token_hex(8).encode()
    with box.outside.process() as host, box.spawn() as proc:
        ears = [subscribed(one, NETLINK_ROUTE, RTMGRP_LINK) for one in (host.proc, proc)]
        promise.tried(ears[1], vain=NO_SOCKET)
        lan.rename(token)
        promise.receipt(ears[0].ok and heard(host.proc, ears[0].value, token, 5.0), ears[0])
        # The kernel has told everybody by then: it does so before the call that changes something returns.
        found = ears[1].ok and heard(proc, ears[1].value, token, 0.0)
        promise.held("isolated" if ears[1].ok else "refused")
        promise.require(not found, ears[1], changed=f"the alias of {lan.name}")
