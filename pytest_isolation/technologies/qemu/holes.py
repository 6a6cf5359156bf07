"""What a box of QEMU is made like, in the guest and of the process on its host, and what opens each hole in it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from pytest_isolation.boxes.image import Image
from pytest_isolation.boxes.spec import MIB, BoxSpec
from pytest_isolation.boxes.weakenings import CONFIGURATION_LOSSES, IMAGE_LOSSES, drop, hand_in, lossy
from pytest_isolation.technologies.handed import handed
from pytest_isolation.technologies.opens import Opens, adds, as_root, by, each, folded, sets

DEVICE = "/dev/full"
"""A device that everybody has and that does nothing: whoever has it open can do nothing with it."""
MOST = 254
"""Processors of a q35: more want an interrupt remapper, system/i386/pc."""
LARGEST = 512 << 30
"""Bytes that a processor of TCG can address are twice as many."""


@dataclass(slots=True)
class Plan:
    """What is left out of a box on purpose."""

    read_only: bool = True
    keeps_state: bool = True
    """What runs in it, when it is moved."""
    filtered: bool = True
    """Whether QEMU's own process is under a filter."""
    own_account: bool = True
    own_root: bool = True
    """Both of QEMU's process, where it is to be confined."""
    nameless: bool = True
    """Whether nobody can connect to QEMU's process by a name."""
    fresh_random: bool = True
    """Whether a machine that goes on from another's state is given a seed of its own."""
    devices: list[str] = field(default_factory=list)
    """Further words for QEMU."""


def _can_be_larger() -> bool:
    """Whether a machine can be asked for that would be larger than this one."""
    return (os.cpu_count() or 1) < MOST and _memory() < LARGEST


def _memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


OPENS: Opens = {
    drop("read-only"): sets("read_only", False),
    drop("kept-state"): sets("keeps_state", False),
    drop("fresh-random"): sets("fresh_random", False),
    drop("emulator-filter"): sets("filtered", False),
    drop("emulator-user"): sets("own_account", False).where(as_root),
    drop("emulator-root"): sets("own_root", False).where(as_root),
    drop("emulator-ports"): adds("devices", "-chardev", "socket,id=tcp,server=on,wait=off,host=127.0.0.1,port=0"),
    drop("emulator-names"): sets("nameless", False),
    drop("machine-memory"): adds("devices", "-m", f"slots=1,maxmem={_memory() // MIB + 1024}M").where(_can_be_larger),
    drop("machine-processors"): adds("devices", "-smp", f"maxcpus={(os.cpu_count() or 1) + 1}").where(_can_be_larger),
    hand_in("device"): adds("devices", "-chardev", f"file,id=handed-device,path={DEVICE}"),
    hand_in("network"): adds(
        "devices", "-netdev", "user,id=handed,restrict=on", "-device", "virtio-net-pci,netdev=handed,romfile="
    ),
    hand_in("file"): by(handed).where(lambda: os.access("/etc", os.W_OK)),
    hand_in("directory"): by(handed),
    **each(IMAGE_LOSSES, lossy, by(Image.carried)),
    **each(CONFIGURATION_LOSSES, lossy, by(BoxSpec.delivered)),
}


def plan_of(spec: BoxSpec) -> Plan:
    """What is left out of a box of `spec`."""
    return folded(OPENS, Plan(), spec)
