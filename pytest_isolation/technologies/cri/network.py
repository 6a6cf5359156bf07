"""The pods' network of a containerd of the run's own: a bridge that we make, and what CNI's plugins do with it.

With `isGateway` the plugin bridge turns the host's ip_forward on for good, which nobody can take back: others, as
Docker, may have come to need it.  So the bridge's address, which is the pods' gateway, is given by us.
Sources: the CNI specification and the pages of its plugins bridge and host-local; proc_net(5), route.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.errors import Unavailable

ROUTES = Path("/proc/net/route")
POOL = IPv4Network("10.213.0.0/16")


def conflist(bridge: str, subnet: IPv4Network, addresses: str) -> dict[str, Any]:
    """CNI's configuration.  `addresses`: the directory where host-local keeps those that are taken."""
    ipam = {
        "type": "host-local",
        "dataDir": addresses,
        "ranges": [[{"subnet": str(subnet), "gateway": str(subnet[1])}]],
        "routes": [{"dst": "0.0.0.0/0", "gw": str(subnet[1])}],
    }
    plugin = {"type": "bridge", "bridge": bridge, "isGateway": False, "ipam": ipam}
    return {"cniVersion": "0.4.0", "name": bridge, "plugins": [plugin]}


def free_subnet(routes: Iterable[str]) -> IPv4Network:
    """A /24 of `POOL` that none of `routes`, the lines of /proc/net/route, is for.  Raises Unavailable."""
    taken = [network for network in map(_destination, routes) if network.prefixlen > 1]  # the default may be two halves
    free = [one for one in POOL.subnets(new_prefix=24) if not any(map(one.overlaps, taken))]
    if not free:
        raise Unavailable(
            f"pods need a network of their own, and this host's routes leave no /24 of {POOL} free",
            "name a runtime that has one: endpoint=unix:///PATH",
        )
    return random.SystemRandom().choice(free)


def _destination(line: str) -> IPv4Network:
    fields = line.split()
    address, mask = (IPv4Address(int.from_bytes(bytes.fromhex(fields[at]), "little")) for at in (1, 7))
    return IPv4Network(f"{address}/{mask}", strict=False)


def make_bridge(name: str) -> IPv4Network:
    """Make it, up and with the first address of the network that is returned.  Raises Unavailable."""
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    subnet = free_subnet(text_of(ROUTES).splitlines()[1:])
    # Of its own: else it has the lowest of its ports', and changes as pods come and go.
    address = ":".join(f"{byte:02x}" for byte in (2, *secrets.token_bytes(5)))
    try:
        with IPRoute() as route:
            route.link("add", ifname=name, kind="bridge", address=address)
            (index,) = route.link_lookup(ifname=name)
            route.addr("add", index=index, address=str(subnet[1]), prefixlen=subnet.prefixlen)
            route.link("set", index=index, state="up")
    except NetlinkError as error:
        raise Unavailable(f"no bridge for pods can be made here: {error}", "run as root with CAP_NET_ADMIN") from None
    return subnet


def remove_bridge(name: str) -> None:
    """Remove it, if it is there."""
    from pyroute2 import IPRoute

    with IPRoute() as route:
        for index in route.link_lookup(ifname=name):
            route.link("del", index=index)
