"""Is the runtime named the runtime used?  What a kernel says of itself, inside against outside."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.errors import BoxError, Unavailable
from pytest_isolation.technologies.program import version_of, which

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Agent, Proc

FIELD = 65
"""uname(2): each of its six texts has that many bytes."""
SYSLOG_ACTION_READ_ALL = 3

DEADLY_LIMITS = (
    "gVisor's own kernel is in the control group: 28 threads, and 5 more and 4 MB for each process of the box; "
    "a limit that is met ends the whole box, so it cannot be asked what happens at the limit"
)
"""Measured with runsc 20221219 on ptrace: memory=64M ends it with 15 processes, pids=48 with 5."""


def kernel(proc: Proc) -> tuple[str, str]:
    """The release and the version of the kernel `proc` lives on, as uname(2) tells it; empty where that is refused."""
    data = proc.uname().data
    texts = [data[at : at + FIELD].split(b"\0", 1)[0].decode(errors="replace") for at in range(0, 6 * FIELD, FIELD)]
    return texts[2], texts[3]


def check_shared_kernel(agent: Agent, name: str) -> None:
    """Raises BoxError when a box of a technology that shares the host's kernel has another one."""
    host = os.uname()
    if (inside := kernel(agent.proc)) != (host.release, host.version):
        raise BoxError(
            f"{name} boxes live on this host's kernel, {host.release}; this one has {' '.join(inside)}: "
            f"what was started is not {name}"
        )


def check_gvisor(agent: Agent, name: str) -> None:
    """Raises BoxError when the kernel inside is the host's, or does not say that it is gVisor."""
    host = os.uname()
    if (inside := kernel(agent.proc)) == (host.release, host.version):
        raise BoxError(f"{name} should be gVisor, and inside is this host's kernel, {inside[0]}: it is another runtime")
    program = Program()
    log = program.syslog(SYSLOG_ACTION_READ_ALL, 65536)
    said = agent.proc.run(program)[log].data
    if b"gVisor" not in said:
        raise BoxError(f"{name} should be gVisor, and its kernel log does not say so: {said[:200]!r}")


SHARING = ("runc", "crun", "youki", "sysbox-runc", "nvidia-container-runtime")
"""Runtimes whose boxes live on the host's kernel."""


def is_gvisor(runtime: str, program: str) -> bool:
    """Whether an engine's runtime, by its name and its program's path, is gVisor by name."""
    called = {runtime, os.path.basename(program)}
    return any("runsc" in word or "gvisor" in word for word in called)


SPEAKING = ("runc", "crun", "runsc")
"""Runtimes whose `--version` begins with their name."""


def check_program(runtime: str, program: str) -> None:
    """Raises BoxError when the program that an engine of this host starts as `runtime` says that it is another.

    runc and crun leave the same kernel inside: only they themselves can tell.
    """
    path = which(program or runtime)
    name = next((one for one in (runtime, os.path.basename(program)) if one in SPEAKING), None)
    if path is None or name is None:
        return
    try:
        said = version_of(path)
    except Unavailable as error:
        raise BoxError(f"runtime {runtime} should be {name}, and cannot be asked: {error}") from None
    if said.split()[0] != name:
        raise BoxError(f"runtime {runtime} should be {name}, and {path} says that it is {said!r}")


def check_runtime(agent: Agent, runtime: str, program: str, *, same_host: bool) -> None:
    """Raises BoxError when an engine's box is not what its runtime's name says.

    `program`: its path as the engine knows it, or empty.  `same_host`: the engine runs on this kernel.  A runtime
    whose name says nothing of its kernel is taken as it is.
    """
    host = os.uname()
    if same_host:
        check_program(runtime, program)
    if is_gvisor(runtime, program):
        check_gvisor(agent, f"runtime {runtime}")
    elif "kata" in runtime or "kata" in os.path.basename(program):
        if same_host and kernel(agent.proc) == (host.release, host.version):
            raise BoxError(f"runtime {runtime} should start a VM, and inside is this host's kernel, {host.release}")
    elif same_host and (os.path.basename(program) or runtime) in SHARING:
        check_shared_kernel(agent, f"runtime {runtime}")
