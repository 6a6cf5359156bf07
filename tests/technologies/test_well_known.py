"""Ten boxes as the pages of well-known projects say to start them: the rows they break were written down first.

Options are those of the page; the image is ours, and a volume of theirs has a name or a directory of this run.  A plain
container of Docker's is the measure: what it breaks, they all do, unless their options mend it.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.owners import PREDICTED, Owner, Verdicts, attached, verdicts

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="attaching is for root")
DOMAINS = (*PREDICTED, "fd", "env", "cg")
EXAMPLES = 5
PROPAGATION = subprocess.run(["findmnt", "-no", "PROPAGATION", "/"], capture_output=True, text=True).stdout
"""Docker refuses rslave where / is private."""
AS_PRIVILEGED = [
    "--cap-add=ALL", "--cap-drop=SYS_RESOURCE", "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined", "--security-opt=systempaths=unconfined", "--device-cgroup-rule=a *:* rwm",
    "--device=/dev", "--volume=/sys/fs/cgroup:/sys/fs/cgroup",
]  # fmt: skip
"""--privileged, where we have no SYS_RESOURCE ourselves: the engine can give all or nothing."""
MADE = (Path("/dev/disk"), Path("/run/dbus"))
"""The engine makes them where they are not there."""
BUS_ROWS = {"net.path-unix-isolated", "daemon.socket-unreachable", "vol.socket-not-given"}
BUS = BUS_ROWS if Path("/run/dbus/system_bus_socket").exists() else set()
"""Home Assistant's rows that depend on a bus of this machine."""

SPOOFED = {
    f"net.{what}-spoof-denied" for what in ("arp", "mac", "address", "neighbour", "router", "dhcp")
}  # not yet guarantees when these were written down
PLAIN = {
    "net.raw-socket", "net.packet-socket",  # NET_RAW is given by default
    "net.host-services-by-gateway", "net.bridge-icc",  # a bridge has the host and its neighbours on it
    "cg.ns-root", "cg.path-not-host",  # the host's cgroup namespace is the default on v1
    # Not yet guarantees when this was written down: the bridge and the kernel's events are everybody's.
    "net.sibling-datagrams", *SPOOFED, "net.metadata-unreachable", "net.uevent-hidden",
    "net.lan-unreachable", "net.beyond-lan-unreachable",  # a bridge leads there
    "proc.machine-wide-unreadable",  # not yet a guarantee when this was written down: Engine 28 masks more than 20
    "mnt.written-files-not-run",  # its root takes files, and nothing says noexec: not yet a guarantee then
}  # fmt: skip
FORWARDED = {"net.unpublished-unreachable", "net.unpublished-datagrams"}
"""Had been written down for each box on a bridge.  Engines before 28 leave it to the host's policy of forwarding, which
is another one from machine to machine: not compared there."""
CAPABLE = {"net.raw-socket", "net.packet-socket", *SPOOFED}
"""Not broken by a user who is not root."""
NETWORK = {
    "net.host-loopback-unreachable", "net.ipv6-parity", "net.abstract-unix-isolated", "net.host-interfaces-hidden",
    "net.only-declared-ports", "net.procnet-own", "net.unpublished-unreachable",
    # Not yet guarantees when these were written down, nor those at the end of PRIVILEGED.
    "net.sibling-abstract-unix", "net.host-addresses-hidden", "net.sock-diag-own", "net.host-loopback-datagrams",
    "net.lan-ipv6-unreachable", "net.beyond-lan-ipv6-unreachable", "net.unpublished-datagrams",
    "net.lan-broadcasts-unheard", "net.sibling-ipv6-connections", "net.sibling-ipv6-datagrams",
    "net.hosts-ipv6-addresses-hidden", "net.hosts-routes-hidden", "net.hosts-neighbours-hidden",
    "net.hosts-groups-hidden", "net.hosts-other-sockets-hidden", "net.hosts-links-in-sysfs-hidden",
    "net.hosts-changes-unheard",
}  # fmt: skip
"""--network=host."""
ADMINISTERED = {
    "net.hosts-links-kept", "net.hosts-routes-kept", "net.hosts-firewall-kept", "net.hosts-firewall-hidden",
    "net.hosts-connections-hidden", "net.hosts-settings-kept",
}  # fmt: skip
"""The same with NET_ADMIN, and without masks."""
SEEN = {"pid.host-processes-hidden", "pid.siblings-hidden"}
"""--pid=host."""
REACHED = {"pid.pidfd-cross-refused", "pid.signal-out-refused", "pid.sched-cross-refused"}
"""--pid=host as root: most processes there are of that user."""
TRACED = {"pid.ptrace-cross-refused", "pid.setns-host-refused"}
"""Host processes in some /proc, with SYS_PTRACE and SYS_ADMIN."""
SOCKET = {"daemon.socket-unreachable", "vol.socket-not-given"}
"""Docker's socket; read-only says nothing of connections."""
PORT = {"vol.port-not-given"}
"""-p: not yet a guarantee when these were written down."""
SYSTEM = {"vol.system-not-given"}
"""Any place of the host's system."""
READ = {
    *SYSTEM, *SOCKET, "mnt.host-secret-unreadable", "net.path-unix-isolated",
    "mnt.devpts-private", "mnt.no-leak-in",  # the host's /dev/pts, and what it mounts later: always a slave
    "ipc.posix-shm-isolated",  # its /dev/shm; looked for under the box's own name alone when this was written down
}  # fmt: skip
ROOT = {*READ, "mnt.host-unwritable"}
"""The host's /: read-only is not recursive before Engine 25, so /run and the like can be written."""
MOUNTS = {"mnt.new-mount-api-denied", "mnt.fresh-proc-denied", "mnt.userns-mount-denied"}
"""SYS_ADMIN: the filter lets mounts through."""
GROUPS = {"cg.fs-readonly"}
"""The host's tree of control groups, to be written by root.  cg.cannot-leave and cg.cannot-raise-own had been written
down here: they bring a limit, and are not asked of a box that runs already."""
SETTINGS = {
    "net.sysctl-ro", "proc.kernel-unwritable", "proc.vm-unwritable", "proc.fs-unwritable", "proc.irq-unwritable",
    "proc.bus-unwritable",
}  # fmt: skip
"""The settings in a /proc without masks, to be written by root."""
PRIVILEGED = {
    *MOUNTS, *GROUPS, *SETTINGS, "mnt.open-by-handle-denied", "net.admin-denied", "proc.masked-unreadable",
    "dev.block-unreadable", "dev.nodes-closed",
    "net.firewall-denied", "net.netlink-admin-denied",
}  # fmt: skip


@dataclass(frozen=True)
class WellKnown:
    page: str
    options: str
    """VOLUME, NETWORK and DIRECTORY stand for what this run makes."""
    breaks: frozenset[str] = frozenset()
    keeps: frozenset[str] = frozenset()
    """What a plain container breaks and this does not, or what nobody asked of a plain one."""


def known(page: str, options: str, *, breaks: set[str] | None = None, keeps: set[str] | None = None) -> WellKnown:
    return WellKnown(page, options, frozenset(breaks or ()), frozenset(keeps or ()))


BOXES = {
    # proc.masked-unreadable had not been written down here: /host/proc is the host's, and has no masks.
    # mnt.host-unwritable had been written down here: where /run is no mount of its own, what can be written is root's.
    "node-exporter": known(
        "https://github.com/prometheus/node_exporter#docker",
        "--net=host --pid=host --user=65534:65534 -v /:/host:ro,rslave",
        breaks={*NETWORK, *SEEN, *(ROOT if os.path.ismount("/run") else READ), "proc.masked-unreadable"},
        keeps=CAPABLE,
    ),
    # pid.setns-host-refused had been written down here as well, for the host's /proc below /rootfs: setns(2) joins no
    # PID namespace above one's own.  pid.siblings-hidden had not been: its neighbours show there, too.
    "cadvisor": known(
        "https://github.com/google/cadvisor#quick-start-running-cadvisor-in-a-docker-container",
        "-v /:/rootfs:ro -v /var/run:/var/run:ro -v /sys:/sys:ro -v /var/lib/docker/:/var/lib/docker:ro"
        " -v /dev/disk/:/dev/disk:ro -p 8080 --privileged --device=/dev/kmsg",
        breaks={
            *PRIVILEGED, *ROOT, *SEEN, *PORT, "pid.ptrace-cross-refused",
            # The host's /proc and /sys.
            "net.hosts-ipv6-addresses-hidden", "net.hosts-routes-hidden", "net.hosts-neighbours-hidden",
            "net.hosts-groups-hidden", "net.hosts-other-sockets-hidden", "net.hosts-links-in-sysfs-hidden",
        },
    ),
    # /host/sys has the control groups below it.  SETTINGS had not been written down: they were asked of the box's own
    # /proc alone; the one below /host/root can be written, as /run there.
    "netdata": known(
        "https://learn.netdata.cloud/docs/netdata-agent/installation/docker",
        "--pid=host --network=host -v VOLUME:/etc/netdata -v /:/host/root:ro,rslave -v /etc/passwd:/host/etc/passwd:ro"
        " -v /etc/group:/host/etc/group:ro -v /proc:/host/proc:ro -v /sys:/host/sys:ro"
        " -v /etc/os-release:/host/etc/os-release:ro -v /var/log:/host/var/log:ro"
        " -v /var/run/docker.sock:/var/run/docker.sock:ro -v /run/dbus:/run/dbus:ro"
        " --cap-add SYS_PTRACE --cap-add SYS_ADMIN --security-opt apparmor=unconfined",
        breaks={
            *NETWORK, *SEEN, *REACHED, *TRACED, *ROOT, *MOUNTS, *GROUPS, *SETTINGS, "proc.masked-unreadable",
            "net.hosts-settings-kept",  # by the same /proc; asked of the box's own alone when this was written down
        },
    ),
    "portainer": known(
        "https://docs.portainer.io/start/install-ce/server/docker/linux",
        "-p 8000 -p 9443 -v /var/run/docker.sock:/var/run/docker.sock -v VOLUME:/data",
        breaks={*SOCKET, *PORT},
    ),
    "traefik": known(
        "https://doc.traefik.io/traefik/getting-started/docker/",
        "-p 80 -p 8080 -v /var/run/docker.sock:/var/run/docker.sock:ro",
        breaks={*SOCKET, *PORT},
    ),
    # Root of all devices and of its own namespaces; the host's processes and files are not handed in.
    "docker-in-docker": known(
        "https://hub.docker.com/_/docker",
        "--privileged --network NETWORK --network-alias docker -e DOCKER_TLS_CERTDIR=/certs -v VOLUME:/certs/ca",
        breaks=PRIVILEGED,
    ),
    # A directory of data breaks nothing.
    "pi-hole": known(
        "https://github.com/pi-hole/docker-pi-hole#quick-start",
        "-p 53/tcp -p 53/udp -p 80/tcp -v DIRECTORY:/etc/pihole --cap-add NET_ADMIN --cap-add SYS_TIME"
        " --cap-add SYS_NICE",
        # The last two were not yet guarantees when this was written down: NET_ADMIN gives them as well.
        breaks={"net.admin-denied", "net.netlink-admin-denied", "net.firewall-denied", *PORT},
    ),
    # net.path-unix-isolated and daemon.socket-unreachable had been written down here: they need a bus there.
    "home-assistant": known(
        "https://www.home-assistant.io/installation/linux#install-home-assistant-container",
        "--privileged -e TZ=Europe/Berlin -v DIRECTORY:/config -v /run/dbus:/run/dbus:ro --network=host",
        breaks={*PRIVILEGED, *NETWORK, *ADMINISTERED, *SYSTEM, "mnt.host-secret-unreadable"},
    ),
    "nginx-unprivileged": known(
        "https://github.com/nginx/docker-nginx-unprivileged",
        "--user=101:101 --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp -p 8080",
        breaks=PORT,
        keeps={*CAPABLE, "mnt.written-files-not-run"},  # a tmpfs of the engine's is noexec where nothing else is said
    ),
    "postgres": known(
        "https://docs.docker.com/reference/compose-file/services/#mem_limit",
        "--network NETWORK -v VOLUME:/var/lib/postgresql/data -e POSTGRES_PASSWORD=example --memory 256m"
        " --pids-limit 100",
        keeps={
            "cg.mem.as-asked", "cg.pids.as-asked",
            "cg.mem.swap-as-asked",  # the engine's record has one for who asks for memory alone: as much again
        },
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def plain(theirs: Owner) -> Verdicts:
    return started(theirs, [])


@pytest.fixture
def made(theirs: Owner, tmp_path: Path) -> Iterator[dict[str, str]]:
    name = f"well-known-{secrets.token_hex(4)}"
    absent = [place for place in MADE if not place.exists()]
    try:
        theirs("volume", "create", name)
        theirs("network", "create", name)
        yield {"VOLUME": name, "NETWORK": name, "DIRECTORY": str(tmp_path)}
    finally:
        for kind in ("volume", "network"):
            subprocess.run([*theirs.argv, kind, "rm", name], capture_output=True, timeout=60, check=False)
        for place in absent:
            if place.exists():
                place.rmdir()


def lacking() -> bool:
    """Whether this process has no CAP_SYS_RESOURCE to give: number 24 of capabilities(7)."""
    bounding = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapBnd"))
    return not int(bounding.split()[1], 16) >> 24 & 1


def started(theirs: Owner, options: list[str]) -> Verdicts:
    with theirs.running(*options) as name, attached(theirs.box + name) as box:
        return verdicts(box, domains=DOMAINS, examples=EXAMPLES)


def rows(found: Verdicts, verdict: str) -> set[str]:
    return {guarantee for guarantee, one in found.items() if one == verdict}


def test_a_plain_container_breaks_what_was_written_down(plain: Verdicts) -> None:
    assert rows(plain, "violated") - FORWARDED == PLAIN
    assert len(rows(plain, "holds")) > 25


@pytest.mark.long("well-known boxes")
@pytest.mark.parametrize("name", BOXES)
def test_a_well_known_box_breaks_what_was_written_down(
    theirs: Owner, plain: Verdicts, made: dict[str, str], name: str
) -> None:
    box = BOXES[name]
    options = box.options
    for placeholder, value in made.items():
        options = options.replace(f" {placeholder}", f" {value}")
    if "private" in PROPAGATION:
        options = options.replace(",rslave", "")
    words = options.split()
    breaks = box.breaks
    if "--privileged" in words and lacking():
        words += AS_PRIVILEGED
        words.remove("--privileged")
        breaks |= SYSTEM  # the control groups of the host, which the engine would not have handed in
    found = started(theirs, words)
    missing = {one: found.get(one) for one in breaks if found.get(one) != "violated"}
    missing |= {one: found.get(one) for one in box.keeps if found.get(one) != "holds"}
    others = {one: verdict for one, verdict in found.items() if verdict != plain[one] and one not in breaks | box.keeps}
    others = {one: verdict for one, verdict in others.items() if one not in FORWARDED}
    if name == "home-assistant":
        others = {one: verdict for one, verdict in others.items() if one not in BUS}
    assert not missing and not others, f"written down and not seen: {missing}; seen and not written down: {others}"
