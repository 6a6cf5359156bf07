"""The start of a box in a box: a Python in the outer one starts the inner one, and passes its agent's channel on."""

from __future__ import annotations

import json
import os
import pickle
import struct
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_isolation.agent.client import Agent
from pytest_isolation.agent.constants import AT_FDCWD, F
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.errors import AgentLost, BoxError, Unavailable, Unsupported
from pytest_isolation.technologies import launcher
from pytest_isolation.technologies.nested import given
from pytest_isolation.technologies.nested.tunnel import Tunnel
from pytest_isolation.technologies.telling import telling

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc
    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.outside.box import Box

PATIENCE_S = 90.0
"""Until the inner box stands: two Pythons' start on a busy machine, and the slowest technology's."""
LINE = 64 << 10
"""Bytes of the answer at most."""
MODULE = "pytest_isolation.technologies.nested.inside"
CAT = "/bin/cat"
PROGRAMS = (CAT, os.path.realpath(sys.executable))
"""What runs in the outer box beside the inner one, and the agents."""
TMP = "/tmp/pytest-isolation-inner"
"""Of the outer box; everybody may enter it, for some runtimes start as somebody else."""
SCRATCH = "/var/tmp"
"""hier(7): everybody may write there.  Podman of another user unpacks its images in it, whatever TMPDIR says."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the technology in the outer box knows of what it started: numbers and paths are that box's."""

    machine: str
    init_pid: int | None
    root: str
    agent_path: str
    shares_kernel: bool
    deadly_limits: str
    notes: tuple[str, ...]


def inner(outer: Box, spec: BoxSpec) -> tuple[Agent, Told]:
    """The agent of a box of `spec`, started in `outer`.  Closing it closes the way there; the box ends with `outer`.

    Raises Unavailable, Unsupported or BoxError with what the technology in it says.
    """
    with ExitStack() as undo:
        proc = outer.proc
        made = proc.mkdirat(AT_FDCWD, TMP, 0o755)
        must(made, f"{outer.spec.technology} has no /tmp that a program may write to")
        _open_scratch(proc)
        into, out, errors = (_pipe(proc) for _ in range(3))
        child = proc.spawn()
        environment = [*given.environment(), f"TMPDIR={TMP}"]
        argv = [sys.executable, "-m", MODULE]
        launcher.execute(child, argv[0], argv, environment, (into[0], out[1], errors[1]))
        for fd in (into[0], out[1], errors[1]):
            proc.close(fd)
        writer, reader = proc.spawn(), proc.spawn()
        reader.close(into[1])
        proc.close(into[1])
        tunnel = Tunnel(writer, into[1], reader, out[0])
        undo.callback(tunnel.close)
        try:
            payload = pickle.dumps(spec)
            tunnel.send(struct.pack("<I", len(payload)) + payload)
            told = _told(tunnel)
        except (AgentLost, TimeoutError) as error:
            said = telling(_said(proc, errors[0]))
            raise BoxError(f"{error or 'it has not answered in time'}{f'; it said: {said}' if said else ''}") from None
        agent = Agent(tunnel, machine=told.machine)
        undo.pop_all()
    return agent, told


def _open_scratch(proc: Proc) -> None:
    """Where the outer box is read-only it stays as it is: the inner technology says what it cannot do."""
    for path, mode in ((os.path.dirname(SCRATCH), 0o755), (SCRATCH, 0o1777)):
        proc.mkdirat(AT_FDCWD, path, mode)
    proc.fchmodat(AT_FDCWD, SCRATCH, 0o1777)  # the umask took from what was made, and an image may have it otherwise


def _pipe(proc: Proc) -> tuple[int, int]:
    reader, writer = struct.unpack("<2i", must(proc.pipe2(os.O_CLOEXEC), "a pipe in the outer box").data)
    return reader, writer


def _said(proc: Proc, fd: int) -> bytes:
    """What the Python wrote to its standard error."""
    with suppress(BoxError):
        proc.fcntl(fd, F.SETFL, os.O_NONBLOCK)
        return proc.read(fd, 4096).data
    return b""


def _told(tunnel: Tunnel) -> Told:
    """Its one line.  Raises Unavailable or Unsupported as the technology did, AgentLost, TimeoutError, BoxError."""
    deadline, line = time.monotonic() + PATIENCE_S, bytearray()
    while not line.endswith(b"\n"):
        if len(line) > LINE:
            raise BoxError("what starts the inner box says more than a line")
        line += tunnel.receive(1, deadline)
    try:
        found: dict[str, Any] = json.loads(line)
        if "reason" in found:
            kind = Unsupported if found["unsupported"] else Unavailable
            raise kind(str(found["reason"]), str(found["remedy"]))
        return Told(**(found | {"notes": tuple(found["notes"])}))
    except (ValueError, TypeError, KeyError):
        raise BoxError(
            f"what starts the inner box answers with no line of ours: {telling(bytes(line[:200]))}"
        ) from None
