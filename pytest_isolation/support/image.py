"""A kernel image, booted in a VM so that its features can be tried there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.agent.constants import AT_FDCWD, MS
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import AgentLost, BoxError, Unavailable
from pytest_isolation.support.kernel import Kernel, look
from pytest_isolation.technologies.qemu import kernel as images
from pytest_isolation.technologies.qemu.machine import CHANNEL, Machine
from pytest_isolation.technologies.qemu.vm import BootError, Vm, boot

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc, Reply
    from pytest_isolation.boxes.lifetime import Lifetime

MOUNTS = (
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("tmpfs", "/tmp"),
    ("devpts", "/dev/pts"),
    ("cgroup2", "/sys/fs/cgroup"),
    ("securityfs", "/sys/kernel/security"),
)
"""What an init mounts: file system and place."""
BOOT_TIMEOUT_S = 60.0
"""Debian's kernels need 3 to 4 seconds of a processor until the agent answers."""
EARLY = "earlyprintk=ttyS0,115200"
"""A kernel that stops before its console is there says why all the same."""


@contextmanager
def booted(
    path: str,
    lifetime: Lifetime,
    *,
    parameters: tuple[str, ...] = (),
    devices: tuple[str, ...] = (),
    timeout: float = BOOT_TIMEOUT_S,
) -> Iterator[Kernel]:
    """Boot the image at `path`, with `parameters` on its command line, and mount what a system has mounted.

    `devices`: further arguments for QEMU; `timeout`: seconds until the agent must have answered.

    Raises Unavailable when it is no kernel image, could be asked over a serial line only, or QEMU is missing; BootError
    (a BoxError), with the console's last lines, when it does not boot.
    """
    machine = Machine(
        kernel=images.kernel(path),
        memory=1024 * MIB,
        processors=2,
        in_turn=True,
        boot=(EARLY, *parameters),
        devices=devices,
    )
    with boot(machine, lifetime, timeout=timeout) as vm:
        if not vm.fast:
            raise Unavailable(
                f"the kernel {path} cannot be asked in reasonable time: {machine.kernel.why_no_channel(CHANNEL)}",
                "name an image with its modules beside it",
            )
        loader = Loader(vm)
        try:
            prepare(vm.agent.proc)
            directory = machine.kernel.modules.directory or Path("/lib/modules") / "none"
            yield look(path, vm.agent.proc, modules=directory, load=loader.load, ours=True)
        except AgentLost as error:
            vm.console.settle()
            raise BootError(f"the kernel {path} stopped answering", str(error), vm.console.tail()) from None


def prepare(init: Proc, *, without: tuple[str, ...] = ()) -> None:
    """What an init does: a root that can be left (an initramfs cannot), and all of MOUNTS but `without`.

    Raises BoxError when the kernel has no proc, sysfs or tmpfs.
    """
    init.umask(0)
    root = "/box"
    _must(init.mount("root", root, "tmpfs", 0, "mode=0755"))
    for name in ("dev", "proc", "sys", "tmp"):
        init.mkdirat(AT_FDCWD, f"{root}/{name}", 0o755)
    _must(init.mount("/dev", f"{root}/dev", None, MS.MOVE))
    _must(init.chdir(root))
    _must(init.mount(".", "/", None, MS.MOVE))
    _must(init.chroot("."))
    init.mkdirat(AT_FDCWD, "/dev/pts", 0o755)
    init.symlinkat("/proc/self/fd", AT_FDCWD, "/dev/fd")  # execveat(2) of a descriptor looks there, under TOMOYO
    for fstype, place in MOUNTS:
        if fstype not in without:
            reply = init.mount(fstype, place, fstype, 0, "mode=1777" if fstype == "tmpfs" else None)
            if fstype in ("proc", "sysfs"):
                _must(reply)


def _must(reply: Reply) -> None:
    if not reply.ok:
        raise BoxError(f"the kernel cannot be prepared: {reply}")


class Loader:
    """Loads modules when a feature needs them, each once."""

    def __init__(self, vm: Vm) -> None:
        self._vm = vm
        self._seen: set[str] = set()

    def load(self, name: str) -> None:
        """Unless the kernel has none of that name, or refuses it: the trial will tell.  Raises AgentLost."""
        if name in self._seen:
            return
        self._seen.add(name)
        try:
            self._vm.load(name)
        except AgentLost:
            raise
        except (Unavailable, BoxError):
            return
        if name in FOR_EVERYBODY:
            self._vm.agent.proc.fchmodat(AT_FDCWD, FOR_EVERYBODY[name], 0o666)


FOR_EVERYBODY = {"fuse": "/dev/fuse", "tun": "/dev/net/tun"}
"""Devices that udev opens to every user."""
