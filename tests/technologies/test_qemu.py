"""What is special about a box that is a virtual machine."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from pytest_isolation import weaken
from pytest_isolation.agent.shortcuts import read
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import MIB, BoxSpec, Volume
from pytest_isolation.errors import Unavailable, Unsupported, UsageError
from pytest_isolation.guarantees.property import run_property
from pytest_isolation.outside import emulator
from pytest_isolation.outside.shared.found import of_its_machine
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.qemu import Qemu, accel, holes, kernel
from pytest_isolation.technologies.qemu.move import move
from tests.support import built_in_checks, need, new_pool

TCG = (("accel", "tcg"),)


@pytest.fixture(scope="module")
def spec() -> BoxSpec:
    return replace(need("qemu"), options=TCG)


@pytest.mark.long(seconds=20)
def test_a_machine_moves_as_a_file_and_goes_on(spec: BoxSpec, lifetime: Lifetime) -> None:
    machine, _ = Qemu().machine(spec, lifetime)
    (moved,) = move(machine, lifetime)
    assert moved.before is not None
    assert moved.went_on and moved.before.counter > 10, moved
    assert moved.bytes > 10 * MIB


def test_copies_of_one_machine_are_not_the_same(spec: BoxSpec, lifetime: Lifetime) -> None:
    seen = set()
    for _ in range(3):
        with technology("qemu").launch(spec, lifetime) as box:
            seen.add(box.proc.getrandom(16).data)
            seconds = int.from_bytes(box.proc.clock_gettime(0).outs[0][:8], "little")
            assert abs(seconds - time.time()) < 30, "the guest's clock stayed where it was kept"
    assert len(seen) == 3, "copies share the state of their random number generator"


def test_without_fresh_random_copies_are_the_same_however_late_they_are_read(spec: BoxSpec, lifetime: Lifetime) -> None:
    seen = set()
    for _ in range(2):
        with technology("qemu").launch(spec.weakened(weaken.drop("fresh-random")), lifetime) as box:
            time.sleep(3)  # as on a busy host: its kernel draws a seed of its own by then
            seen.add(read(box.proc, "/dev/urandom", 16).data)
    assert len(seen) == 1, "the control of port.behaviour-random would be silent"


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone becomes another user")
def test_its_process_may_be_nobodys_with_an_empty_root(spec: BoxSpec, lifetime: Lifetime) -> None:
    nobody = str(pwd.getpwnam("nobody").pw_uid)
    for _ in range(2):  # the second goes on from the first's state
        with technology("qemu").launch(replace(spec, options=(*TCG, ("confined", "true"))), lifetime) as box:
            assert {user for one in emulator.status(box) for user in one["Uid"].split()} == {nobody}
            assert {one["Seccomp"] for one in emulator.status(box)} == {"2"}
            assert list(Path(f"/proc/{box.parts.kernel_pid}/root").iterdir()) == []
            assert not emulator.has_the_hosts_root(box)
            assert box.parts.size is not None and box.parts.size()[1] == 1


STANDS_STILL = """
import sys
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.technologies import technology

spec = BoxSpec(technology="qemu", options=(("accel", "tcg"), ("confined", "true")))
box = technology("qemu").launch(spec, Lifetime())
box.parts.pausing.pause()
print(box.parts.kernel_pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone becomes another user")
def test_its_process_that_is_nobodys_ends_with_a_run_that_is_killed(spec: BoxSpec) -> None:
    """red: the kernel forgets PR_SET_PDEATHSIG of who becomes another user, and a machine that stands still stays."""
    with subprocess.Popen([sys.executable, "-c", STANDS_STILL], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        emulator_of_it = psutil.Process(int(run.stdout.readline()))
        run.kill()
    try:
        deadline = time.monotonic() + 10
        while emulator_of_it.is_running() and emulator_of_it.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline, "QEMU goes on without the run"
            time.sleep(0.02)
    finally:
        emulator_of_it.kill()


def test_what_a_machine_was_handed_is_what_its_process_has_open(spec: BoxSpec, lifetime: Lifetime) -> None:
    with technology("qemu").launch(spec, lifetime) as box:
        assert of_its_machine(box) == []
        assert [*emulator.devices(box), *emulator.ports(box), *emulator.names(box)] == []
    handed = spec.weakened(weaken.hand_in("directory"), weaken.hand_in("file"), weaken.hand_in("device"))
    with technology("qemu").launch(handed, lifetime) as box:
        found = {(one.kind, one.directory, one.read_only) for one in of_its_machine(box)}
        assert found == {("volume", True, False), ("system", False, True)}
        assert emulator.devices(box) == [holes.DEVICE]


def test_it_is_the_kernel_that_was_named(spec: BoxSpec, lifetime: Lifetime) -> None:
    for image in sorted(Path("/boot").glob("vmlinuz-*-cloud-amd64")):
        named = replace(spec, options=(*TCG, ("kernel", os.fspath(image))))
        with technology("qemu").launch(named, lifetime) as box:
            release = read(box.proc, "/proc/sys/kernel/osrelease").data.decode().strip()
            assert f"vmlinuz-{release}" == image.name


def test_identity_environment_and_limits_arrive(spec: BoxSpec, lifetime: Lifetime) -> None:
    asked = replace(spec, uid=1000, gid=1001, workdir="/tmp", env=(("A", "b c"),), memory=64 * MIB, pids=20, cpus=0.5)
    with technology("qemu").launch(asked, lifetime) as box:
        assert (box.proc.getuid().value, box.proc.getgid().value) == (1000, 1001)
        assert box.proc.getcwd().data.rstrip(b"\0") == b"/tmp"
        assert b"A=b c\0" in read(box.proc, "/proc/self/environ").data
        assert read(box.proc, "/sys/fs/cgroup/pids.max").data == b"20\n"
        total = int(read(box.proc, "/proc/meminfo").data.split()[1]) >> 10
        assert total < 64 + 80, "the machine has more memory than the limit and the kernel's own"


def test_what_it_cannot_give_is_refused(spec: BoxSpec, lifetime: Lifetime) -> None:
    for changes in (
        {"volumes": (Volume(target="/data"),)},
        {"network": "host"},
        {"image": "debian:bookworm"},
        {"memory": 4096 * MIB},
        {"cpus": 2.0},
    ):
        with pytest.raises(Unsupported):
            technology("qemu").launch(replace(spec, **changes), lifetime)  # type: ignore[arg-type]


def test_the_user_mode_network_leads_to_the_hosts_loopback(spec: BoxSpec) -> None:
    ((promise, test),) = [one for one in built_in_checks() if one[0].id == "net.host-loopback-unreachable"]
    with new_pool() as pool:
        for network, violated in (("user", True), ("none", False)):
            ran = run_property(promise, test, pool.box(replace(spec, network=network)), examples=20, seed=1)
            assert not (ran.trouble or ran.unsupported)
            assert (ran.violation is not None) == violated, network


def test_bad_keywords_say_what_was_expected(spec: BoxSpec, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="accel=fast: expected one of auto, kvm, tcg"):
        Qemu().check_available(replace(spec, options=(("accel", "fast"),)))
    with pytest.raises(Unavailable, match="cannot be opened"):
        Qemu().check_available(replace(spec, options=(("kernel", os.fspath(tmp_path / "none")),)))
    with pytest.raises(Unavailable, match="machine=microvm needs KVM"):
        Qemu().check_available(replace(spec, options=(("accel", "tcg"), ("machine", "microvm"))))


def test_without_qemu_or_a_kernel_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plain = BoxSpec(technology="qemu")
    with monkeypatch.context() as patch:
        patch.setenv("PATH", os.fspath(tmp_path))
        with pytest.raises(Unavailable, match="apt install qemu-system-x86"):
            Qemu().check_available(plain)
    need("qemu")
    monkeypatch.setattr(kernel, "BOOT", tmp_path)
    with pytest.raises(Unavailable, match="no kernel image"):
        Qemu().check_available(plain)


def test_kvm_is_tried_and_the_reason_is_kept(spec: BoxSpec, lifetime: Lifetime) -> None:
    with technology("qemu").launch(replace(spec, options=()), lifetime) as box:
        on_kvm = box.parts.measured["accel"] == "kvm"
        assert on_kvm == (not box.parts.notes), "a fall back to TCG is noted, and only that"
    if not on_kvm:
        asked = replace(spec, options=(("accel", "kvm"),))
        with pytest.raises(Unavailable, match="accel=kvm: "):
            technology("qemu").launch(asked, lifetime)
        assert accel.no_kvm() or "no guest boots on it" in str(box.parts.notes)


def test_a_killed_run_leaves_no_machine(spec: BoxSpec) -> None:
    program = """
import sys, time
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.outside import emulator
from pytest_isolation.outside.shared.found import of_its_machine
from pytest_isolation.technologies import technology
box = technology("qemu").launch(BoxSpec(technology="qemu", options=(("accel", "tcg"),)), Lifetime())
print(*box.parts.group.pids(), flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        pids = [int(word) for word in run.stdout.readline().split()]
        assert pids, "the machine did not start"
        run.send_signal(signal.SIGKILL)
        run.wait()
    deadline = time.monotonic() + 10
    while (left := [pid for pid in pids if psutil.pid_exists(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left, "QEMU outlived the run that started it"
