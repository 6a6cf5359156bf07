"""System calls as the man pages have them.

One method a call, arguments in the manual's order; pointers are made from what Python has: a path
is str, bytes or a PathLike, structures are built from their fields, and what the call writes comes
back in the reply.  `Proc` makes a call at once and returns its Reply; `Program` adds it to a
program and returns the Step that stands for its result.

A call without a method: `call(name, *arguments)`, or `syscall(number, *arguments)`.
"""

from __future__ import annotations

from pytest_isolation.agent.calls.base import T
from pytest_isolation.agent.calls.files import Files
from pytest_isolation.agent.calls.identity import Identity
from pytest_isolation.agent.calls.memory import Memory
from pytest_isolation.agent.calls.mounts import Mounts
from pytest_isolation.agent.calls.network import Network
from pytest_isolation.agent.calls.processes import Processes
from pytest_isolation.agent.calls.system import System


class Syscalls(Files[T], Mounts[T], Processes[T], Identity[T], Memory[T], Network[T], System[T]):
    """What Proc and Program have in common: the calls."""
