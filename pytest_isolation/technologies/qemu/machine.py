"""A machine as a value, and the command line that makes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import Unavailable
from pytest_isolation.technologies.qemu.emulator import Emulator, of_this_host
from pytest_isolation.technologies.qemu.kernel import Kernel

if TYPE_CHECKING:
    from pathlib import Path

CHANNEL = ("virtio_pci", "virtio_console")
"""What a kernel needs, built in or as modules, for the agent to speak over virtio."""
TRANSLATED = 64 * MIB


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of a machine.  `descriptor`: the guest's, of the port its agent speaks over.

    In a file of its own, or, without one, in the machine's disk by the name `tag`: an internal snapshot.
    """

    file: Path | None
    descriptor: int
    tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What to boot.

    `memory` in bytes; `boot` is added to the kernel's command line; `modules` (names) are loaded before the agent
    is handed over, with what they need; `devices` are further arguments for QEMU.
    """

    kernel: Kernel
    emulator: Emulator | None = None
    """None: this host's."""
    accel: Literal["kvm", "tcg"] = "tcg"
    type: str = "q35"
    """q35, microvm, or another that QEMU knows: one with a version in its name is the same in each QEMU that has it."""
    cpu: str = ""
    """A model that QEMU knows; empty: host with KVM, else max."""
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
    moves: bool = True
    """Whether its state can be kept in a file: QEMU keeps none of a machine that has the host's directories."""
    translated: int = TRANSLATED
    """How much translated code TCG may keep, in bytes: part of what a VM costs beside its memory."""

    filtered: bool = True
    """Whether QEMU's own process is under its filter of system calls."""
    account: str = ""
    """Whose QEMU's process becomes when it has all that it needs; empty: it stays its starter's."""
    own_root: bool = False
    """Whether an empty directory is its root from then on."""
    kept: bool = True
    """Whether the next equal one may go on from its state: not where it has what a second cannot have."""

    @property
    def starts_on_virtio(self) -> bool:
        """Whether the agent's first words go over virtio.

        Else over a serial line: every kernel has that, and on a busy host TCG loses interrupts of it now and then.
        """
        return all(self.kernel.modules.built_in(name) for name in CHANNEL)


SANDBOX = "on,obsolete=deny,spawn=deny,resourcecontrol=deny"


def command(
    machine: Machine,
    initramfs: str,
    fds: dict[str, int],
    snapshot: Snapshot | None = None,
    state: int | None = None,
    root: str = "",
) -> list[str]:
    """`fds`: the descriptors of the channels `first`, `port`, `console` and `monitor` in QEMU's process.

    `snapshot`: of an equal machine, to go on from; `state`: a descriptor with that, where it is in a file of its own.
    `root`: the directory that is QEMU's own root, where the machine asks for one.
    """
    if machine.type == "microvm" and machine.accel == "tcg":
        # Seen with QEMU 7.2 and kernels 6.1 and 6.12: no reference to calibrate the TSC against, and no timer.
        raise Unavailable("Linux finds no timer on machine=microvm without KVM", "use machine=q35")
    kinds = {"microvm": "microvm,pcie=on,pit=on,pic=on,rtc=on,isa-serial=off"}
    first = ["-device", "isa-serial,chardev=first,index=1,iobase=0x2f8,irq=3"]
    if machine.starts_on_virtio:
        first = ["-device", "virtconsole,chardev=first"]
    where = "/dev/hvc0" if machine.starts_on_virtio else "/dev/ttyS1"
    kvm = machine.accel == "kvm"
    # On a busy host the timer of TCG can be too late for the kernel's test of it, which panics.
    boot = ("console=ttyS0", "panic=-1", "loglevel=5", "random.trust_cpu=on", "no_timer_check", *machine.boot)
    emulator = machine.emulator or of_this_host()
    line = [*emulator.program, *emulator.options, "-machine", kinds.get(machine.type, machine.type)]
    line += ["-nodefaults", "-no-user-config", "-display", "none"]
    tcg = f"tcg,tb-size={machine.translated // MIB}" + (",thread=single" if machine.in_turn else "")
    line += ["-accel", "kvm" if kvm else tcg, "-cpu", machine.cpu or ("host" if kvm else "max")]
    line += ["-m", f"{machine.memory // MIB}M", "-smp", str(machine.processors), "-no-reboot"]
    if machine.filtered:
        # It becomes another user's when it is under its filter, which must let it.
        line += ["-sandbox", SANDBOX if machine.account else f"{SANDBOX},elevateprivileges=deny"]
    if machine.account:
        line += ["-runas", machine.account]
    if machine.own_root:
        line += ["-chroot", root]
    for name, fd in fds.items():
        line += ["-chardev", f"socket,id={name},fd={fd}"]
    line += ["-device", "isa-serial,chardev=console,index=0", "-mon", "chardev=monitor,mode=control"]
    line += ["-device", "virtio-serial-pci", *first, "-device", "virtserialport,nr=1,chardev=port,name=agent"]
    line += [*machine.devices, "-kernel", str(machine.kernel.path), "-initrd", initramfs]
    if snapshot is not None:
        line += ["-loadvm", snapshot.tag] if state is None else ["-incoming", f"fd:{state}"]
    # What follows the two dashes are the arguments of /init: where the agent speaks.
    return [*line, "-append", " ".join((*boot, "--", where))]
