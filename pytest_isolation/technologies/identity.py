"""Is the runtime named the runtime used?  What a kernel says of itself, inside against outside."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.errors import BoxError

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Agent

FIELD = 65
"""uname(2): each of its six texts has that many bytes."""
SYSLOG_ACTION_READ_ALL = 3


def kernel(agent: Agent) -> tuple[str, str]:
    """The release and the version of the kernel the agent lives on, as uname(2) tells it."""
    data = agent.proc.uname().data
    texts = [data[at : at + FIELD].split(b"\0", 1)[0].decode(errors="replace") for at in range(0, 6 * FIELD, FIELD)]
    return texts[2], texts[3]


def check_shared_kernel(agent: Agent, name: str) -> None:
    """Raises BoxError when a box of a technology that shares the host's kernel has another one."""
    host = os.uname()
    if (inside := kernel(agent)) != (host.release, host.version):
        raise BoxError(
            f"{name} boxes live on this host's kernel, {host.release}; this one has {' '.join(inside)}: "
            f"what was started is not {name}"
        )


def check_gvisor(agent: Agent, name: str) -> None:
    """Raises BoxError when the kernel inside is the host's, or does not say that it is gVisor."""
    host = os.uname()
    if (inside := kernel(agent)) == (host.release, host.version):
        raise BoxError(f"{name} should be gVisor, and inside is this host's kernel, {inside[0]}: it is another runtime")
    program = Program()
    log = program.syslog(SYSLOG_ACTION_READ_ALL, 65536)
    said = agent.proc.run(program)[log].data
    if b"gVisor" not in said:
        raise BoxError(f"{name} should be gVisor, and its kernel log does not say so: {said[:200]!r}")
