"""Any kernel image is booted to an agent, or says why not with its console's last lines."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pytest_isolation.agent.shortcuts import read
from pytest_isolation.boxes.image import Entry, Image
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.errors import AgentLost, Unavailable
from pytest_isolation.technologies.qemu.emulator import binary
from pytest_isolation.technologies.qemu.initramfs import to_cpio
from pytest_isolation.technologies.qemu.kernel import Kernel, kernel
from pytest_isolation.technologies.qemu.machine import Machine
from pytest_isolation.technologies.qemu.vm import BootError, boot
from tests.support import REQUIRED


@pytest.fixture(scope="module")
def image() -> Kernel:
    try:
        binary()
        return kernel()
    except Unavailable as error:
        if "qemu" in REQUIRED:
            raise
        pytest.skip(str(error))


def test_boots_to_the_agent_and_loads_modules(image: Kernel, lifetime: Lifetime) -> None:
    with boot(Machine(kernel=image, boot=("cgroup_disable=memory",)), lifetime) as vm:
        proc = vm.agent.proc
        assert proc.getpid().value == 1
        assert vm.monitor.status() == "running"
        assert not vm.monitor.kvm()
        assert proc.mount("proc", "/proc", "proc").ok
        assert b"cgroup_disable=memory" in read(proc, "/proc/cmdline").data
        assert b"\noverlay " not in read(proc, "/proc/modules").data
        vm.load("overlay")
        assert b"overlay " in read(proc, "/proc/modules").data
        with pytest.raises(Unavailable, match="no module nothing_real"):
            vm.load("nothing-real")
        pid = vm.pid
    assert not os.path.exists(f"/proc/{pid}")


def test_a_kernel_that_panics_shows_its_console(image: Kernel, lifetime: Lifetime) -> None:
    started = time.monotonic()
    with pytest.raises(BootError, match="panic") as caught:
        boot(Machine(kernel=image, boot=("rdinit=/nothing", "root=/nothing")), lifetime)
    assert time.monotonic() - started < 50, "the machine's end was not noticed"
    assert caught.value.console


def test_a_kernel_that_panics_later_says_why(image: Kernel, lifetime: Lifetime) -> None:
    with boot(Machine(kernel=image), lifetime) as vm, pytest.raises(AgentLost) as caught:
        vm.agent.proc.exit_group(3)
    assert "Kernel panic - not syncing: Attempted to kill init!" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_kernel_that_hangs_shows_its_console(image: Kernel, lifetime: Lifetime) -> None:
    with pytest.raises(BootError, match="no word from the agent within 3 s"):
        boot(Machine(kernel=image, boot=("boot_delay=10000", "lpj=1000000")), lifetime, timeout=3)


def test_what_is_no_kernel_says_so(tmp_path: Path) -> None:
    text = tmp_path / "vmlinuz"
    text.write_text("not a kernel")
    for path, said in ((text, "no x86 Linux kernel image"), (tmp_path / "none", "cannot be opened")):
        with pytest.raises(Unavailable, match=said):
            kernel(path)


def test_the_archive_refuses_what_it_would_lose() -> None:
    with pytest.raises(ValueError, match="carries no xattrs"):
        to_cpio(Image((Entry(path=b"a", kind="file", mtime_ns=1),)))
