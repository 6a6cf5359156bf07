"""Containers started by hand with one hole each: what each hole breaks was written down first, and is what is seen.

Each is measured beside the same container without its hole, through `docker exec`; the sound one also by the pid of its
first process; and a process in no box beside the host itself.  Controls are left out: the falsifiers have tests.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch

import pytest

from pytest_isolation.outside.objects.devices import disk_node
from tests.owners import (
    ASKED,
    CONFINING,
    HARDENED,
    ROOT,
    TODAYS_MASKS,
    UEVENTS,
    Owner,
    Verdicts,
    attached,
    changes,
    verdicts,
    with_todays,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="attaching is for root")

SOCKET, DISK = "/var/run/docker.sock", "a block device with a secret on it"
NETWORK = {
    "net.host-loopback-unreachable", "net.ipv6-parity", "net.abstract-unix-isolated", "net.host-interfaces-hidden",
    "net.host-services-by-gateway", "net.only-declared-ports", "net.unpublished-unreachable", "net.procnet-own",
    "net.bridge-icc",  # the sibling is on the host's bridge
    "uts.host-name-hidden",  # the engine gives it the host's name, too
    "net.host-addresses-hidden", "net.host-loopback-datagrams", "net.metadata-unreachable",
    "net.sibling-abstract-unix", "net.sibling-datagrams", "net.sock-diag-own",
    "net.lan-unreachable", "net.lan-ipv6-unreachable", "net.beyond-lan-unreachable", "net.beyond-lan-ipv6-unreachable",
    "net.unpublished-datagrams", "net.lan-broadcasts-unheard",
    "net.hosts-ipv6-addresses-hidden", "net.hosts-routes-hidden", "net.hosts-neighbours-hidden",
    "net.hosts-groups-hidden", "net.hosts-other-sockets-hidden", "net.hosts-links-in-sysfs-hidden",
    "net.hosts-changes-unheard",
}  # fmt: skip


@dataclass(frozen=True)
class Hole:
    options: tuple[str, ...]
    breaks: frozenset[str]
    base: tuple[str, ...] = HARDENED
    more: tuple[tuple[str, tuple[str, str]], ...] = ()
    """What it changes otherwise: a guarantee, its verdict before, and with it."""


def hole(
    *options: str,
    breaks: set[str],
    base: tuple[str, ...] = HARDENED,
    more: tuple[tuple[str, tuple[str, str]], ...] = (),
) -> Hole:
    return Hole(options, frozenset(breaks), base, more)


FILTER_OF_SYS_ADMIN = {
    "sec.unshare-refused", "sec.setns-refused", "sec.clone3-refused", "sec.fanotify-refused", "sec.perf-event-refused",
    "sec.quotactl-refused", "sec.open-tree-refused", "sec.mount-setattr-refused",
}  # fmt: skip
"""What the engine's filter lets through for who was given CAP_SYS_ADMIN, whether or not the user has it."""
FILTER_OF_SYS_PTRACE = {"sec.kcmp-refused", "sec.pidfd-getfd-refused", "sec.process-madvise-refused"}
DOMAINS = (*ASKED, *CONFINING)
OPEN_ANYWAY = {
    "sec.io-uring-refused", "sec.vsock-refused",  # this engine's filter has no rule for them
    "sec.other-abi-refused",  # it names 32-bit x86 as well
    "cap.net-bind-service-denied",  # this engine sets net.ipv4.ip_unprivileged_port_start to 0
    "rlimit.processes-not-shared", "rlimit.pending-signals-not-shared", "rlimit.message-queues-not-shared",
    "rlimit.locked-memory-not-shared",
}  # fmt: skip
"""Without a hole; nobody mapped its users, whose counts are the machine's."""
OWN_USERS = "user.root-not-host-root"
"""Violated by root's container unless the daemon maps users."""
PROCNET = {
    "net.hosts-ipv6-addresses-hidden", "net.hosts-routes-hidden", "net.hosts-neighbours-hidden",
    "net.hosts-groups-hidden", "net.hosts-other-sockets-hidden",
}  # fmt: skip
"""In /proc/PID/net of the host's processes; any user may read it."""
HOLES = {
    # Another user's processes are seen; nothing can be done to them.  pid.pidfd-cross-refused had been written down
    # here, too: a pidfd of theirs can be had, and was thought to be a breach.  No signal goes through it.
    "pid-host": hole("--pid=host", breaks={"pid.host-processes-hidden", "pid.siblings-hidden", *PROCNET}),
    "root-mounted": hole(
        "--volume=/:/host",
        breaks={
            "mnt.host-secret-unreadable", "mnt.host-unwritable", "net.path-unix-isolated", "daemon.socket-unreachable",
            # The host's /proc, /sys and /dev/shm are below /host.
            "pid.host-processes-hidden", "proc.masked-unreadable", "pid.siblings-hidden", "key.proc-keys-hidden",
            "ipc.posix-shm-isolated", *PROCNET, "net.hosts-links-in-sysfs-hidden",
            "vol.system-not-given", "vol.socket-not-given", "mnt.devpts-private",  # its /run and /dev/pts, too
            # Had not been written down: the engine makes it a slave by itself, as its own directory is below /.
            "mnt.no-leak-in",
            "mnt.written-files-not-run",  # not yet a guarantee then
        },
    ),
    "docker-socket": hole(f"--volume={SOCKET}:{SOCKET}", "--group-add=SOCKET", breaks={
        "daemon.socket-unreachable", "vol.socket-not-given",
    }),
    # Without its group the file's mode still stands; it was handed in all the same.
    "docker-socket-without-its-group": hole(f"--volume={SOCKET}:{SOCKET}", breaks={"vol.socket-not-given"}),
    # Of two boxes in the host's network each has the other's addresses, of either version.
    "network-host": hole(
        "--network=host", breaks=NETWORK | {"net.sibling-ipv6-connections", "net.sibling-ipv6-datagrams"},
        # The host's ip_unprivileged_port_start is the kernel's own.
        more=(("cap.net-bind-service-denied", ("violated", "holds")),),
    ),
    "ipc-host": hole("--ipc=host", breaks={
        "ipc.sysv-shm-isolated", "ipc.sysv-msg-isolated", "ipc.sysv-sem-isolated", "ipc.proc-sysvipc-own",
        "ipc.posix-mq-isolated", "ipc.posix-shm-isolated",
        "ipc.sibling-segments-unreachable", "ipc.sibling-semaphores-unreachable", "ipc.sibling-queues-unreachable",
        "ipc.sibling-named-queues-unreachable",
        "mnt.written-files-not-run",  # not yet a guarantee then
    }, more=(("nnp.root-regains-nothing", ("unsupported", "holds")),)),  # in the host's /dev/shm programs can be run
    # The user has none of it, but the engine's filter lets unshare(2) and mount(2) through for it.
    "sys-admin": hole(
        "--cap-add=SYS_ADMIN",
        breaks={"cap.sys-admin-not-given", "mnt.userns-mount-denied", "user.namespace-denied"} | FILTER_OF_SYS_ADMIN,
    ),
    "no-seccomp": hole(
        "--security-opt=seccomp=unconfined",
        breaks={
            "mnt.userns-mount-denied", "user.namespace-denied", "key.host-key-unreadable", "sec.filter-in-force",
            "sec.add-key-refused", "sec.request-key-refused", "sec.userfaultfd-refused", "sec.personality-refused",
            "sec.move-pages-refused", "sec.set-mempolicy-refused", "sec.keyctl-refused", "sec.get-mempolicy-refused",
            "sec.mbind-refused", "sec.migrate-pages-refused",
        }
        | FILTER_OF_SYS_ADMIN
        | FILTER_OF_SYS_PTRACE,
    ),
    "no-masks": hole(
        "--security-opt=systempaths=unconfined",
        breaks={"proc.masked-unreadable", "key.proc-keys-hidden"},
    ),
    "block-device": hole(f"--device={DISK}", breaks={"dev.nodes-closed"}),
    # Root without a capability is still the owner of root's processes and of the sysctls.
    "root-pid-host": hole(
        "--pid=host",
        base=ROOT,
        breaks={
            "pid.host-processes-hidden", "pid.siblings-hidden", "pid.pidfd-cross-refused", "pid.signal-out-refused",
            "pid.sched-cross-refused", *PROCNET,
        },
    ),
    "root-no-masks": hole(
        "--security-opt=systempaths=unconfined", base=ROOT,
        breaks={
            "proc.masked-unreadable", "key.proc-keys-hidden", "net.sysctl-ro", "proc.fs-unwritable",
            "proc.irq-unwritable", "proc.bus-unwritable", "proc.kernel-unwritable", "proc.vm-unwritable",
        },
    ),
    "root-sys-admin": hole(
        "--cap-add=SYS_ADMIN",
        base=ROOT,
        breaks={
            "mnt.new-mount-api-denied", "mnt.fresh-proc-denied", "mnt.userns-mount-denied", "user.namespace-denied",
            "cap.sys-admin-not-given",
            "cap.perfmon-denied", "cap.bpf-denied", "cap.checkpoint-restore-denied",  # CAP_SYS_ADMIN serves for them
        }
        | FILTER_OF_SYS_ADMIN,
    ),
    "root-net-admin": hole("--cap-add=NET_ADMIN", base=ROOT, breaks={
        "cap.net-admin-not-given", "net.admin-denied", "net.firewall-denied", "net.netlink-admin-denied",
    }),
    "root-net-raw": hole("--cap-add=NET_RAW", base=ROOT, breaks={
        "cap.net-raw-not-given", "net.raw-socket", "net.packet-socket",
    }),
    "root-dac-read-search": hole("--cap-add=DAC_READ_SEARCH", base=ROOT, breaks={
        "cap.dac-read-search-not-given", "mnt.open-by-handle-denied",
    }),
    # The device list of the group stands, whatever node is made.
    "root-mknod": hole("--cap-add=MKNOD", base=ROOT, breaks={"cap.mknod-denied"}),
    # The filter lets kcmp(2) through for it.
    "root-sys-ptrace": hole("--cap-add=SYS_PTRACE", base=ROOT, breaks={
        "cap.sys-ptrace-not-given", *FILTER_OF_SYS_PTRACE,
    }),
}  # fmt: skip


@pytest.fixture(scope="module")
def disk() -> Iterator[str]:
    with attached("host") as box, disk_node(box, b"secret") as made:
        yield made


@contextmanager
def started(theirs: Owner, options: tuple[str, ...], disk: str = "") -> Iterator[str]:
    # Of two options for one thing the later is taken, but for the network.
    if "--network=host" in options:
        options = tuple(option for option in options if option != "--network=none")
    filled = {f"={DISK}": f"={disk}:/dev/disk", "=SOCKET": f"={os.stat(SOCKET).st_gid}"}
    for placeholder, value in filled.items():
        options = tuple(option.replace(placeholder, value) for option in options)
    with theirs.running(*options) as name, theirs.left_alone(name):
        yield name


@pytest.fixture(scope="module")
def sound(theirs: Owner) -> dict[tuple[str, ...], Verdicts]:
    """The containers without a hole, and what they keep."""
    found = {}
    for base in (HARDENED, ROOT):
        with started(theirs, base) as name, attached(theirs.box + name) as box:
            found[base] = verdicts(box, domains=DOMAINS)
    return found


@pytest.mark.long("holes")
@pytest.mark.parametrize("name", HOLES)
def test_each_hole_breaks_what_was_written_down(
    theirs: Owner, sound: dict[tuple[str, ...], Verdicts], disk: str, name: str
) -> None:
    before = sound[HOLES[name].base]
    options = (*HOLES[name].base, *HOLES[name].options)
    with started(theirs, options, disk) as container, attached(theirs.box + container) as box:
        now = verdicts(box, domains=DOMAINS)
    broken = dict.fromkeys(with_todays(HOLES[name].breaks, before), ("holds", "violated"))
    assert changes(before, now) == broken | dict(HOLES[name].more)


def test_without_a_hole_nothing_is_broken(sound: dict[tuple[str, ...], Verdicts]) -> None:
    for base, found in sound.items():
        broken = {guarantee for guarantee, verdict in found.items() if verdict == "violated"}
        # Root writes to its own /dev, which the engine mounts without noexec.
        roots = {"mnt.written-files-not-run"} if base == ROOT else set()
        assert broken <= {TODAYS_MASKS, OWN_USERS, UEVENTS, *OPEN_ANYWAY, *roots}
        assert len([verdict for verdict in found.values() if verdict == "holds"]) > 25


def test_by_its_pid_it_has_the_verdicts_of_docker_exec(theirs: Owner, sound: dict[tuple[str, ...], Verdicts]) -> None:
    with started(theirs, HARDENED) as name, attached(f"attach:pid={theirs.state(name)['Pid']}") as box:
        assert box.parts.unlike == ()
        # No engine is asked of a process, and what leads into its network is the engine's to tell.
        assert verdicts(box, domains=DOMAINS) == sound[HARDENED] | {"vol.port-not-given": "unsupported"}


def test_in_no_box_it_has_the_verdicts_of_the_host() -> None:
    """Where both can be asked; its sibling is in a box all the same."""
    with subprocess.Popen(["sleep", "300"]) as free:
        try:
            with attached(f"attach:pid={free.pid}") as box:
                found = {guarantee: verdict for guarantee, verdict in verdicts(box).items() if verdict != "unsupported"}
        finally:
            free.kill()
    with attached("host") as box:
        host = verdicts(box)
    differ = {guarantee for guarantee, verdict in found.items() if host[guarantee] not in (verdict, "unsupported")}
    beside = ("net.bridge-icc", "net.sibling-*", "net.*-spoof-denied", "ipc.sibling-*")
    assert [one for one in differ if not any(fnmatch(one, pattern) for pattern in beside)] == []
    assert len(found) > 25
