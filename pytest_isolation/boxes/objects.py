"""IPC objects that outlive their maker: `sem KEY`, `msg KEY` (System V) and `mq NAME` (POSIX message queues).

Each is found again by a random key, or name, and removed by that: an identifier may be another's by then.
"""

from __future__ import annotations

from pytest_isolation.agent.client import Proc
from pytest_isolation.agent.constants import IPC
from pytest_isolation.boxes.local import start_local
from pytest_isolation.errors import BoxError


def remove(handle: str) -> bool:
    """Remove the object on this machine; returns whether it was there.  Raises BoxError when it resists."""
    with start_local() as local:
        return remove_by(local.proc, handle)


def remove_by(proc: Proc, handle: str) -> bool:
    """The same, by a process of the machine that has it."""
    kind, _, name = handle.partition(" ")
    if kind == "mq":
        gone = proc.mq_unlink(name)
    else:
        found = proc.semget(int(name), 0, 0) if kind == "sem" else proc.msgget(int(name), 0)
        if not found.ok:
            return False
        gone = proc.semctl(found.value, 0, IPC.RMID) if kind == "sem" else proc.msgctl(found.value, IPC.RMID)
    if not gone.ok and gone.errno not in (2, 22, 43):  # ENOENT, EINVAL, EIDRM: somebody was faster
        raise BoxError(f"removing {handle}: {gone}")
    return gone.ok
