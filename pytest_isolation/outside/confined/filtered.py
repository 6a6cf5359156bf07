"""Calls that take no capability, and that a system call filter is there to refuse: seccomp(2).

Each is made by a child of the box's own, which ends after it, and so that it has no effect: on a thing of its own,
with nothing to do, or with arguments that are refused *after* a filter would have refused the call.
"""

from __future__ import annotations

import errno
import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.errors import ProcLost, Undecided
from pytest_isolation.outside.confined.capable import REFUSALS
from pytest_isolation.outside.objects.keys import PROCESS_KEYRING

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc, Reply

UFFD_USER_MODE_ONLY = 1
ADDR_NO_RANDOMIZE = 0x0004_0000
KCMP_FILES = 2
FAN_CLOEXEC, FAN_REPORT_FID = 1, 0x200
MPOL_DEFAULT = 0
KEYCTL_GET_KEYRING_ID = 0
NOBODY, NOTHING = -1, -1
"""A process, or a descriptor, that is none."""


@dataclass(frozen=True, slots=True)
class Call:
    """A system call that a filter should refuse, and how it is made without harm."""

    slug: str
    name: str
    """As its man page is called."""
    does: str
    """What a process with it does: completes "no process of the box ..."."""
    why: str
    """What that is a way to, in a phrase."""
    act: Callable[[Proc], Reply]
    past: frozenset[int] = frozenset()
    """Errnos by which the kernel refuses what no filter has refused."""

    def let_through(self, reply: Reply) -> bool:
        """Whether the reply is one of the kernel itself, behind any filter."""
        return reply.ok or reply.errno in self.past

    def refused(self, reply: Reply) -> bool:
        """Whether the reply is one that filters give: REFUSALS."""
        return reply.errno in REFUSALS


def _kcmp(proc: Proc) -> Reply:
    pid = proc.getpid().value
    return proc.call("kcmp", pid, pid, KCMP_FILES, 0, 0)


def _add_key(proc: Proc) -> Reply:
    return proc.add_key("user", f"pytest-isolation-{secrets.token_hex(6)}", b"nothing", PROCESS_KEYRING)


TABLE = (
    Call("unshare", "unshare(2)", "calls unshare(2)", "namespaces of its own", lambda proc: proc.unshare(0)),
    Call(
        "setns",
        "setns(2)",
        "calls setns(2)",
        "namespaces of others",
        lambda proc: proc.setns(-1, 0),
        frozenset({errno.EBADF}),
    ),
    Call(
        "clone3",
        "clone(2)",
        "calls clone3(2), whose flags no filter can read",
        "namespaces that a filter of clone(2) refuses",
        lambda proc: proc.call("clone3", None, 0),
        frozenset({errno.EINVAL}),
    ),
    Call("add-key", "add_key(2)", "adds a key to the kernel's", "keys, which have no namespace", _add_key),
    Call(
        "request-key",
        "request_key(2)",
        "asks the kernel for a key",
        "keys, which have no namespace",
        lambda proc: proc.request_key("user", f"pytest-isolation-{secrets.token_hex(6)}"),
        frozenset({errno.ENOKEY}),
    ),
    Call(
        "userfaultfd",
        "userfaultfd(2)",
        "handles page faults of its own",
        "halting the kernel in the middle of a copy",
        lambda proc: proc.userfaultfd(UFFD_USER_MODE_ONLY | os.O_CLOEXEC),
    ),
    Call(
        "personality",
        "personality(2)",
        "switches off the randomness of its addresses",
        "memory whose places are known",
        lambda proc: proc.personality(ADDR_NO_RANDOMIZE),
    ),
    Call("kcmp", "kcmp(2)", "compares kernel objects of processes", "places in the kernel's memory", _kcmp),
    Call(
        "move-pages",
        "move_pages(2)",
        "asks to move pages between nodes",
        "the layout of the machine's memory",
        lambda proc: proc.call("move_pages", 0, 0, None, None, None, 0),
    ),
    Call(
        "set-mempolicy",
        "set_mempolicy(2)",
        "sets on which nodes its memory is",
        "the layout of the machine's memory",
        lambda proc: proc.call("set_mempolicy", MPOL_DEFAULT, None, 0),
    ),
    Call(
        "fanotify",
        "fanotify_init(2)",
        "watches files by fanotify(7)",
        "events of whole file systems",
        lambda proc: proc.call("fanotify_init", FAN_CLOEXEC | FAN_REPORT_FID, 0),
    ),
    Call(
        "io-uring",
        "io_uring_setup(2)",
        "makes a ring of io_uring(7), whose calls no filter sees",
        "calls that no filter sees",
        lambda proc: proc.io_uring_setup(1),
    ),
    Call(
        "vsock",
        "vsock(7)",
        "makes a socket of vsock(7)",
        "the hypervisor and its machines, which no namespace hides",
        lambda proc: proc.socket(socket.AF_VSOCK, socket.SOCK_STREAM | socket.SOCK_CLOEXEC),
    ),
    Call(
        "keyctl",
        "keyctl(2)",
        "asks for the number of a keyring",
        "what is done with keys once they are there",
        lambda proc: proc.keyctl(KEYCTL_GET_KEYRING_ID, PROCESS_KEYRING, 1),
    ),
    Call(
        "get-mempolicy",
        "get_mempolicy(2)",
        "asks on which nodes its memory is",
        "the layout of the machine's memory, to read",
        lambda proc: proc.call("get_mempolicy", None, None, 0, None, 0),
    ),
    Call(
        "mbind",
        "mbind(2)",
        "binds memory to nodes",
        "the layout of the machine's memory, range by range",
        lambda proc: proc.call("mbind", None, 0, MPOL_DEFAULT, None, 0, 0),
    ),
    Call(
        "migrate-pages",
        "migrate_pages(2)",
        "asks to move a process from nodes to nodes",
        "the layout of the machine's memory, of a whole process",
        lambda proc: proc.call("migrate_pages", 0, 0, None, None),
        frozenset({errno.EINVAL}),
    ),
    Call(
        "perf-event",
        "perf_event_open(2)",
        "asks for a counter of events",
        "how long the work of others takes, and a large part of the kernel",
        lambda proc: proc.call("perf_event_open", None, 0, NOBODY, NOTHING, 0),
        frozenset({errno.EFAULT}),
    ),
    Call(
        "quotactl",
        "quotactl(2)",
        "asks about quotas of file systems",
        "the accounts that file systems keep of users",
        lambda proc: proc.call("quotactl", NOTHING, None, 0, None),
        frozenset({errno.EINVAL}),
    ),
    Call(
        "open-tree",
        "open_tree(2)",
        "holds a mount by a descriptor",
        "mounts, by calls that a list of before Linux 5.2 does not name",
        lambda proc: proc.call("open_tree", NOTHING, None, 0),
        frozenset({errno.EFAULT, errno.EBADF}),
    ),
    Call(
        "mount-setattr",
        "mount_setattr(2)",
        "asks to change the flags of a mount",
        "what is read-only, by a call that a list of before Linux 5.12 does not name",
        lambda proc: proc.call("mount_setattr", NOTHING, None, 0, None, 0),
        frozenset({errno.EINVAL}),
    ),
    Call(
        "pidfd-getfd",
        "pidfd_getfd(2)",
        "asks for a descriptor of another process",
        "what other processes have open",
        lambda proc: proc.call("pidfd_getfd", NOTHING, NOTHING, 0),
        frozenset({errno.EBADF}),
    ),
    Call(
        "process-madvise",
        "process_madvise(2)",
        "gives advice on the memory of another process",
        "the memory of other processes",
        lambda proc: proc.call("process_madvise", NOTHING, None, 0, 0, 0),
        frozenset({errno.EBADF}),
    ),
)


def answers(proc: Proc) -> dict[str, str]:
    """What each call of TABLE gives to a child of `proc`: "let through", the name of an errno, or "killed".

    Each by a child of its own: a filter may end who makes a call.  Raises Undecided where there can be none.
    """
    found = {}
    for call in TABLE:
        child, reply = proc.try_spawn()
        if child is None:
            raise Undecided(f"the box does not let us have a process of our own ({reply})")
        with child:
            try:
                answer = call.act(child)
            except ProcLost:
                found[call.name] = "killed"
                continue
        found[call.name] = (
            "let through" if call.let_through(answer) else errno.errorcode.get(answer.errno, str(answer.errno))
        )
    return found
