"""QEMU: a virtual machine, booted directly from a kernel image with the agent as its first process.

To boot any kernel image and get an agent back, use `vm.boot(machine.Machine(kernel=kernel.kernel(PATH), ...),
lifetime)`: further words of the kernel's command line, modules and a time limit are its arguments, and a kernel
that hangs or panics raises `vm.BootError` with its console's last lines.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes.spec import MIB
from pytest_isolation.boxes.weakenings import Weakenings, drop, unlimited
from pytest_isolation.errors import Unavailable, Unsupported, UsageError
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies import launcher, program
from pytest_isolation.technologies.base import refuse_unknown_holes, start_box, texts
from pytest_isolation.technologies.lacking import Words, in_vain
from pytest_isolation.technologies.opens import Opens, by, each, openable
from pytest_isolation.technologies.qemu import accel, guest, holes, kernel, network, process, share
from pytest_isolation.technologies.qemu.emulator import binary
from pytest_isolation.technologies.qemu.machine import CHANNEL, Machine
from pytest_isolation.technologies.qemu.start import Start

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec

__all__ = ["Qemu"]

MEMORY = 256 * MIB
"""Of a machine whose memory nobody limited."""
LARGEST = 768 * MIB
"""The guard group that every box is in has 1 GiB, and QEMU needs memory beside the guest's."""
KERNELS_OWN = 80 * MIB
"""What a Debian cloud kernel and the box's files need beside the limit: 58 MiB were measured for 6.12."""
CHOICES = {"accel": ("auto", "kvm", "tcg"), "machine": ("q35", "microvm")}


OPENS: Opens = {
    **each(("memory", "cpu"), unlimited, by(launcher.limits_of)),
    drop("clean-up"): by(launcher.new_groups),
    drop("fails-closed"): by(in_vain),
    **holes.OPENS,
}


LACKING: Words[tuple[str, ...]] = {
    "filter": lambda one: ("-sandbox", f"on,{one.name}=deny"),
    "user": lambda one: ("-runas", one.name),
    "device": lambda one: ("-drive", f"file=/dev/{one.name},format=raw,if=none,id={one.name}"),
    "network": lambda one: ("-netdev", f"bridge,id={one.name},br={one.name}"),
}
"""Of QEMU's own process, but for the device and the network."""


class Qemu:
    """A virtual machine of QEMU, with this host's kernel or another."""

    name = "qemu"
    lacking = LACKING
    start_ms = 4000
    doors = ("start",)
    keywords: Mapping[str, str] = {
        "kernel": "a kernel image (default: the newest readable one in /boot, cloud kernels first)",
        "accel": "auto (KVM when a guest really boots on it, else TCG), kvm or tcg",
        "machine": "q35, or microvm (with KVM only: without it Linux finds no timer there)",
        "share": "how directories of the host are handed in: virtiofs, or 9p- and a security model: 9p-passthrough, "
        "9p-mapped-xattr, 9p-mapped-file, 9p-none (default: none can be)",
        "confined": "true: QEMU's own process is nobody's, with an empty root (root alone can ask for it)",
    }

    def weakenings(self) -> Weakenings:
        return openable(OPENS)

    def check_available(self, spec: BoxSpec) -> None:
        refuse_unknown_holes(self, spec)
        self._check_asked(spec)
        binary()
        found = self._kernel(spec)
        if found.modules.directory is not None and found.why_no_channel(CHANNEL):
            raise guest.too_slow(Machine(kernel=found))
        process.check(spec)
        for key, allowed in CHOICES.items():
            if (value := spec.option(key, allowed[0])) not in allowed:
                raise UsageError(f"{key}={value}: expected one of {', '.join(allowed)}")
        if (kind := self._share(spec)) is not None:
            share.check(kind, found)
        if spec.option("accel") == "kvm" and (reason := accel.no_kvm()):
            raise Unavailable(f"accel=kvm: {reason}", "use accel=auto or accel=tcg")
        if spec.option("machine") == "microvm" and (spec.option("accel") == "tcg" or accel.no_kvm()):
            raise Unavailable("machine=microvm needs KVM: without it Linux finds no timer there", "use machine=q35")

    def facts(self, spec: BoxSpec) -> Mapping[str, Any]:
        said = program.version_of(binary())
        found: dict[str, Any] = {"version": said.split("version ")[1].split()[0], "kernel": self._kernel(spec).release}
        wanted = spec.option("accel", "auto")
        if wanted == "tcg" or accel.no_kvm():
            found["accel"] = "tcg"
        return found

    def launch(self, spec: BoxSpec, lifetime: Lifetime) -> Box:
        machine, notes = self.machine(spec, lifetime)
        kind = self._share(spec)
        return start_box(spec, lambda undo: Start(spec, machine, kind, notes, lifetime, undo).parts())

    def machine(self, spec: BoxSpec, lifetime: Lifetime) -> tuple[Machine, list[str]]:
        """The machine that a box of `spec` is, and what its reader must know.  Raises as launch()."""
        self.check_available(spec)
        machine = Machine(
            kernel=self._kernel(spec), type=spec.option("machine", "q35"), memory=self._memory(spec), processors=1
        )
        if spec.network == "user":
            machine = replace(machine, modules=network.MODULES, devices=network.DEVICES)
        asked = in_vain(spec, LACKING) or ()
        chosen, note = accel.choose(spec.option("accel", "auto"), machine, lifetime)
        return replace(machine, accel=chosen, devices=(*machine.devices, *asked)), [note] if note else []

    def clean(self, kind: str, handle: str) -> bool:
        return False

    def _kernel(self, spec: BoxSpec) -> kernel.Kernel:
        # Debian's own names have a "+", which makes a list of an option's value: a kernel is one.
        return kernel.kernel("+".join(texts(spec, "kernel")) or None)

    def _share(self, spec: BoxSpec) -> str | None:
        """Raises UsageError."""
        value = spec.option("share")
        if value is None or value in share.KINDS:
            return None if value is None else str(value)
        raise UsageError(f"share={value}: expected one of {', '.join(share.KINDS)}")

    def _memory(self, spec: BoxSpec) -> int:
        asked = launcher.limits_of(spec).memory
        return MEMORY if asked is None else asked + KERNELS_OWN

    def _check_asked(self, spec: BoxSpec) -> None:
        """What a VM here cannot give is refused, never dropped."""
        if isinstance(spec.image, str):
            raise Unsupported(f"image={spec.image!r}: a VM here is started from the image made by us, not from a disk")
        if spec.network not in (None, "none", "user"):
            raise Unsupported(f"network={spec.network}: expected none (the default here) or user")
        if spec.volumes and self._share(spec) is None:
            raise Unsupported(
                "volumes: a machine has no way to directories of the host unless one is asked for, as share=virtiofs"
            )
        if self._memory(spec) > LARGEST:
            raise Unsupported(f"memory={spec.memory}: a VM here has at most {(LARGEST - KERNELS_OWN) >> 20} MiB")
        if (asked := launcher.limits_of(spec).cpus) is not None and asked > 1:
            raise Unsupported(f"cpus={spec.cpus}: a VM here has one processor")
