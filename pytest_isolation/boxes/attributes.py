"""What fork(2) and execve(2) hand on from a process to the next, besides descriptors, variables, keys and limits.

A shell under nohup(1), a CI runner that blocks signals, or a service with an umask of its own starts a box with its
own.  Nice values, scheduling and affinity are handed on as well, and are not here: who sets them means what is started.
"""

from __future__ import annotations

import signal
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program, Reply
from pytest_isolation.agent.constants import PR
from pytest_isolation.errors import Unsupported

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc

SIG_DFL, SIG_IGN, SIG_SETMASK = 0, 1, 2
ADDR_NO_RANDOMIZE, ASK = 0x0004_0000, 0xFFFF_FFFF
"""personality(2)."""
TIMER_SLACK_NS = 50_000
"""Of the first process, from which all have it: PR_SET_TIMERSLACK(2const)."""
EVERY = tuple(number for number in range(1, 65) if number not in (signal.SIGKILL, signal.SIGSTOP))
"""The signals whose action can be set: signal(7)."""
SET_BY_CALLERS = (
    "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGTSTP", "SIGTTIN",
    "SIGTTOU", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGRTMIN", "SIGRTMAX",
)  # fmt: skip
"""What a caller of ours ignores, or blocks: none by which a kernel tells of a fault or of a child's end, by which
launchers go."""


def mask_of(numbers: Iterable[int]) -> int:
    """Bit N-1 is signal N, as in proc_pid_status(5)."""
    return sum(1 << number - 1 for number in numbers)


def names_of(mask: int) -> str:
    """Of the signals in it, which is how a mask is told."""
    numbers = [number for number in range(1, 65) if mask >> number - 1 & 1]
    return " ".join(signal.Signals(one).name if one in KNOWN else str(one) for one in numbers) or "none"


KNOWN = frozenset(map(int, signal.Signals))
ALL = mask_of(signal.Signals[name] for name in SET_BY_CALLERS)


def _ignore(program: Program, mask: int) -> None:
    for number in EVERY:
        program.rt_sigaction(number, SIG_IGN if mask >> number - 1 & 1 else SIG_DFL)


def _ignored(proc: Proc) -> int:
    program = Program()
    asked = {number: program.rt_sigaction(number) for number in EVERY}
    replies = proc.run(program)
    return mask_of(number for number, step in asked.items() if _told(replies[step], replies[step].data)[0] == SIG_IGN)


def _block(program: Program, mask: int) -> None:
    program.rt_sigprocmask(SIG_SETMASK, mask)


def _blocked(proc: Proc) -> int:
    reply = proc.rt_sigprocmask(signal.SIG_BLOCK, 0)
    return _told(reply, reply.data)[0]


def _create_with(program: Program, mask: int) -> None:
    program.umask(mask)


def _creates_with(proc: Proc) -> int:
    program = Program()
    found = program.umask(0o077)
    program.umask(found)
    return proc.run(program)[found].value


def _lay_out(program: Program, persona: int) -> None:
    program.personality(persona)


def _laid_out(proc: Proc) -> int:
    return _number(proc.personality(ASK)) & ADDR_NO_RANDOMIZE


def _wake_late(program: Program, nanoseconds: int) -> None:
    program.prctl(PR.SET_TIMERSLACK, nanoseconds)


def _wakes_late(proc: Proc) -> int:
    return _number(proc.prctl(PR.GET_TIMERSLACK))


def _do_without_huge_pages(program: Program, without: int) -> None:
    program.prctl(PR.SET_THP_DISABLE, without)


def _does_without_huge_pages(proc: Proc) -> int:
    return _number(proc.prctl(PR.GET_THP_DISABLE))


def _number(reply: Reply) -> int:
    if not reply.ok:
        raise Unsupported(f"a process of the box is not told: {reply}")
    return reply.value


def _told(reply: Reply, data: bytes) -> tuple[int, ...]:
    _number(reply)
    return struct.unpack_from("<Q", data)


@dataclass(frozen=True, slots=True)
class Attribute:
    """One of them, as a number; signals are a mask_of() them."""

    slug: str
    what: str
    """What a process has of it, as a noun."""
    does: str
    """A box whose first process has its caller's: a verb in the third person."""
    why: str
    surface: bool
    """Whether it makes an attack easier; else programs behave otherwise."""
    source: str
    usual: int
    """What a process has whose caller, and that one's, have set nothing."""
    put: Callable[[Program, int], None]
    """The calls that set it."""
    look: Callable[[Proc], int]
    """What a process has; raises Unsupported where it is not told."""
    words: Callable[[int], str] = hex
    """How it is told."""


ATTRIBUTES = (
    Attribute("ignored-signals", "signals that are ignored", "ignores the signals that its caller ignores",
        "what becomes of a signal that has come: a program that sets no handler is not ended", False,
        "man:signal(7), Signal dispositions", 0, _ignore, _ignored, names_of),
    Attribute("blocked-signals", "signals that are blocked", "blocks the signals that its caller blocks",
        "that a signal does not come, whatever its handler", False,
        "man:signal(7), Signal mask and pending signals", 0, _block, _blocked, names_of),
    Attribute("umask", "file mode creation mask", "makes files with its caller's umask",
        "the modes of what it makes", False, "man:umask(2)", 0o022, _create_with, _creates_with, oct),
    Attribute("fixed-addresses", "leave to have its memory at addresses that are not random",
        "has its memory where its caller's setting fixes it", "where its memory is, which an attacker must guess", True,
        "man:personality(2), ADDR_NO_RANDOMIZE", 0, _lay_out, _laid_out),
    Attribute("timer-slack", "timer slack", "wakes up as late as its caller does",
        "when it wakes up", False, "man:PR_SET_TIMERSLACK(2const)", TIMER_SLACK_NS, _wake_late, _wakes_late, str),
    Attribute("huge-pages", "setting to do without transparent huge pages", "lacks huge pages as its caller does",
        "how its memory is made up", False, "man:PR_SET_THP_DISABLE(2const)", 0,
        _do_without_huge_pages, _does_without_huge_pages),
)  # fmt: skip
BY_SLUG = {one.slug: one for one in ATTRIBUTES}


def put(proc: Proc, wanted: Iterable[tuple[str, int]]) -> None:
    """Give `proc` these: slug and number.  Raises Unsupported where it did not come to have one."""
    program, asked = Program(), tuple(wanted)
    for slug, value in asked:
        BY_SLUG[slug].put(program, value)
    proc.run(program)
    for slug, value in asked:
        one = BY_SLUG[slug]
        if (found := one.look(proc)) != value:
            raise Unsupported(
                f"whoever starts the box does not come to have the {one.what}: asked for {one.words(value)}, "
                f"has {one.words(found)}"
            )


def put_usual(proc: Proc, slugs: Iterable[str] = BY_SLUG) -> None:
    """Give `proc` the usual ones, whatever its caller has; one that the kernel refuses stays."""
    program = Program()
    for slug in slugs:
        BY_SLUG[slug].put(program, BY_SLUG[slug].usual)
    proc.run(program)
