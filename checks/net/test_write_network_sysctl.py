"""The settings of the box's network in /proc/sys cannot be changed from inside."""

from errno import ENOENT, ENOTDIR

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.agent.shortcuts import read, write
from pytest_isolation.outside.machine.files import names_of
from pytest_isolation.outside.network.links import link_in

promise = guarantee(
    "net.sysctl-ro",
    claim="no write from inside changes a setting of a network interface below /proc/sys/net",
    sources=("man:proc_sys_net(5)", "oci:runtime-spec config-linux readonlyPaths"),
    severity=severity.surface("changes settings of network interfaces"),
    falsified_by=weaken.drop("masks"),
)
SETTINGS = ("forwarding", "accept_redirects", "log_martians", "proxy_arp", "rp_filter", "send_redirects")


@promise
@given(setting=st.sampled_from(SETTINGS), place=st.sampled_from(["conf", "neigh"]), value=st.integers(2, 99))
def test_setting_stays(box: Box, setting: str, place: str, value: int) -> None:
    with link_in(box) as made:
        name, wanted = (setting, None) if place == "conf" else ("unres_qlen", str(value).encode())
        usual = f"/proc/sys/net/ipv4/{place}/{made.name}/{name}"
        before = read(made.proc, usual).data.strip()
        # In every /proc that the box has: the kernel shows the network of whoever asks.
        paths = [path for path in names_of(box, usual) if read(box.proc, path).errno not in (ENOENT, ENOTDIR)]
        if not paths:
            raise Unsupported("the box has no /proc/sys/net")
        for path in paths:
            reply = write(box.proc, path, wanted or (b"1" if before == b"0" else b"0"))
            after = read(made.proc, usual).data.strip()
            promise.held("refused")
            promise.require(after == before, reply, setting=path, before=before.decode(), after=after.decode())
