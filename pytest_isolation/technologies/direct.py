"""A channel straight to a container's agent, past the daemon.

The daemon and its shim hand every frame on, each way: that is most of what a call in a container costs.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import socket
import struct
from contextlib import suppress

from pytest_isolation.agent.channel import FdChannel
from pytest_isolation.agent.client import Agent, Program
from pytest_isolation.agent.numbers import number


def go_direct(agent: Agent, pid: int) -> None:
    """Have `agent`, process `pid` of this machine, speak over a socket of its own to us.

    It makes a pair, we take one end from it, and it closes that.  Where we may not, or `pid` turns out to be another
    process, the agent keeps its channel.
    """
    pair = agent.proc.socketpair(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    if not pair.ok:
        return
    end, other = struct.unpack("2i", pair.data)
    token = secrets.token_bytes(16)
    agent.proc.write(other, token)
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, _taken(pid, end)) as ours:
        # Looked at only: it may be the end of somebody else's socket.
        if ours.recv(len(token), socket.MSG_PEEK | socket.MSG_DONTWAIT) == token:
            ours.recv(len(token))
            own = os.dup(ours.fileno())
            agent.move(other, FdChannel(own, own))
    program = Program()
    program.close(end)
    program.close(other)
    agent.proc.run(program)


def _taken(pid: int, descriptor: int) -> int:
    """A copy of a descriptor of process `pid`: pidfd_getfd(2).  Raises OSError, for whoever may not trace it, too."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    try:
        taken = int(libc.syscall(number("pidfd_getfd", os.uname().machine), pidfd, descriptor, 0))
    finally:
        os.close(pidfd)
    if taken < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return taken
