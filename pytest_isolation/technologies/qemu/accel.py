"""KVM or TCG: what this machine can really boot a guest on, found by booting one."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_isolation.errors import Unavailable
from pytest_isolation.technologies.qemu.vm import BootError, boot

if TYPE_CHECKING:
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.technologies.qemu.machine import Machine

DEVICE = "/dev/kvm"
KVM_TIMEOUT_S = 12.0
"""On KVM a guest is there within a second or two."""

_tried: dict[Path, str | None] = {}
"""Kernel image -> why it does not boot on KVM here: a machine's answer, the same for every run of a process."""


def no_kvm() -> str | None:
    """Why KVM cannot even be tried; None: it can."""
    if not os.path.exists(DEVICE):
        return f"there is no {DEVICE}"
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        return f"{DEVICE} cannot be opened by this user"
    return None


def choose(wanted: str, machine: Machine, lifetime: Lifetime) -> tuple[Literal["kvm", "tcg"], str | None]:
    """What to run `machine` on, and why not on KVM; tried once a process.

    `wanted`: auto, kvm or tcg.  Raises Unavailable, with the reason, when it is kvm and no guest boots on it.
    """
    if wanted == "tcg":
        return "tcg", None
    reason = why_no_guest(machine, lifetime)
    if reason is None:
        return "kvm", None
    if wanted == "kvm":
        raise Unavailable(f"accel=kvm: {reason}", "use accel=auto or accel=tcg")
    return "tcg", f"not on KVM: {reason}"


def why_no_guest(machine: Machine, lifetime: Lifetime) -> str | None:
    """Why `machine` does not boot on KVM here; None: it does.  Tried once a process, for at most KVM_TIMEOUT_S."""
    if machine.kernel.path not in _tried:
        _tried[machine.kernel.path] = no_kvm() or _try(machine, lifetime)
    return _tried[machine.kernel.path]


def _try(machine: Machine, lifetime: Lifetime) -> str | None:
    try:
        boot(replace(machine, accel="kvm"), lifetime, timeout=KVM_TIMEOUT_S).close()
    except BootError as error:
        return f"{DEVICE} opens, and no guest boots on it ({error.why})"
    return None
