"""Virtual sockets, vsock(7): a network that no network namespace divides before Linux 7.0."""

from __future__ import annotations

import errno
import os
import socket
import struct
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.memory import OutBuffer
from pytest_isolation.outside.keeping import kept
from pytest_isolation.outside.network.listeners import Knock, Socket, bound, knock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_isolation.agent.client import Proc
    from pytest_isolation.outside.box import Box

GET_LOCAL_CID = 0x7B9  # IOCTL_VM_SOCKETS_GET_LOCAL_CID
ANY = 0xFFFF_FFFF  # VMADDR_CID_ANY, VMADDR_PORT_ANY
LOCAL, HOST = 1, 2
"""VMADDR_CID: the machine itself, and the machine that runs it; that one itself where nothing does."""
HYPERVISOR = "CID 2 is the machine that runs this one, where no listener of ours can be"


def sockaddr_vm(cid: int, port: int) -> bytes:
    """struct sockaddr_vm, vsock(7)."""
    return struct.pack("<HHIIB3x", socket.AF_VSOCK, 0, port, cid, 0)


@dataclass(frozen=True, slots=True)
class Service:
    """A listener of the host, and the addresses at which a process of the host has just got through to it."""

    by: Socket
    port: int
    cids: tuple[int, ...]

    def knock(self, box: Box, cid: int, proc: Proc | None = None) -> Knock:
        """Have the box, or `proc`, connect to this service by an address."""
        return knock(box, sockaddr_vm(cid, self.port), self.by, proc)


def why_not(proc: Proc) -> str | None:
    """Why `proc` gets no socket of the family; None when it gets one."""
    program = Program()
    fd = program.socket(socket.AF_VSOCK, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    program.close(fd)
    reply = proc.run(program)[fd]
    if reply.ok:
        return None
    return "the kernel has none" if reply.errno == errno.EAFNOSUPPORT else f"refused ({errno.errorcode[reply.errno]})"


@contextmanager
def service(box: Box) -> Iterator[Service]:
    """Needs a host for which why_not() is None.

    Without the module vsock_loopback a virtual machine sends all to its hypervisor: an address counts when a process
    of the host comes to our listener by it.
    """
    with bound(box, socket.AF_VSOCK, sockaddr_vm(ANY, ANY)) as by:
        port = struct.unpack_from("<I", by.address, 4)[0]
        yield Service(by, port, kept(box, "vsock", lambda: _answering(box, by, port)))


def _answering(box: Box, by: Socket, port: int) -> tuple[int, ...]:
    """The addresses, CIDs, by which a process of the host comes to our listener."""
    proc = box.outside.proc
    there = (LOCAL,) if _is_guest(proc) else (LOCAL, HOST)
    return tuple(cid for cid in there if knock(box, sockaddr_vm(cid, port), by, proc).arrived)


def _is_guest(proc: Proc) -> bool:
    """Whether CID 2 is a hypervisor: what listens there is a stranger's, and is not asked."""
    program = Program()
    fd = program.openat(AT_FDCWD, "/dev/vsock", os.O_RDONLY | os.O_CLOEXEC)
    asked = program.ioctl(fd, GET_LOCAL_CID, OutBuffer(4))
    program.close(fd)
    told = proc.run(program)[asked]
    return not told.ok or int.from_bytes(told.data[:4], "little") not in (HOST, ANY)
