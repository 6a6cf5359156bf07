"""Things of which a machine has a number for everybody: a process of a box takes some, and the machine's account tells.

An amount is below a tenth of what is free, which is found out before the first call, and it ends with the process that
took it.
"""

from __future__ import annotations

import os
import secrets
import struct
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT_FDCWD, IPC, IPC_GET, IPC_PRIVATE
from pytest_isolation.agent.memory import OutBuffer
from pytest_isolation.boxes.objects import remove_by
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.boxes.weakenings import Weakening, drop, share
from pytest_isolation.errors import Undecided, Unsupported

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_isolation.agent.client import Proc, Replies, Reply
    from pytest_isolation.agent.memory import Step
    from pytest_isolation.outside.box import Box

MSG_INFO, SHM_INFO, SEM_INFO = 12, 14, 19
ROUNDS, ENOUGH, STILL = 8, 2, 3
"""The machine is used by others meanwhile: a rise and a fall by the amount decide when they were seen twice, and an
account that stays as it is when that was seen three times; what is neither decides nothing."""


@dataclass(frozen=True, slots=True)
class Stock:
    """Something that a machine, or a namespace of it, has a number of."""

    slug: str
    what: str
    """Plural."""
    does: str
    take: Callable[[Box, Proc, int, ExitStack], Sequence[Reply]]
    """Has a process of the box take so many; the replies of the calls that take."""
    used: Callable[[Box], tuple[int, int]]
    """How many the machine has given out, and how many it can give, by its own account."""
    least: int
    most: int
    hole: Weakening
    sources: tuple[str, ...]
    why: str


def risen(box: Box, stock: Stock, amount: int) -> tuple[list[Reply], list[int]]:
    """The replies of the last round, and by how much the machine's account rose and fell with what the box took.

    Raises Undecided where the amount is not harmless, and where others move the account so much that nothing is seen.
    """
    seen: list[int] = []
    still = 0
    replies: list[Reply] = []
    for number in range(ROUNDS):
        wanted = amount + number  # another each time: what others take at one time is not this
        before, most = stock.used(box)
        if wanted > (most - before) // 10:
            raise Undecided(f"{wanted} {stock.what} are more than a tenth of the {most - before} that are free")
        with ExitStack() as undo:
            proc = undo.enter_context(box.spawn())
            replies = list(stock.take(box, proc, wanted, undo))
            taken = sum(reply.ok for reply in replies)
            during = stock.used(box)[0]
        if not taken:
            return replies, []
        if taken == 1:
            raise Undecided(f"the box had one of the {stock.what}, and no more: too few to see in the account")
        slack = max(1, taken // 8)
        if abs(during - before - taken) <= slack and _fell(box, stock, during, taken, slack):
            seen.append(taken)
        elif abs(during - before) <= slack:
            still += 1
        if len(seen) >= ENOUGH or still >= STILL:
            return replies, seen if len(seen) >= ENOUGH else []
    raise Undecided(f"others took and gave back {stock.what} of its machine all the while")


def _fell(box: Box, stock: Stock, during: int, taken: int, slack: int) -> bool:
    """Whether the account comes down again by what was taken: what has ended may take a moment."""
    for wait in (0.0, 0.02, 0.1):
        time.sleep(wait)
        if abs(during - stock.used(box)[0] - taken) <= slack:
            return True
    return False


def _ran(replies: Replies, steps: Sequence[Step]) -> list[Reply]:
    return [replies[step] for step in steps if replies.ran(step)]


def _opened(path: str, flags: int) -> Callable[[Box, Proc, int, ExitStack], Sequence[Reply]]:
    def take(box: Box, proc: Proc, amount: int, undo: ExitStack) -> Sequence[Reply]:
        program = Program(stop_on_error=True)
        steps = [program.openat(AT_FDCWD, path, flags | os.O_CLOEXEC) for _ in range(amount)]
        return _ran(proc.run(program), steps)

    return take


def _pipes(box: Box, proc: Proc, amount: int, undo: ExitStack) -> Sequence[Reply]:
    """Open files that need no path: two for each pipe."""
    program = Program(stop_on_error=True)
    steps = [program.pipe2(os.O_CLOEXEC) for _ in range(amount // 2)]
    return [reply for reply in _ran(proc.run(program), steps) for _ in range(2)]


def _requests(box: Box, proc: Proc, amount: int, undo: ExitStack) -> Sequence[Reply]:
    """One context with room for so many: io_setup(2)."""
    return [proc.call("io_setup", amount, OutBuffer(8))] * amount


def _segments(box: Box, proc: Proc, amount: int, undo: ExitStack) -> Sequence[Reply]:
    """Of a page each, marked at once to go with their last user."""
    found = []
    for _ in range(amount):
        program = Program()  # whatever becomes of the second call, the third is made
        made = program.shmget(IPC_PRIVATE, 4096, IPC_GET.CREAT | 0o600)
        program.shmat(made)
        program.shmctl(made, IPC.RMID)
        found.append(proc.run(program)[made])
    return found


def _objects(kind: str) -> Callable[[Box, Proc, int, ExitStack], Sequence[Reply]]:
    """Semaphores or queues: written down first, as they may be the machine's and outlive a killed run."""

    def take(box: Box, proc: Proc, amount: int, undo: ExitStack) -> Sequence[Reply]:
        found = []
        for _ in range(amount):
            key = 1 + secrets.randbelow((1 << 31) - 1)
            if box.lifetime is not None:
                box.parts.host.register_ipc(box.lifetime, f"{kind} {key}")
            flags = IPC_GET.CREAT | IPC_GET.EXCL | 0o600
            found.append(proc.semget(key, 1, flags) if kind == "sem" else proc.msgget(key, flags))
            undo.callback(remove_by, proc, f"{kind} {key}")
        return found

    return take


def _file(path: str, at: int, most: str = "", most_at: int = 0, spare: str = "") -> Callable[[Box], tuple[int, int]]:
    """Word `at` of a file of the machine's, and the most there can be: word `most_at` of the file `most`, or of it."""

    def used(box: Box) -> tuple[int, int]:
        def number(name: str, word: int) -> int:
            return int(text_of(box.outside.path(name)).split()[word])

        try:
            return number(path, at), number(most or path, most_at) - (number(spare, 0) if spare else 0)
        except OSError as error:
            raise Unsupported(f"its machine does not tell {path} ({error.strerror})") from None

    return used


def _ipc(
    call: str, *arguments: int, number: Callable[[bytes], int], most: Callable[[Proc], int]
) -> Callable[[Box], tuple[int, int]]:
    def used(box: Box) -> tuple[int, int]:
        reply = box.outside.proc.call(call, *arguments, OutBuffer(128))
        if not reply.ok:
            raise Unsupported(f"its machine has no System V IPC to count ({reply})")
        return number(reply.outs[0]), most(box.outside.proc)

    return used


def _int(data: bytes, at: int) -> int:
    return int(struct.unpack_from("<i", data, 4 * at)[0])


def _limit(call: str, *arguments: int, read: Callable[[bytes], int]) -> Callable[[Proc], int]:
    return lambda proc: read(proc.call(call, *arguments, OutBuffer(128)).outs[0])


OWN_KERNEL = drop("own-kernel")
STOCKS = (
    Stock(
        "terminals", "pseudo-terminals", "takes the pseudo-terminals of everybody",
        _opened("/dev/ptmx", os.O_RDWR | os.O_NOCTTY),
        _file("/proc/sys/kernel/pty/nr", 0, "/proc/sys/kernel/pty/max", 0, "/proc/sys/kernel/pty/reserve"), 12, 24,
        OWN_KERNEL, ("man:pts(4)", "man:proc_sys_kernel(5), pty", "kernel:filesystems/devpts"),
        "who has none left can no longer log in",
    ),
    Stock(
        "open-files", "open files", "takes the open files of everybody", _pipes,
        _file("/proc/sys/fs/file-nr", 0, most_at=2), 300, 500, OWN_KERNEL, ("man:proc_sys_fs(5), file-nr",),
        "who has none left can open nothing",
    ),
    Stock(
        "aio-requests", "asynchronous requests", "takes the asynchronous requests of everybody", _requests,
        _file("/proc/sys/fs/aio-nr", 0, "/proc/sys/fs/aio-max-nr"), 300, 900, OWN_KERNEL,
        ("man:proc_sys_fs(5), aio-nr", "man:io_setup(2)"), "who has none left, as a data base, does not start",
    ),
    Stock(
        "semaphores", "sets of semaphores", "takes the sets of semaphores of everybody", _objects("sem"),
        _ipc("semctl", 0, 0, SEM_INFO, number=lambda data: _int(data, 7), most=_limit(
            "semctl", 0, 0, SEM_INFO, read=lambda data: _int(data, 1))),
        3, 6, share("ipc"), ("man:ipc_namespaces(7)", "man:semctl(2), SEM_INFO"),
        "their number, not what is in them: semaphores that nobody can read are used up all the same",
    ),
    Stock(
        "queues", "System V message queues", "takes the System V message queues of everybody", _objects("msg"),
        _ipc("msgctl", 0, MSG_INFO, number=lambda data: _int(data, 0), most=_limit(
            "msgctl", 0, MSG_INFO, read=lambda data: _int(data, 4))),
        3, 6, share("ipc"), ("man:ipc_namespaces(7)", "man:msgctl(2), MSG_INFO"),
        "their number, not what is in them: queues that nobody can read are used up all the same",
    ),
    Stock(
        "segments", "segments of shared memory", "takes the segments of shared memory of everybody", _segments,
        _ipc("shmctl", 0, SHM_INFO, number=lambda data: _int(data, 0), most=_limit(
            "shmctl", 0, IPC.INFO, read=lambda data: int(struct.unpack_from("<Q", data, 16)[0]))),
        12, 24, share("ipc"), ("man:ipc_namespaces(7)", "man:shmctl(2), SHM_INFO"),
        "their number, not what is in them: segments that nobody can read are used up all the same",
    ),
)  # fmt: skip
