"""Docker boxes on a daemon whose kernel is another one: what is outside of them is outside of them there."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.boxes.host import LOCAL_HOST
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import MIB, BoxSpec, Volume
from pytest_isolation.errors import Unsupported
from pytest_isolation.guarantees.property import run_property
from pytest_isolation.machines import DockerMachine
from pytest_isolation.options.boxes import parse
from pytest_isolation.outside.shared.marks import marks
from pytest_isolation.suite.controls import prove
from pytest_isolation.technologies import inject, technology
from pytest_isolation.technologies.docker import attach, observer
from pytest_isolation.technologies.docker.daemon import connect
from pytest_isolation.technologies.pool import Pool
from tests.owners import (
    HARDENED,
    PREDICTED,
    ROOT,
    TODAYS_MASKS,
    UEVENTS,
    Owner,
    Verdicts,
    changes,
    owner,
    verdicts,
    with_todays,
)
from tests.relay import relayed
from tests.runs import run
from tests.support import built_in_checks, need, new_pool

pytestmark = pytest.mark.long("docker elsewhere")

EXAMPLES_THERE = 5
"""At most, of a check: each of its calls is a round trip to a translated processor."""
CHECKS = {promise.id: (promise, test) for promise, test in built_in_checks()}


@pytest.fixture(scope="module")
def spec(docker_machine: DockerMachine) -> BoxSpec:
    return BoxSpec(technology="docker", options=(("host", docker_machine.address),))


@pytest.fixture(scope="module")
def pool(docker_machine: DockerMachine) -> Iterator[Pool]:
    with new_pool() as made:
        yield made
    left = docker_machine.run(["docker", "ps", "-aq"]).text + docker_machine.run(["docker", "volume", "ls", "-q"]).text
    left += docker_machine.run(["docker", "images", "-q"]).text
    assert left == "", "containers, volumes or images were left on the daemon"


def test_numbers_groups_and_paths_are_the_daemons_machines(
    docker_machine: DockerMachine, pool: Pool, spec: BoxSpec
) -> None:
    limited = replace(spec, memory=64 * MIB, pids=40, cpus=0.5, volumes=(Volume(target="/volume", read_only=True),))
    with pool.launch(limited) as box:
        assert box.parts.host is not LOCAL_HOST
        pid, group = box.parts.init_pid, box.parts.group
        assert pid is not None and group is not None
        told = docker_machine.run(["docker", "inspect", "-f", "{{.State.Pid}}", box.parts.id]).text
        assert int(told) == pid
        place = group.places["unified"]
        files = {name: docker_machine.box.read_file(f"{place}/{name}").decode() for name in ("memory.max", "pids.max")}
        assert files == {"memory.max": f"{64 * MIB}\n", "pids.max": "40\n"}
        assert (place / "cpu.max").read_text() == "50000 100000\n"
        assert group.pids() == {pid}
        assert group.tasks() == 1
        (box.parts.volumes["/volume"] / "mark").write_bytes(b"there")
        assert box.read_file("/volume/mark") == b"there"


def test_a_witness_is_a_process_of_the_daemons_machine(
    docker_machine: DockerMachine, pool: Pool, spec: BoxSpec
) -> None:
    with pool.launch(spec) as box, box.outside.canary() as canary:
        name = docker_machine.box.read_file(f"/proc/{canary.pid}/comm").decode().strip()
        assert name == canary.token
        for kind in ("pid", "mnt", "net", "ipc", "uts"):
            link = f"/proc/{canary.pid}/ns/{kind}"
            theirs = docker_machine.box.proc.readlinkat(AT_FDCWD, link).data
            assert theirs == docker_machine.box.proc.readlinkat(AT_FDCWD, f"/proc/1/ns/{kind}").data, kind
        assert box.outside.proc.kill(canary.pid, 10).ok
        assert list(canary.signals_seen()) == [10]


@pytest.mark.parametrize(
    "guarantee",
    [
        "pid.signal-out-refused",  # a canary
        "mnt.host-secret-unreadable",  # a file
        "mnt.bind-ro",  # a volume
        "net.host-loopback-unreachable",  # a listener
        "net.admin-denied",  # a link in the box's network
        "cg.pids.enforced",  # an account of control groups
        "dev.block-unreadable",  # a disk
    ],
)
def test_each_kind_of_witness_there_sees_the_hole(pool: Pool, spec: BoxSpec, guarantee: str) -> None:
    promise, test = CHECKS[guarantee]
    control = prove(promise, test, spec.weakened(*promise.falsified_by), pool, seed=1)
    state, why = control.state, control.reason
    assert state == "fired", why


def test_what_cannot_be_witnessed_there_says_why(pool: Pool, spec: BoxSpec) -> None:
    promise, _ = CHECKS["mnt.bind-rro-recursive"]
    with pytest.raises(Unsupported, match="would outlive a run that is killed"):
        pool.launch(replace(spec, **promise.box))
    with pool.launch(spec) as box:
        ran = run_property(*CHECKS["pid.ppid-zero"], box, examples=1, seed=1)
        assert (ran.violation, ran.trouble, ran.unsupported) == (None, None, None)


def test_a_column(tmp_path: Path, docker_machine: DockerMachine) -> None:
    """What needs few boxes: limits and images start one for each example, seconds each on TCG."""
    done = run(
        tmp_path / "column",
        "--isolation",
        f"--box=elsewhere=docker:host={docker_machine.address}",
        "--isolation-only=pid.*,net.*",
        "--isolation-examples=1",
        timeout=900,
    )
    assert done.code == 0, done.out
    rows = done.report["results"]
    assert len(rows) == len([name for name in CHECKS if name.startswith(("pid.", "net."))])
    # The machine's kernel has the older of the two ways to list sockets.
    refused = {row["guarantee"]: row["reason"] for row in rows if row["verdict"] == "unsupported"}
    assert set(refused) == {"net.sock-diag-own"}
    assert "sock" in refused["net.sock-diag-own"]
    broken = {row["guarantee"] for row in rows if row["verdict"] == "violated"}
    # What Docker's bridge and capabilities leave open on this host, too.
    assert broken == {
        "net.address-spoof-denied", "net.arp-spoof-denied", "net.dhcp-spoof-denied", "net.mac-spoof-denied",
        "net.neighbour-spoof-denied", "net.router-spoof-denied",
        "net.bridge-icc", "net.host-services-by-gateway", "net.metadata-unreachable",
        "net.packet-socket", "net.publish-only-bound-ip", "net.raw-socket", "net.sibling-datagrams",
        "net.uevent-hidden", "net.lan-unreachable", "net.beyond-lan-unreachable",
    }  # fmt: skip


# -- containers that somebody else started there ---------------------------------------

PRIVILEGED = {
    # All capabilities, no filter, no masks, every device of the machine: written down before it was measured.
    "root": (
        ROOT,
        {
            "cg.fs-readonly", "dev.nodes-closed", "dev.block-unreadable", "mnt.new-mount-api-denied",
            "mnt.fresh-proc-denied", "mnt.userns-mount-denied", "mnt.open-by-handle-denied", "net.admin-denied",
            "net.packet-socket", "net.raw-socket", "net.sysctl-ro", "proc.masked-unreadable",
            # Not yet guarantees when it was written down.
            "net.firewall-denied", "net.netlink-admin-denied",
            "proc.kernel-unwritable", "proc.vm-unwritable", "proc.fs-unwritable", "proc.irq-unwritable",
            "proc.bus-unwritable",
        },
    ),
    # A user has none of its capabilities, and the devices are root's.  mnt.fresh-proc-denied had not been written down
    # here: nothing is mounted over a /proc without masks, and so the kernel lets a user namespace have another one.
    "user": (HARDENED, {"mnt.userns-mount-denied", "mnt.fresh-proc-denied", "proc.masked-unreadable"}),
}  # fmt: skip
"""Who runs in the hardened container -> the container, and what --privileged breaks in it."""
DOMAINS = (*PREDICTED, "cg")


@pytest.fixture(scope="module")
def theirs(docker_machine: DockerMachine, pool: Pool) -> Iterator[Owner]:
    with owner("docker", docker_machine) as made:
        yield made


@pytest.fixture
def measure(theirs: Owner, pool: Pool) -> Callable[..., Verdicts]:
    def measured(*options: str) -> Verdicts:
        with theirs.running(*options) as name, theirs.left_alone(name), pool.launch(parse(theirs.box + name)) as box:
            return verdicts(box, domains=DOMAINS, examples=EXAMPLES_THERE)

    return measured


@pytest.mark.parametrize("who", PRIVILEGED)
def test_privileged_breaks_what_was_written_down(measure: Callable[..., Verdicts], who: str) -> None:
    options, breaks = PRIVILEGED[who]
    before, now = measure(*options), measure(*options, "--privileged")
    # Root may write into the container's /dev, where programs may be run; no guarantee yet when this was written down.
    known = {TODAYS_MASKS, UEVENTS, "mnt.written-files-not-run"}
    assert {one for one, verdict in before.items() if verdict == "violated"} <= known
    assert len([verdict for verdict in before.values() if verdict == "holds"]) > 25
    assert changes(before, now) == dict.fromkeys(with_todays(breaks, before), ("holds", "violated"))


def test_what_a_killed_run_lent_there_is_taken_back(theirs: Owner, pool: Pool, docker_machine: DockerMachine) -> None:
    daemon = connect(docker_machine.address)
    with theirs.running(*HARDENED) as name:
        before = theirs.trace(name)
        host = observer.host_of(daemon, pool.lifetime)
        with inject.injected(int(theirs.state(name)["Pid"]), attach.TARGET, host):
            assert theirs.trace(name) != before
            assert technology("docker").clean("injected", f"{name} {docker_machine.address}")
        assert not technology("docker").clean("injected", f"{name} {docker_machine.address}")
        assert theirs.trace(name) == before


def test_marks_of_a_killed_run_are_removed_there(spec: BoxSpec, docker_machine: DockerMachine) -> None:
    """Nobody but its register knows of them: it is read as a clean-up reads it, while the marks still lie there."""
    run_of_another = Lifetime()
    theirs = Pool(run_of_another)
    try:
        with theirs.launch(spec) as box, box.outside.directory() as directory:
            made = [str(mark.directory) for mark in marks(box)] + [str(directory)]
            assert len(made) > 5
            assert all(docker_machine.run(["test", "-d", one]).code == 0 for one in made)
            rows = [
                json.loads(row) for row in (run_of_another.directory / "register.jsonl").read_text().split("\n") if row
            ]
            written = {row["handle"]: row["kind"] for row in rows}
            handles = {f"{one} {docker_machine.address}" for one in made}
            assert handles <= written.keys()
            for handle in handles:
                kind, _, rest = written[handle].partition(":")
                assert technology(kind).clean(rest, handle)
                assert not technology(kind).clean(rest, handle)
            assert not any(docker_machine.run(["test", "-e", one]).code == 0 for one in made)
            docker_machine.run(["mkdir", str(directory)])  # for the end of the block
    finally:
        theirs.close()
        run_of_another.close()


# -- a daemon that gives no observer ---------------------------------------------------


@pytest.fixture
def guarded_socket() -> Iterator[str]:
    """The daemon behind what many put before it: a proxy that lets no container have the host's processes."""
    need("docker")

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if b'"PidMode": "host"' in data:
                    said = b'{"message": "the host\'s processes are not for containers"}'
                    head = b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(said)
                    source.sendall(head + said)
                    break
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    with relayed(connect(None).where.removeprefix("unix://"), pump) as address:
        yield address
        connect(address).api.close()


def test_a_daemon_without_an_observer_is_not_measured(guarded_socket: str) -> None:
    lifetime = Lifetime()
    try:
        for _ in range(2):
            with pytest.raises(Unsupported, match=r"gives no observer box.*not for containers") as caught:
                technology("docker").launch(BoxSpec(technology="docker", options=(("host", guarded_socket),)), lifetime)
            assert "\n" not in str(caught.value)
    finally:
        lifetime.close()
