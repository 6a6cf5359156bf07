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

import pytest

from pytest_isolation.outside.devices import disk_node
from tests.owners import (
    HARDENED,
    ROOT,
    TODAYS_MASKS,
    UEVENTS,
    Owner,
    Verdicts,
    attached,
    changes,
    owner,
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
}  # fmt: skip


@dataclass(frozen=True)
class Hole:
    options: tuple[str, ...]
    breaks: frozenset[str]
    base: tuple[str, ...] = HARDENED


def hole(*options: str, breaks: set[str], base: tuple[str, ...] = HARDENED) -> Hole:
    return Hole(options, frozenset(breaks), base)


OWN_USERS = "user.root-not-host-root"
"""Violated by root's container unless the daemon maps users."""
HOLES = {
    # Another user's processes are seen; nothing can be done to them.  pid.pidfd-cross-refused had been written down
    # here, too: a pidfd of theirs can be had, and was thought to be a breach.  No signal goes through it.
    "pid-host": hole("--pid=host", breaks={"pid.host-processes-hidden", "pid.siblings-hidden"}),
    "root-mounted": hole(
        "--volume=/:/host",
        breaks={
            "mnt.host-secret-unreadable", "mnt.host-unwritable", "net.path-unix-isolated", "daemon.socket-unreachable",
            "pid.host-processes-hidden", "proc.masked-unreadable",  # the host's /proc is below /host
            "vol.system-not-given", "vol.socket-not-given", "mnt.devpts-private",  # its /run and /dev/pts, too
            # Had not been written down: the engine makes it a slave by itself, as its own directory is below /.
            "mnt.no-leak-in",
        },
    ),
    "docker-socket": hole(f"--volume={SOCKET}:{SOCKET}", "--group-add=SOCKET", breaks={
        "daemon.socket-unreachable", "vol.socket-not-given",
    }),
    # Without its group the file's mode still stands; it was handed in all the same.
    "docker-socket-without-its-group": hole(f"--volume={SOCKET}:{SOCKET}", breaks={"vol.socket-not-given"}),
    "network-host": hole("--network=host", breaks=NETWORK),
    "ipc-host": hole("--ipc=host", breaks={
        "ipc.sysv-shm-isolated", "ipc.sysv-msg-isolated", "ipc.sysv-sem-isolated", "ipc.proc-sysvipc-own",
        "ipc.posix-mq-isolated", "ipc.posix-shm-isolated",
    }),
    # The user has none of it, but the engine's filter lets unshare(2) and mount(2) through for it.
    "sys-admin": hole("--cap-add=SYS_ADMIN", breaks={"mnt.userns-mount-denied", "user.namespace-denied"}),
    "no-seccomp": hole(
        "--security-opt=seccomp=unconfined",
        breaks={
            "mnt.userns-mount-denied", "user.namespace-denied", "key.host-key-unreadable",
        },
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
            "pid.sched-cross-refused",
        },
    ),
    "root-no-masks": hole(
        "--security-opt=systempaths=unconfined", base=ROOT,
        breaks={
            "proc.masked-unreadable", "key.proc-keys-hidden", "net.sysctl-ro", "proc.fs-unwritable",
            "proc.irq-unwritable", "proc.kernel-unwritable", "proc.vm-unwritable",
        },
    ),
    "root-sys-admin": hole(
        "--cap-add=SYS_ADMIN",
        base=ROOT,
        breaks={
            "mnt.new-mount-api-denied", "mnt.fresh-proc-denied", "mnt.userns-mount-denied", "user.namespace-denied",
        },
    ),
    "root-net-admin": hole("--cap-add=NET_ADMIN", base=ROOT, breaks={
        "net.admin-denied", "net.firewall-denied", "net.netlink-admin-denied",
    }),
    "root-net-raw": hole("--cap-add=NET_RAW", base=ROOT, breaks={"net.raw-socket", "net.packet-socket"}),
    "root-dac-read-search": hole("--cap-add=DAC_READ_SEARCH", base=ROOT, breaks={"mnt.open-by-handle-denied"}),
    # The device list of the group stands, whatever node is made.
    "root-mknod": hole("--cap-add=MKNOD", base=ROOT, breaks=set()),
    "root-sys-ptrace": hole("--cap-add=SYS_PTRACE", base=ROOT, breaks=set()),
}  # fmt: skip


@pytest.fixture(scope="module")
def theirs() -> Iterator[Owner]:
    with owner("docker") as made:
        yield made


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
            found[base] = verdicts(box)
    return found


@pytest.mark.long("holes")
@pytest.mark.parametrize("name", HOLES)
def test_each_hole_breaks_what_was_written_down(
    theirs: Owner, sound: dict[tuple[str, ...], Verdicts], disk: str, name: str
) -> None:
    before = sound[HOLES[name].base]
    options = (*HOLES[name].base, *HOLES[name].options)
    with started(theirs, options, disk) as container, attached(theirs.box + container) as box:
        now = verdicts(box)
    assert changes(before, now) == dict.fromkeys(with_todays(HOLES[name].breaks, before), ("holds", "violated"))


def test_without_a_hole_nothing_is_broken(sound: dict[tuple[str, ...], Verdicts]) -> None:
    for found in sound.values():
        broken = {guarantee for guarantee, verdict in found.items() if verdict == "violated"}
        assert broken <= {TODAYS_MASKS, OWN_USERS, UEVENTS}
        assert len([verdict for verdict in found.values() if verdict == "holds"]) > 25


def test_by_its_pid_it_has_the_verdicts_of_docker_exec(theirs: Owner, sound: dict[tuple[str, ...], Verdicts]) -> None:
    with started(theirs, HARDENED) as name, attached(f"attach:pid={theirs.state(name)['Pid']}") as box:
        assert box.parts.unlike == ()
        assert verdicts(box) == sound[HARDENED]


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
    assert differ <= {"net.bridge-icc", "net.sibling-datagrams", "net.sibling-abstract-unix", "net.arp-spoof-denied"}
    assert len(found) > 25
