"""QEMU's own process on its host: whose it is there, what it may do, and what it is handed for its machine."""

from __future__ import annotations

import os
import secrets
import signal
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import PR
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.errors import BoxError, Unsupported
from pytest_isolation.technologies.base import flag
from pytest_isolation.technologies.handed import handed
from pytest_isolation.technologies.opens import as_root

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.technologies.qemu.holes import Plan
    from pytest_isolation.technologies.qemu.machine import Machine
    from pytest_isolation.technologies.qemu.monitor import Monitor

ACCOUNT = "nobody"
IS_NOT_ROOT = "the user who measures may not become another: QEMU's process is that user's"


def check(spec: BoxSpec) -> None:
    """Raises Unsupported where the process cannot be confined as `spec` asks, UsageError for what is no answer."""
    if flag(spec, "confined") and not as_root():
        raise Unsupported(f"confined=true: {IS_NOT_ROOT}", "run as root, or leave it out")


def with_its_process(machine: Machine, spec: BoxSpec, plan: Plan, lifetime: Lifetime, undo: ExitStack) -> Machine:
    """`machine` with what its process is to be; `undo` takes away what was made to be handed to it."""
    confined = flag(spec, "confined")
    devices, kept = list(plan.devices), True
    for number, one in enumerate(handed(spec, lifetime, undo, lifetime.new_directory)):
        kept = False
        if one.is_directory:
            devices += ["-fsdev", f"local,id=handed{number},path={one.host},security_model=none"]
            devices += ["-device", f"virtio-9p-pci,fsdev=handed{number},mount_tag=handed{number}"]
        else:
            devices += ["-drive", f"file={one.host},format=raw,if=none,readonly=on,id=handed{number}"]
    if not plan.nameless:
        kept = False  # a second with this name would not start
        name = f"pytest-isolation-{secrets.token_hex(8)}"
        devices += ["-chardev", f"socket,id=unix,server=on,wait=off,abstract=on,path={name}"]
    return replace(
        machine,
        devices=(*machine.devices, *devices),
        filtered=plan.filtered,
        account=ACCOUNT if confined and plan.own_account else "",
        own_root=confined and plan.own_root,
        kept=kept,
    )


def watched(parent: Proc, pid: int) -> Proc:
    """A child of `parent` that kills process `pid` when `parent` has ended, however that came.

    The kernel forgets PR_SET_PDEATHSIG of whoever becomes another user (prctl(2)), as QEMU does with an account.
    """
    ends = must(parent.pipe2(os.O_CLOEXEC), "a pipe that ends with us").data
    reader, writer = int.from_bytes(ends[:4], "little"), int.from_bytes(ends[4:8], "little")
    watch = parent.spawn()
    must(watch.close(writer), "the end of the pipe that is not its own")
    # Until the next call it ends with `parent`, and so does the process: that is nobody else's yet.
    target = must(watch.pidfd_open(pid), "a descriptor of the process to be watched").value
    must(watch.prctl(PR.SET_PDEATHSIG, 0), "a watch that outlives who it watches for")
    program = Program()
    program.read(reader, 1)
    program.pidfd_send_signal(target, signal.SIGKILL)
    watch.start(program)
    must(parent.close(reader), "the end of the pipe that is the watch's")
    return watch


def size(monitor: Monitor) -> tuple[int, int]:
    """The most memory, in bytes, and processors that the machine of `monitor` can come to have.  Raises BoxError."""
    try:
        memory, processors = (monitor.ask("qom-get", path="/machine", property=name) for name in ("memory", "smp"))
        return int(memory.get("max-size", memory["size"])), int(processors["maxcpus"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BoxError(f"QEMU's monitor does not say how large its machine may be: {error!r}") from None
