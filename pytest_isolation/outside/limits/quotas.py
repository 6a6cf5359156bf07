"""Things of which the kernel gives each user a number: a process of a box takes a few, and a witness counts the rest.

The user is a drawn number that nobody has, so what is tried out to the end is nobody's but the witness' own.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.memory import In, OutBuffer, Struct
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.boxes.weakenings import Weakening, drop, share
from pytest_isolation.errors import Undecided, Unsupported

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc, Reply
    from pytest_isolation.agent.memory import Step
    from pytest_isolation.outside.box import Box

MOST = 400
"""Tried at most: a witness has 1024 descriptors."""
LEFT = 40
"""The limit that a witness gives itself of what has a resource limit, getrlimit(2)."""
RLIMIT_NOFILE, RLIMIT_SIGPENDING = 7, 11
F_SETPIPE_SZ, MIB = 1031, 1 << 20
FAN_CLOEXEC, FAN_REPORT_FID = 0x1, 0x200
THREAD_KEYRING = -1
CLOCK_MONOTONIC = 1

USED_UP = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EDQUOT, errno.ETOOMANYREFS, errno.ENOSPC)
"""Where nothing was taken before: another number was used up, of the process' own or the machine's."""

Take = Callable[["Proc", int], Sequence["Reply"]]


@dataclass(frozen=True, slots=True)
class Quota:
    """Something of which a user, not a box, has a number."""

    slug: str
    what: str
    """Plural."""
    take: Take
    """Takes so many, or fewer; the replies of the calls that the number decides."""
    sources: tuple[str, ...]
    room: Callable[[Box, Proc, int], int] | None = None
    """How many the user can have; None: `take` finds it out."""
    filtered: bool = False
    """Engines' filters refuse the call: a second defence, which its falsifier has to take away as well."""

    @property
    def holes(self) -> tuple[Weakening, ...]:
        """What breaks the promise, opened together."""
        return (share("user"), drop("seccomp")) if self.filtered else (share("user"),)

    def left(self, box: Box, witness: Proc, user: int) -> int:
        """How many of it the user on the machine can have now.

        Raises Undecided where there are more than can be tried.
        """
        if self.room is not None:
            return self.room(box, witness, user)
        with witness.spawn() as child:
            replies = self.take(child, MOST)
        found = sum(reply.ok for reply in replies)
        if found >= MOST:
            raise Undecided(f"a user of its machine can have more than {MOST} {self.what}")
        return found


def _several(add: Callable[[Program], Step]) -> Take:
    def take(proc: Proc, amount: int) -> Sequence[Reply]:
        program = Program(stop_on_error=True)
        steps = [add(program) for _ in range(amount)]
        replies = proc.run(program)
        return [replies[step] for step in steps if replies.ran(step)]

    return take


def _limited(resource: int, take: Take) -> Callable[[Box, Proc, int], int]:
    """What a witness with a resource limit of LEFT can have of it."""

    def room(box: Box, witness: Proc, user: int) -> int:
        with witness.spawn() as child:
            child.prlimit64(0, resource, (LEFT, LEFT))
            return sum(reply.ok for reply in take(child, 2 * LEFT))

    return room


def _pipes(proc: Proc, amount: int) -> Sequence[Reply]:
    """Pipes with room for a MiB, which have none of it before something is written."""
    program = Program(stop_on_error=True)
    ends, steps = program.place(In(bytes(8))), []
    for _ in range(amount):
        program.call("pipe2", ends, os.O_CLOEXEC)
        steps.append(program.fcntl(program.load(ends, 4), F_SETPIPE_SZ, MIB))
    replies = proc.run(program)
    return [replies[step] for step in steps if replies.ran(step)]


def _in_flight(proc: Proc, amount: int) -> Sequence[Reply]:
    """Descriptors that were sent and that nobody has received: unix(7), SCM_RIGHTS."""
    program = Program(stop_on_error=True)
    ends = program.place(In(bytes(8)))
    program.call("socketpair", socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK, 0, ends)
    one, sent = program.load(ends, 4), program.openat(AT_FDCWD, "/", os.O_RDONLY | os.O_DIRECTORY)
    rights = program.place(In(struct.pack("<Qiii4x", 20, socket.SOL_SOCKET, socket.SCM_RIGHTS, 0)))
    program.store(rights, sent, 4, 16)
    data = Struct((In(b"x"), struct.pack("<Q", 1)))
    steps = []
    for _ in range(amount):
        header = Struct((None, struct.pack("<Q", 0), data, struct.pack("<Q", 1), rights, struct.pack("<2Q", 24, 0)))
        steps.append(program.call("sendmsg", one, header, 0))
    replies = proc.run(program)
    return [replies[step] for step in steps if replies.ran(step)]


def _keys(proc: Proc, amount: int) -> Sequence[Reply]:
    """Keys of the thread's own keyring, gone with it."""
    program = Program(stop_on_error=True)
    steps = [program.call("add_key", "user", f"one-{number}", In(b"x"), 1, THREAD_KEYRING) for number in range(amount)]
    replies = proc.run(program)
    return [replies[step] for step in steps if replies.ran(step)]


def _keys_left(box: Box, witness: Proc, user: int) -> int:
    """By the machine's own account; nothing is tried: the kernel gives keys back some time after their end."""
    try:
        told = text_of(box.outside.path("/proc/key-users"))
        most = int(text_of(box.outside.path("/proc/sys/kernel/keys/maxkeys")))
    except OSError as error:
        raise Unsupported(f"its machine does not tell how many keys a user has ({error.strerror})") from None
    found = re.search(rf"^ *{user}: +\d+ \d+/\d+ (\d+)/", told, re.M)
    return most - (int(found[1]) if found else 0)


_TIMERS = _several(lambda program: program.call("timer_create", CLOCK_MONOTONIC, None, OutBuffer(4)))

QUOTAS = (
    Quota(
        "inotify-instances", "inotify instances",
        _several(lambda program: program.call("inotify_init1", os.O_CLOEXEC)),
        ("man:inotify(7), max_user_instances",),
    ),
    Quota(
        "fanotify-groups", "fanotify groups",
        _several(lambda program: program.call("fanotify_init", FAN_CLOEXEC | FAN_REPORT_FID, os.O_RDONLY)),
        ("man:fanotify(7), max_user_groups",), filtered=True,
    ),
    Quota("pipes", "pipes with room for a MiB", _pipes, ("man:pipe(7), pipe-user-pages-soft",)),
    Quota(
        "descriptors-in-flight", "descriptors in flight", _in_flight, ("man:unix(7), ETOOMANYREFS",),
        _limited(RLIMIT_NOFILE, _in_flight),
    ),
    Quota(
        "timers", "POSIX timers", _TIMERS, ("man:timer_create(2)", "man:getrlimit(2), RLIMIT_SIGPENDING"),
        _limited(RLIMIT_SIGPENDING, _TIMERS),
    ),
    Quota("keys", "keys", _keys, ("man:keyrings(7), maxkeys", "man:user_namespaces(7)"), _keys_left, True),
)  # fmt: skip
