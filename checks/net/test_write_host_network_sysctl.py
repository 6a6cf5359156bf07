"""No setting of the host's network can be changed from inside: forwarding is not turned on there."""

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.shortcuts import read, write
from pytest_isolation.outside.machine.files import names_of
from pytest_isolation.outside.machine.leaks import has_proc
from pytest_isolation.outside.network.lan import lan_to_change

promise = guarantee(
    "net.hosts-settings-kept",
    claim="no write from inside changes a setting of an interface of the host's below /proc/sys/net: whether it "
    "forwards, answers for others or takes redirects",
    sources=("man:proc_sys_net(5)", "kernel:networking/ip-sysctl", "man:network_namespaces(7)"),
    severity=severity.host("turns forwarding on in the host's network"),
    falsified_by=(weaken.share("net"), weaken.drop("masks")),
    kind="per-window",
    needs_root=True,
    distinct="the host's network, not the box's own, of which `net.sysctl-ro` is",
)
SETTINGS = (
    "ipv4/conf/{link}/forwarding", "ipv4/conf/{link}/proxy_arp", "ipv4/conf/{link}/accept_redirects",
    "ipv4/conf/{link}/rp_filter", "ipv4/conf/{link}/route_localnet", "ipv6/conf/{link}/accept_ra",
)  # fmt: skip


@promise
def test_settings_stay(box: Box) -> None:
    """Of a link of ours, which no packet but ours takes: in another network there is no setting of that name."""
    asked = 0
    with lan_to_change(box) as lan:
        for setting in SETTINGS:
            path = f"/proc/sys/net/{setting.format(link=lan.name)}"
            if not (before := read(lan.local, path)).ok:
                continue
            asked += 1
            # In every /proc that the box has: one may be masked, another not; each shows the network of who asks.
            for one in names_of(box, path):
                told = write(box.proc, one, b"1" if before.data.strip() == b"0" else b"0")
                after = read(lan.local, path)
                promise.require(after.data == before.data, told, setting=one, before=before.data.decode().strip())
    if not asked:
        promise.undecided("the host's /proc/sys/net lists no setting of its interfaces")
    if not has_proc(box.proc):
        promise.undecided("the box has no /proc to change a setting by")
