"""Directories of the host that a machine is handed: by 9p from QEMU itself, or by virtiofs from a daemon beside it.

Source: QEMU docs, system/invocation (-fsdev, -device vhost-user-fs-pci) and tools/virtiofsd.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.agent.constants import AT_FDCWD, MS
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.boxes.lifetime import started
from pytest_isolation.boxes.local import start_local
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import NOT_ROOT, BoxError, Unavailable
from pytest_isolation.technologies import launcher, program

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc
    from pytest_isolation.boxes.cgroups import Group
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.technologies.qemu.kernel import Kernel
    from pytest_isolation.technologies.qemu.machine import Machine

__all__ = ["KINDS", "Daemon", "Share", "check", "devices", "fitted", "modules", "mount", "serve", "told_of"]

MODELS = ("passthrough", "mapped-xattr", "mapped-file", "none")
KINDS = ("virtiofs", *(f"9p-{model}" for model in MODELS))
"""What the keyword `share` may say: a security model of 9p is how QEMU keeps owners and modes in the host's files."""
VIRTIOFSD = "virtiofsd"
PLACES = ("/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd")
"""Where Debian has it: since 13 in a package of its own; until 12 beside QEMU."""
ENDS_S = 1.0
"""How long after QEMU a daemon ends."""
MESSAGE = 512 << 10
"""The most that goes in one message of 9p: the kernel's default of 128 KiB is slow, and QEMU warns of less than 8."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """A daemon of virtiofs that was started."""

    parent: Proc
    pid: int
    log: Path
    """What it says."""

    def words(self) -> str:
        """Its last lines, on one."""
        return "; ".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:])

    def failed(self) -> bool:
        """Whether it has ended with an error: with QEMU it ends without one."""
        try:
            return launcher.status_of(self.parent, self.pid, timeout=ENDS_S) != 0
        except BoxError:
            return False


@dataclass(frozen=True, slots=True)
class Share:
    """One directory of the host, and where the guest has it."""

    directory: Path
    target: str
    read_only: bool
    tag: str
    """By which the guest's kernel knows it."""


def check(kind: str, kernel: Kernel) -> None:
    """Raises Unavailable, with the remedy, where directories cannot be shared in this way."""
    lacking = [name for name in modules(kind) if not kernel.modules.knows(name)]
    if lacking:
        raise Unavailable(
            f"share={kind}: the kernel {kernel.path} has no {', '.join(lacking)}",
            "name a kernel that has it: qemu:kernel=PATH (Debian: linux-image-amd64 has 9p and virtiofs, the cloud "
            "kernels have virtiofs)",
        )
    if kind == "virtiofs":
        _daemon()
        if os.geteuid() != 0:
            raise Unavailable("share=virtiofs: its daemon is started by root here", cause=NOT_ROOT)


def modules(kind: str) -> tuple[str, ...]:
    """What the guest's kernel needs, built in or as modules."""
    return ("virtiofs",) if kind == "virtiofs" else ("9p", "9pnet_virtio")


def fitted(machine: Machine, kind: str, shares: Iterable[Share], sockets: Path) -> Machine:
    """`machine` with the devices and modules for them; `sockets`: the directory that serve() is given."""
    more = devices(kind, shares, sockets, machine.memory)
    return replace(machine, moves=False, devices=(*machine.devices, *more), modules=(*machine.modules, *modules(kind)))


def devices(kind: str, shares: Iterable[Share], sockets: Path, memory: int) -> tuple[str, ...]:
    """QEMU's options; `sockets`: the directory that serve() was given; `memory` in bytes, which a daemon must see."""
    line: list[str] = []
    for one in shares:
        if kind == "virtiofs":
            line += ["-chardev", f"socket,id={one.tag},path={_socket(sockets, one)}"]
            line += ["-device", f"vhost-user-fs-pci,chardev={one.tag},tag={one.tag}"]
        else:
            only = ",readonly=on" if one.read_only else ""
            where = os.fspath(one.directory).replace(",", ",,")
            model = kind.removeprefix("9p-")
            line += ["-fsdev", f"local,id={one.tag},path={where},security_model={model},multidevs=remap{only}"]
            line += ["-device", f"virtio-9p-pci,fsdev={one.tag},mount_tag={one.tag}"]
    if kind == "virtiofs":
        line += ["-object", f"memory-backend-memfd,id=shared,size={memory // MIB}M,share=on"]
        line += ["-numa", "node,memdev=shared"]
    return tuple(line)


def serve(
    shares: Iterable[Share], sockets: Path, lifetime: Lifetime, group: Group | None, undo: ExitStack
) -> Iterator[Daemon]:
    """A daemon of virtiofs for each, in `group`, before QEMU starts: it ends with QEMU, and with us.

    What it says is in `sockets`, in a file for each.  Raises Unavailable without one, BoxError.
    """
    for one in shares:
        with socket.socket(socket.AF_UNIX) as ear:
            # By a short way: an address has room for 108 bytes of a path (unix(7)).
            place = os.open(sockets, os.O_PATH | os.O_DIRECTORY)
            try:
                ear.bind(f"/proc/self/fd/{place}/{one.tag}")
            finally:
                os.close(place)
            ear.listen(1)
            yield _start(one, ear.fileno(), sockets, lifetime, group, undo)


def _start(one: Share, ear: int, sockets: Path, lifetime: Lifetime, group: Group | None, undo: ExitStack) -> Daemon:
    path = _daemon()
    # A limit of files that is not raised: a root without CAP_SYS_RESOURCE may not.
    line = [path, f"--fd={ear}", "-o", f"source={one.directory},xattr", "--rlimit-nofile=0"]
    if one.read_only and _knows(path, "--readonly"):
        line.append("--readonly")
    local = start_local(pass_fds=(ear,))
    undo.callback(local.close)
    child = local.proc.spawn()
    undo.callback(child.end)
    lifetime.register("process", f"{child.pid}:{started(child.pid)}")
    if group is not None:
        group.add(child.pid)
    local.proc.close(ear)
    place = sockets / f"{one.tag}.log"
    null = must(child.openat(AT_FDCWD, "/dev/null", os.O_RDWR), "/dev/null").value
    log = must(child.openat(AT_FDCWD, place, os.O_WRONLY | os.O_CREAT, 0o600), "a log").value
    launcher.execute(child, path, line, [f"PATH={launcher.PATH}"], (null, log, log), keep=(ear,))
    return Daemon(local.proc, child.pid, place)


@contextmanager
def told_of(daemons: Iterable[Daemon]) -> Iterator[None]:
    """A start of QEMU that fails says what they have said.  Raises Unavailable where one has failed itself."""
    try:
        yield
    except BoxError as error:
        for one in daemons:
            if one.failed():
                raise Unavailable(f"share=virtiofs: {VIRTIOFSD} ended: {one.words() or 'it said nothing'}") from None
        if words := "; ".join(filter(None, (one.words() for one in daemons))):
            raise BoxError(f"{error}; {VIRTIOFSD} said: {words}") from None
        raise


def mount(proc: Proc, kind: str, shares: Iterable[Share], root: str) -> None:
    """In the guest, below `root`.  Raises BoxError with the call that its kernel refused."""
    for one in shares:
        place = ""
        for name in one.target.strip("/").split("/"):
            place += f"/{name}"
            proc.mkdirat(AT_FDCWD, f"{root}{place}", 0o755)
        flags = MS.RDONLY if one.read_only else 0
        if kind == "virtiofs":
            asked = proc.mount(one.tag, f"{root}{place}", "virtiofs", flags)
        else:
            words = f"trans=virtio,version=9p2000.L,msize={MESSAGE}"
            asked = proc.mount(one.tag, f"{root}{place}", "9p", flags, words)
        must(asked, f"mounting {one.target} ({kind})")


def _socket(sockets: Path, one: Share) -> str:
    return os.fspath(sockets / one.tag)


@cache
def _daemon() -> str:
    """Raises Unavailable where none is installed."""
    found = next((path for path in PLACES if os.access(path, os.X_OK)), None) or program.which(VIRTIOFSD)
    if found is None:
        raise Unavailable(f"{VIRTIOFSD} is not installed", "Debian: apt install virtiofsd (in 12: qemu-system-common)")
    return found


@cache
def _knows(path: str, option: str) -> bool:
    done = program.ended([path, "--help"], timeout=10)
    return option in done.stdout + done.stderr
