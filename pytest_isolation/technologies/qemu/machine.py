"""A machine as a value, and the command line that makes it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Literal

from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import Unavailable
from pytest_isolation.technologies.qemu.kernel import Kernel

BINARY = "qemu-system-x86_64"
TRANSLATED = 64 * MIB
"""How much translated code TCG may keep: part of what a VM costs beside its memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What to boot.

    `memory` in bytes; `boot` is added to the kernel's command line; `modules` (names) are loaded before the agent
    is handed over, with what they need; `devices` are further arguments for QEMU.
    """

    kernel: Kernel
    accel: Literal["kvm", "tcg"] = "tcg"
    type: Literal["q35", "microvm"] = "q35"
    memory: int = 256 * MIB
    processors: int = 1
    boot: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()


def binary() -> str:
    """Raises Unavailable when QEMU is not installed."""
    found = shutil.which(BINARY)
    if found is None:
        raise Unavailable(f"{BINARY} is not installed", "Debian: apt install qemu-system-x86")
    return found


def command(machine: Machine, initramfs: str, fds: dict[str, int]) -> list[str]:
    """`fds`: the descriptors of the channels `serial`, `port`, `console` and `monitor` in QEMU's process."""
    if machine.type == "microvm" and machine.accel == "tcg":
        # Seen with QEMU 7.2 and kernels 6.1 and 6.12: no reference to calibrate the TSC against, and no timer.
        raise Unavailable("Linux finds no timer on machine=microvm without KVM", "use machine=q35")
    kinds = {"q35": "q35", "microvm": "microvm,pcie=on,pit=on,pic=on,rtc=on,isa-serial=off"}
    serial = [
        "-device",
        "isa-serial,chardev=console",
        "-device",
        "isa-serial,chardev=serial,index=1,iobase=0x2f8,irq=3",
    ]
    if machine.type == "q35":
        serial = ["-serial", "chardev:console", "-serial", "chardev:serial"]
    kvm = machine.accel == "kvm"
    boot = ("console=ttyS0", "panic=-1", "loglevel=7", "random.trust_cpu=on", *machine.boot)
    line = [binary(), "-machine", kinds[machine.type], "-nodefaults", "-no-user-config", "-display", "none"]
    line += ["-accel", "kvm" if kvm else f"tcg,tb-size={TRANSLATED // MIB}", "-cpu", "host" if kvm else "max"]
    line += ["-m", f"{machine.memory // MIB}M", "-smp", str(machine.processors), "-no-reboot"]
    line += ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"]
    for name, fd in fds.items():
        line += ["-chardev", f"socket,id={name},fd={fd}"]
    line += [*serial, "-mon", "chardev=monitor,mode=control"]
    line += ["-device", "virtio-serial-pci", "-device", "virtserialport,chardev=port,name=agent"]
    line += [*machine.devices, "-kernel", str(machine.kernel.path), "-initrd", initramfs]
    # What follows the two dashes are the arguments of /init: where the agent speaks.
    return [*line, "-append", " ".join((*boot, "--", "/dev/ttyS1"))]
