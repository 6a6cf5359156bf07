"""A machine as a value, and the command line that makes it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Literal

from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import Unavailable
from pytest_isolation.technologies.qemu.kernel import Kernel

CHANNEL = ("virtio_pci", "virtio_console")
"""What a kernel needs, built in or as modules, for the agent to speak over virtio."""
BINARY = "qemu-system-x86_64"
TRANSLATED = 64 * MIB


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
    in_turn: bool = False
    """Without KVM: the processors take turns on one thread of the host.

    Four times cheaper where processes call each other.  And processors of a thread each saw code half-way that the
    kernel was patching (a static key): an oops in __schedule, seen once in some ten long runs with QEMU 7.2.
    """
    boot: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    translated: int = TRANSLATED
    """How much translated code TCG may keep, in bytes: part of what a VM costs beside its memory."""

    @property
    def starts_on_virtio(self) -> bool:
        """Whether the agent's first words go over virtio.

        Else over a serial line: every kernel has that, and on a busy host TCG loses interrupts of it now and then.
        """
        return all(self.kernel.modules.built_in(name) for name in CHANNEL)


def binary() -> str:
    """Raises Unavailable when QEMU is not installed."""
    found = shutil.which(BINARY)
    if found is None:
        raise Unavailable(f"{BINARY} is not installed", "Debian: apt install qemu-system-x86")
    return found


def command(machine: Machine, initramfs: str, fds: dict[str, int], incoming: int | None = None) -> list[str]:
    """`fds`: the descriptors of the channels `first`, `port`, `console` and `monitor` in QEMU's process.

    `incoming`: a descriptor with the state of an equal machine, to go on from.
    """
    if machine.type == "microvm" and machine.accel == "tcg":
        # Seen with QEMU 7.2 and kernels 6.1 and 6.12: no reference to calibrate the TSC against, and no timer.
        raise Unavailable("Linux finds no timer on machine=microvm without KVM", "use machine=q35")
    kinds = {"q35": "q35", "microvm": "microvm,pcie=on,pit=on,pic=on,rtc=on,isa-serial=off"}
    first = ["-device", "isa-serial,chardev=first,index=1,iobase=0x2f8,irq=3"]
    if machine.starts_on_virtio:
        first = ["-device", "virtconsole,chardev=first"]
    where = "/dev/hvc0" if machine.starts_on_virtio else "/dev/ttyS1"
    kvm = machine.accel == "kvm"
    # On a busy host the timer of TCG can be too late for the kernel's test of it, which panics.
    boot = ("console=ttyS0", "panic=-1", "loglevel=5", "random.trust_cpu=on", "no_timer_check", *machine.boot)
    line = [binary(), "-machine", kinds[machine.type], "-nodefaults", "-no-user-config", "-display", "none"]
    tcg = f"tcg,tb-size={machine.translated // MIB}" + (",thread=single" if machine.in_turn else "")
    line += ["-accel", "kvm" if kvm else tcg, "-cpu", "host" if kvm else "max"]
    line += ["-m", f"{machine.memory // MIB}M", "-smp", str(machine.processors), "-no-reboot"]
    line += ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"]
    for name, fd in fds.items():
        line += ["-chardev", f"socket,id={name},fd={fd}"]
    line += ["-device", "isa-serial,chardev=console,index=0", "-mon", "chardev=monitor,mode=control"]
    line += ["-device", "virtio-serial-pci", *first, "-device", "virtserialport,nr=1,chardev=port,name=agent"]
    line += [*machine.devices, "-kernel", str(machine.kernel.path), "-initrd", initramfs]
    if incoming is not None:
        line += ["-incoming", f"fd:{incoming}"]
    # What follows the two dashes are the arguments of /init: where the agent speaks.
    return [*line, "-append", " ".join((*boot, "--", where))]
