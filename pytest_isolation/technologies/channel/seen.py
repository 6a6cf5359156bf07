"""What this host can see of a box that is reached by a stream: the agent's process, where it is one of this host's.

The agent calls itself by a random name (prctl(2), PR_SET_NAME), and the host's /proc has a process of that name or has
not.  A box that runs elsewhere, in a VM or on another machine, has none.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.agent.constants import PR
from pytest_isolation.agent.memory import In, OutBuffer
from pytest_isolation.agent.shortcuts import set_name
from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.handle import Discrepancy

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Agent

FAR = Discrepancy(
    "no process of this host is the box's: it is in a virtual machine, on another machine, or hidden from here",
    but=("cap.*", "sec.*-refused", "time.settime-denied"),
    of="a process whose machine cannot be seen from here",
)
"""What a call answers inside needs no outside; everything else is decided by what is on the box's own machine."""
FIRST = Discrepancy(
    "the box has no first process of its own to be compared with", ("exec.*",), of="the only process of the box we know"
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What this host shows of the box behind a channel."""

    init_pid: int | None = None
    """The first process of the box's PID namespace; ours in it, where the box lives in the host's."""
    group: cgroups.Group | None = None
    root: Path | None = None
    address: str | None = None
    unlike: tuple[Discrepancy, ...] = ()


def find(agent: Agent) -> Seen:
    """The places on this host of the box that `agent` is in."""
    pid = pid_of(agent)
    if pid is None:
        return Seen(unlike=(FAR,))
    first = _first_beside(pid)
    root = Path(f"/proc/{first or pid}/root")
    return Seen(
        init_pid=first or pid,
        group=_group_of(first or pid),
        root=root if os.access(root, os.R_OK) else None,
        address=_address_of(pid),
        unlike=() if first is not None else (FIRST,),
    )


def pid_of(agent: Agent) -> int | None:
    """The agent's number on this host, by a name that it takes for a moment."""
    name = secrets.token_hex(7)
    before = agent.proc.prctl(PR.GET_NAME, OutBuffer(16))
    if not set_name(agent.proc, name).ok:
        return None
    try:
        for entry in os.listdir("/proc"):
            if entry.isdigit() and _read(f"/proc/{entry}/comm").strip() == name:
                return int(entry)
    finally:
        agent.proc.prctl(PR.SET_NAME, In(before.outs[0][:15] + b"\0" if before.ok else b"sh\0"))
    return None


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # it has ended, or we may not look


def _namespace(pid: int | str, kind: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}")
    except OSError:
        return ""


def _first_beside(pid: int) -> int | None:
    """The host's number of PID 1 in the namespace of `pid`; None where that is our own, or nobody can see it."""
    own = _namespace(pid, "pid")
    if own in ("", _namespace("self", "pid")):
        return None
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            numbers = re.search(r"^NSpid:\t(.*)$", _read(f"/proc/{entry}/status"), re.MULTILINE)
            if numbers and numbers[1].split()[-1] == "1" and _namespace(entry, "pid") == own:
                return int(entry)
    return None


def _group_of(pid: int) -> cgroups.Group | None:
    """The box's control group; None where this run is in it too, or it is the root: it says nothing of the box."""
    group = cgroups.group_of_process(pid)
    return None if group is None or os.getpid() in group.pids() else group


def _address_of(pid: int) -> str | None:
    """The first IPv4 address of the box that is not its loopback; None on the host's own network.

    /proc/PID/net/fib_trie has each address of the namespace above the words `/32 host LOCAL`.
    """
    if _namespace(pid, "net") in ("", _namespace("self", "net")):
        return None
    found = re.findall(r"\|-- (\S+)\n\s+/32 host LOCAL", _read(f"/proc/{pid}/net/fib_trie"))
    return next((one for one in found if not one.startswith("127.")), None)
