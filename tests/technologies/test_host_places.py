"""A piece of the host's system is found in a box under any name, and a directory of data is none.

At three examples a check: what is a finite list is tried whole in each.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_isolation import weaken
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import Unavailable
from pytest_isolation.guarantees.property import run_property
from pytest_isolation.guarantees.result import PropertyResult
from pytest_isolation.options.boxes import parse
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.pool import Pool
from tests.support import built_in_checks, need

SECRET, WRITE, DAEMON, SOCKET = (
    "mnt.host-secret-unreadable", "mnt.host-unwritable", "daemon.socket-unreachable", "net.path-unix-isolated",
)  # fmt: skip
PROCESSES = "pid.host-processes-hidden"
MASKED = "proc.masked-unreadable"
GROUPS = ("cg.fs-readonly", "cg.cannot-leave", "cg.cannot-raise-own")
EXAMPLES = 3

HANDED = [
    ("/:/rootfs:ro", {SECRET, DAEMON, SOCKET, PROCESSES, MASKED}),
    ("/:/hostfs", {SECRET, WRITE, DAEMON, SOCKET, PROCESSES, MASKED}),
    ("/run:/hostrun:ro", {SECRET, DAEMON, SOCKET}),
    ("/etc:/etc-host", {SECRET, WRITE, SOCKET}),
    ("/etc:/etc-host:ro", {SECRET, SOCKET}),
    ("/root:/root", {SECRET, WRITE, SOCKET}),
    ("/var/lib:/var/lib", {SECRET, WRITE, SOCKET}),
    ("/home:/x", {SECRET, WRITE, SOCKET}),
    ("/opt:/x", {SECRET, WRITE, SOCKET}),
    ("/srv:/x", {SECRET, WRITE, SOCKET}),
    ("/usr/local:/x", {SECRET, WRITE, SOCKET}),
    ("/var/run/docker.sock:/docker.sock", {DAEMON}),
    ("/etc/shadow:/app/settings:ro", {SECRET}),
    ("/proc:/hostproc", {PROCESSES, MASKED}),
    ("/sys/fs/cgroup:/cg", set(GROUPS)),
]
ASKED = (SECRET, WRITE, DAEMON, SOCKET, PROCESSES, MASKED)


def ran(pool: Pool, spec: BoxSpec, identity: str) -> PropertyResult:
    promise, test = next(one for one in built_in_checks() if one[0].id == identity)
    return run_property(promise, test, pool.box(replace(spec, **promise.box)), examples=EXAMPLES, seed=1)


def violated(pool: Pool, spec: BoxSpec, asked: tuple[str, ...]) -> set[str]:
    """Which of `asked` are; none is without an answer."""
    found = {}
    for identity in asked:
        found[identity] = ran(pool, spec, identity)
        assert found[identity].trouble is None, f"{identity}: {found[identity].trouble}"
    return {identity for identity, one in found.items() if one.violation is not None}


@pytest.mark.parametrize(("volume", "broken"), HANDED, ids=[volume for volume, _ in HANDED])
def test_a_place_of_the_host(own_pool: Pool, volume: str, broken: set[str]) -> None:
    need("docker")
    if volume.startswith("/var/run/docker.sock") and not Path("/run/docker.sock").is_socket():
        pytest.skip("the daemon's socket is elsewhere")
    asked = GROUPS if broken & set(GROUPS) else ASKED
    found = violated(own_pool, parse(f"docker:volumes={volume}"), asked)
    # `ro` is for the one mount: what the host has mounted below it comes as it is.
    if volume.startswith("/var/lib:"):
        found -= {MASKED}  # the /proc of a box that runs meanwhile may lie there
    assert found == broken or (volume in ("/:/rootfs:ro", "/run:/hostrun:ro") and found == broken | {WRITE})


def test_what_one_guarantees_calls_left_is_not_anothers(own_pool: Pool) -> None:
    """Both have one set of listeners: a connection that nobody has taken yet was made for the first."""
    need("docker")
    assert violated(own_pool, parse("docker:volumes=/root:/root"), (SOCKET, DAEMON)) == {SOCKET}


@pytest.mark.parametrize(
    "given", ["docker:volumes=/proc:/hostproc,cap_add=SYS_PTRACE", "docker:pid_mode=host,cap_add=SYS_PTRACE"]
)
def test_the_root_of_a_process_of_the_host(own_pool: Pool, given: str) -> None:
    """That of its first one may be closed, and is not asked alone."""
    need("docker")
    assert {SECRET, PROCESSES} <= violated(own_pool, parse(given), ASKED)


def test_what_the_hosts_proc_shows_under_another_name(own_pool: Pool) -> None:
    """Not the secrets of the host alone: its settings, its keys, its neighbours."""
    need("docker")
    asked = ("proc.kernel-unwritable", "net.sysctl-ro", "key.proc-keys-hidden", "pid.siblings-hidden")
    assert violated(own_pool, parse("docker:volumes=/proc:/hostproc"), asked) == set(asked)
    assert violated(own_pool, parse("docker:volumes=/proc/sys:/settings"), asked) == set(asked[:2])
    assert violated(own_pool, parse("docker"), asked) == set()


@pytest.mark.parametrize(("place", "broken"), [("shm", "ipc.posix-shm-isolated"), ("mqueue", "ipc.posix-mq-isolated")])
def test_what_processes_of_the_host_share_under_another_name(own_pool: Pool, place: str, broken: str) -> None:
    need("docker")
    if not Path("/dev", place).is_mount():
        pytest.skip(f"nothing is mounted at /dev/{place}")
    assert violated(own_pool, parse(f"docker:volumes=/dev/{place}:/there"), (broken,)) == {broken}
    assert violated(own_pool, parse("docker"), (broken,)) == set()


@pytest.mark.skipif(not Path("/dev/net/tun").is_char_device(), reason="the host has no TUN devices")
@pytest.mark.parametrize("volume", ["/dev:/hostdev", "/dev/net/tun:/tunnel", "/dev/net:/x/y"])
def test_a_device_of_the_host_under_another_name(own_pool: Pool, volume: str) -> None:
    """The filter of devices lets this one through, and no node of it is in /dev."""
    need("docker")
    spec = "docker:cap_drop=MKNOD,device_cgroup_rules=c 10:200 rwm"
    assert violated(own_pool, parse(spec), ("dev.tun-closed",)) == set()
    assert violated(own_pool, parse(f"{spec},volumes={volume}"), ("dev.tun-closed",)) == {"dev.tun-closed"}


def test_the_memory_of_a_process_of_the_host(own_pool: Pool) -> None:
    """By the host's /proc under another name, where the box's own numbers name nobody.

    Its namespace stays out of reach all the same: setns(2) joins none above one's own.
    """
    need("docker")
    spec = parse("docker:volumes=/proc:/hostproc,cap_add=SYS_PTRACE+SYS_ADMIN")
    memory = "pid.ptrace-cross-refused"
    assert violated(own_pool, spec, (memory, "pid.setns-host-refused")) == {memory}


def test_directories_of_data_are_volumes(own_pool: Pool, tmp_path: Path) -> None:
    need("docker")
    (tmp_path / "settings").write_text("data")
    (tmp_path / "data").mkdir()
    spec = parse(f"docker:volumes={tmp_path}/data:/data+{tmp_path}/settings:/etc/settings:ro")
    assert violated(own_pool, spec, ASKED) == set()


@pytest.mark.parametrize("name", ["chroot", "namespaces", "bubblewrap", "nspawn", "lxc", "runc", "podman", "gvisor"])
def test_a_plain_box_has_none(own_pool: Pool, name: str) -> None:
    spec = need(name)
    assert violated(own_pool, spec, (SECRET, WRITE, DAEMON, SOCKET)) == set()


READ_ONLY = "bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev {agent}"
PRIVATE_TMP = "firejail --quiet --noprofile --private-tmp {agent}"


@pytest.mark.parametrize(
    ("command", "broken"),
    [(READ_ONLY, {SECRET, DAEMON, SOCKET, "mnt.tmp-private"}), (PRIVATE_TMP, {SECRET, WRITE, DAEMON, SOCKET})],
)
def test_a_launcher_that_shows_the_host(own_pool: Pool, command: str, broken: set[str]) -> None:
    """Nothing can be written in the first one: what is wide open is found all the same."""
    need("command")
    if shutil.which(command.split()[0]) is None:
        pytest.skip(f"{command.split()[0]} is not installed")
    spec = BoxSpec(technology="command", options=(("", command),))
    assert violated(own_pool, spec, (SECRET, WRITE, DAEMON, SOCKET, "mnt.tmp-private")) >= broken


LEFT_OPEN = """sh -c 'exec bwrap --unshare-all --ro-bind "$0" "$0" --proc /proc "$0" 7<PLACE' {agent}"""


@pytest.mark.parametrize(("place", "broken"), [("/etc", {SECRET, WRITE, DAEMON, SOCKET}), ("/dev/null", set())])
def test_a_directory_of_the_host_that_was_left_open(own_pool: Pool, place: str, broken: set[str]) -> None:
    """By its number: no mount of the box leads there, and by `..` it leads to all of the host."""
    need("command"), need("bubblewrap")
    spec = BoxSpec(technology="command", options=(("", LEFT_OPEN.replace("PLACE", place)),))
    assert violated(own_pool, spec, (SECRET, WRITE, DAEMON, SOCKET)) == broken


@pytest.mark.parametrize("name", ["namespaces", "bubblewrap", "docker", "podman", "lxc", "nspawn", "runc"])
@pytest.mark.parametrize(("what", "broken"), [("file", SECRET), ("socket", DAEMON)])
def test_one_file_or_socket_by_itself(own_pool: Pool, name: str, what: str, broken: str) -> None:
    spec = need(name).weakened(weaken.hand_in(what))
    try:
        technology(name).check_available(spec)
    except Unavailable as error:
        pytest.skip(str(error))
    assert violated(own_pool, spec, (broken,)) == {broken}


@pytest.mark.skipif(os.geteuid() != 0, reason="marks below /etc are root's to make")
def test_marks_are_gone_with_the_box(own_pool: Pool) -> None:
    before = {path.name for path in Path("/etc").iterdir()}
    ran(own_pool, need("chroot"), SECRET)
    assert {path.name for path in Path("/etc").iterdir()} - before
    own_pool.close()
    assert not {path.name for path in Path("/etc").iterdir()} - before
