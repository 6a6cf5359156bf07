"""The IPv6 addresses that a process has, and when they can be used.

A link gives itself an address when it goes up, and uses it only when nobody else has answered for a second or two: so
long it is *tentative*, and nothing arrives at it.  Sources: RFC 4862 5.4, ipv6(7), proc_pid_net(5) if_inet6.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.shortcuts import read

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc

TENTATIVE, DUPLICATE, OPTIMISTIC = 0x40, 0x08, 0x04
"""IFA_F_TENTATIVE; IFA_F_DADFAILED: somebody has answered, and it stays so; IFA_F_OPTIMISTIC: used all the same."""
MOST_S = 4.0
LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Address:
    """One line of /proc/net/if_inet6."""

    text: str
    flags: int

    @property
    def is_coming(self) -> bool:
        """Whether it will be used, and is not yet."""
        return bool(self.flags & TENTATIVE) and not self.flags & (DUPLICATE | OPTIMISTIC)


def addresses(proc: Proc) -> list[Address]:
    """Those that `proc` lists; none where it has no IPv6, or no /proc."""
    lines = [line.split() for line in read(proc, "/proc/self/net/if_inet6").data.decode(errors="replace").splitlines()]
    return [Address(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(one[0])), int(one[4], 16)) for one in lines]


def settled(*procs: Proc, seconds: float = MOST_S) -> bool:
    """Wait until each address of each process can be used: whether that came to be within `seconds`."""
    until = time.monotonic() + seconds
    while any(one.is_coming for proc in procs for one in addresses(proc)):
        if time.monotonic() > until:
            return False
        time.sleep(LOOK_S)
    return True
