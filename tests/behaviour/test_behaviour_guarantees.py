"""The guarantees port.behaviour-*: the machine is like itself, and a layer that answers otherwise is found."""

from __future__ import annotations

import os
import subprocess

import pytest

from pytest_isolation.agent.constants import MS
from pytest_isolation.agent.shortcuts import must, write
from pytest_isolation.boxes.weakenings import grant, lossy
from pytest_isolation.guarantees.guarantee import Guarantee
from pytest_isolation.guarantees.property import PROVING, Check, run_property
from pytest_isolation.guarantees.result import PropertyResult
from pytest_isolation.outside.behaviour.compared import compared, compared_on_image
from pytest_isolation.outside.behaviour.devices import NUMBERS
from pytest_isolation.outside.behaviour.kinds import BY_NAME, KINDS
from pytest_isolation.outside.behaviour.play import Call
from pytest_isolation.outside.behaviour.proc_files import FILES, Drawn, wrong
from pytest_isolation.outside.box import Box
from pytest_isolation.suite.behaviour.layers import file_system
from pytest_isolation.suite.behaviour.measure import drawn
from pytest_isolation.technologies.namespaces.clone import CLONE
from pytest_isolation.technologies.pool import Pool
from tests.support import built_in_checks, need, plain

CHECKS: dict[str, tuple[Guarantee, Check]] = {one.id: (one, test) for one, test in built_in_checks()}
NAMES = [kind.name for kind in KINDS]


def measured(name: str, box: Box, examples: int = 3) -> PropertyResult:
    promise, test = CHECKS[f"port.behaviour-{name}"]
    return run_property(promise, test, box, examples=examples, seed=1, phases=PROVING)


@pytest.mark.parametrize("name", [kind.name for kind in KINDS if not kind.on_image])
def test_the_machine_is_like_itself(name: str, pool: Pool) -> None:
    """No false alarm: what is another's in each process, and what takes its time, is not told."""
    box = pool.box(plain("host"))
    for sequence in drawn(name, 25, 3):
        found = compared(box, BY_NAME[name], sequence)
        assert found.first is None, (found.first, found.program)
        assert any(seen.result != "EBADF" for seen in found.machine)


@pytest.mark.parametrize("name", [*NAMES, "devices", "proc"])
def test_a_sound_box_is_like_its_machine(name: str, pool: Pool) -> None:
    ran = measured(name, pool.box(need("namespaces")))
    assert (ran.violation, ran.unsupported, ran.trouble) == (None, None, None)


@pytest.mark.parametrize("name", [*NAMES, "devices", "proc"])
def test_a_layer_that_answers_otherwise_is_found(name: str, pool: Pool) -> None:
    """By the simplest example alone, in which nothing is drawn: a control does not depend on its seed."""
    weak = pool.box(need("namespaces").weakened(lossy(f"behaviour-{name}")))
    assert measured(name, weak, 1).violation is not None
    # And nothing else with it.
    others = {"names": "locks", "image": "locks", "locks": "memory"}.get(name, "names")
    assert measured(others, weak).violation is None


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot(2) is root's")
def test_a_root_without_devices_is_told(pool: Pool) -> None:
    ran = measured("devices", pool.box(need("chroot")))
    assert ran.violation is not None
    assert ran.violation.observed["null"] == "ENOENT" and ran.violation.observed.keys() >= NUMBERS.keys()


SENT = (Call("tcp"), Call("write", 0, 0, 7), Call("waiting", 1))


@pytest.mark.skipif(os.geteuid() != 0, reason="a queue of an interface is root's to set")
def test_a_slow_network_is_no_difference(pool: Pool) -> None:
    """red: only the first of three segments had come when the other side was asked."""
    box = pool.box(need("namespaces"))
    slow = "ip link set lo mtu 1500 && tc qdisc add dev lo root tbf rate 1mbit burst 1600 latency 1s"
    within = ["nsenter", "-t", str(box.parts.init_pid), "-n", "sh", "-c"]
    made = subprocess.run([*within, slow], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no slow network here: {made.stderr.strip()}")
    try:
        for _ in range(5):
            found = compared(box, BY_NAME["channels"], SENT)
            assert found.first is None, (found.first, found.program)
    finally:
        pool.discard(box.spec)


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot(2) is root's")
def test_a_root_without_proc_is_told(pool: Pool) -> None:
    ran = measured("proc", pool.box(need("chroot")))
    assert ran.violation is not None
    assert ran.violation.observed == {f"/proc/{name}": "ENOENT" for name in FILES}


LIES = {
    "cpuinfo": b"processor : 0 and no colon where there should be one",
    "stat": b"cpu  1 2 3\n",
    "meminfo": b"MemTotal:          65536 kB\n",
    "uptime": b"3.14 1.00\n",
    "filesystems": b"nodev\ttmpfs\n",
    "self/status": b"Name:\tanother\n",
}


@pytest.mark.parametrize("name", LIES)
def test_a_file_of_proc_that_says_otherwise_is_told(name: str, pool: Pool) -> None:
    """As lxcfs mounts files over those of the kernel; and no other is named with it."""
    box = pool.box(need("namespaces").weakened(grant("SYS_ADMIN")))
    with box.spawn() as proc:
        assert not wrong(proc, Drawn("a (b) c", 4096))
        must(proc.unshare(CLONE["mnt"]), "mounts of its own")
        must(write(proc, "/lie", LIES[name], os.O_CREAT | os.O_WRONLY | os.O_TRUNC), "a file")
        must(proc.mount("/lie", f"/proc/{name}", None, MS.BIND), "a mount over the file")
        assert wrong(proc, Drawn("a (b) c", 4096)).keys() == {f"/proc/{name}"}


LINKED = (Call("add", 0, 0, 7), Call("look", 1))
MOVED = (Call("rename", 2, 7),)


@pytest.mark.parametrize("name", ["docker", "podman", "cri"])
def test_an_overlay_is_named(name: str, pool: Pool) -> None:
    """Of what the kernel's document of overlayfs says is not as POSIX has it: other names of what was changed, and a
    directory that is renamed.
    """
    box = pool.box(need(name))
    if file_system(box) != "overlay":
        pytest.skip(f"{name} has its images on {file_system(box)} here")
    linked, moved = compared_on_image(box, BY_NAME["image"], [LINKED, MOVED])
    assert linked.first is not None
    assert [one.result for one in linked.first] == ["file 644, 2 names, 15 bytes", "file 644, 2 names, 13 bytes"]
    if moved.first is not None:  # with redirect_dir it is renamed
        assert (moved.first[0].result, moved.first[1].result) == ("0", "EXDEV")


def test_a_kernel_of_ones_own_is_found(pool: Pool) -> None:
    box = pool.box(need("gvisor"))
    assert {name for name in ("files", "locks") if measured(name, box, 10).violation} == {"files", "locks"}
    lacking = measured("proc", box).violation
    assert lacking is not None and lacking.observed["/proc/sys/kernel/random/uuid"] == "ENOENT"
