"""Memory that is no process' own page counts against the box's limit: segments, sockets, page tables, semaphores."""

import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from pytest_isolation import Box, Guarantee, family, severity, weaken
from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.agent.constants import CLONE, IPC, IPC_PRIVATE
from pytest_isolation.agent.shortcuts import finished
from pytest_isolation.boxes.cgroups import Group
from pytest_isolation.boxes.objects import remove_by
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import ProcLost
from pytest_isolation.outside.limits.exercised import (
    LIMITED,
    end_first,
    memory_ceiling,
    need_memory_account,
    refused_early,
)


@dataclass(frozen=True)
class Thing:
    slug: str
    name: str
    does: str
    why: str


THINGS = (
    Thing(
        "segments", "in shared memory segments of System V", "keeps memory in segments that nobody counts",
        "a segment stays when all its processes have ended",
    ),
    Thing(
        "sockets", "in the queues of UNIX sockets", "keeps memory in sockets that nobody counts",
        "the kernel's own memory, which some kernels leave uncounted",
    ),
    Thing(
        "page-tables", "in page tables, for memory that it only reads", "keeps memory in page tables uncounted",
        "the kernel's own memory too, of which a process needs no page of its own",
    ),
    Thing(
        "semaphores", "in sets of System V semaphores", "keeps memory in semaphores that nobody counts",
        "the kernel's own memory that stays when all processes have ended",
    ),
)  # fmt: skip
SEGMENT, MESSAGE, MESSAGES, PAIRS = 2 * MIB, 65536, 3, 16
IPC_CREAT_PRIVATE = 0o1600
SPAN, TABLE, AT_ONCE, MADV_POPULATE_READ = 2 * MIB, 4096, 256, 22
"""One page table is for so much of a process' addresses, where a page is 4 KiB."""
SPARE, FREED_S = 4 * MIB, 5.0
"""Pages that come free when the filler is ended; how long the kernel may take with what was filled."""
MEMBERS, MEMBER = 16_000, 64
"""Semaphores of a set: at most 32,000, semget(2); and the bytes that the kernel has for each."""

charged = family(
    "cg.mem.{entry.slug}-charged",
    over=THINGS,
    claim="what a process of the box keeps {entry.name} is charged to the box and bounded by its limit",
    sources=("kernel:admin-guide/cgroup-v2 Memory Ownership", "kernel:admin-guide/cgroup-v1/memory 2.7.1"),
    severity=lambda entry: severity.use(entry.does),
    falsified_by=weaken.unlimited("memory"),
    kind="per-window",
    box=LIMITED,
    distinct="{entry.why}",
)


@charged
def test_memory_is_charged(box: Box, promise: Guarantee, entry: Thing) -> None:
    group, limit = need_memory_account(box), memory_ceiling(box)
    wanted = limit + 16 * MIB
    with _given_back(box, group), box.spawn() as proc:
        end_first(proc)
        try:
            kept = FILL[entry.slug](box, proc, wanted)
        except ProcLost:
            kept = -1  # the kernel ended it
        now = max(group.memory_bytes(), group.memory_peak())
        early = kept < wanted and refused_early(group, int(LIMITED["memory"]), kept)
    if early:
        promise.undecided("something else than memory bounds how much of this the box may have")
    promise.require(now <= limit and not limit < kept, f"{kept} bytes kept {entry.name} (-1: ended)", peak_on_host=now)


def _segments(box: Box, proc: Proc, wanted: int) -> int:
    """How many bytes could be filled; each segment is marked to go with its last user, this process."""
    kept = 0
    while kept < wanted:
        program = Program(stop_on_error=True)
        segment = program.shmget(IPC_PRIVATE, SEGMENT, IPC_CREAT_PRIVATE)
        room = program.shmat(segment)
        program.shmctl(segment, IPC.RMID)
        filled = program.call("getrandom", room, SEGMENT, 0)  # needs no file, as a box may have none
        replies = proc.run(program)
        if not replies.ran(filled) or not replies[filled].ok:
            break
        kept += replies[filled].value
    return kept


def _sockets(box: Box, proc: Proc, wanted: int) -> int:
    """How many bytes could be sent that nobody receives."""
    kept, room = 0, proc.mmap(0, MESSAGE, 3, 0x22).value  # PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS
    while kept < wanted:
        program = Program()
        pairs = [program.socketpair(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) for _ in range(PAIRS)]
        replies = proc.run(program)
        ends = [int.from_bytes(replies[pair].outs[0][:4], "little") for pair in pairs if replies[pair].ok]
        program = Program()
        sent = [program.call("write", end, room, MESSAGE) for end in ends for _ in range(MESSAGES)]
        replies = proc.run(program)
        taken = sum(replies[one].value for one in sent if replies[one].ok)
        if not taken:
            break
        kept += taken
    return kept


def _page_tables(box: Box, proc: Proc, wanted: int) -> int:
    """How many bytes of tables there are for pages that are read alone: they are all the one page of zeros."""
    kept, tables = 0, -(-wanted // TABLE)
    room = proc.mmap(0, tables * SPAN, 1, 0x4022)  # PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    while room.ok and kept < tables * TABLE:
        program = Program(stop_on_error=True)
        first = room.value + kept // TABLE * SPAN
        for number in range(AT_ONCE):
            program.madvise(first + number * SPAN, TABLE, MADV_POPULATE_READ)
        if not finished(proc.run(program), program):
            break
        kept += AT_ONCE * TABLE
    return kept


def _semaphores(box: Box, proc: Proc, wanted: int) -> int:
    """Each set is written down first: it outlives its maker, and where the box has no IPC namespace, the run.

    The sets stay when the filler is ended for them.  Without pages of its own that come free then, the box's first
    process would be ended for its next page.
    """
    kept, keys = 0, box.witnesses.setdefault(KEYS, _Keys())
    proc.mmap(0, SPARE, 3, 0x8022)  # PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE
    while kept < wanted:
        keys.made.append(key := 1 + secrets.randbelow((1 << 31) - 1))
        if box.lifetime is not None:
            box.parts.host.register_ipc(box.lifetime, f"sem {key}")
        if not proc.semget(key, MEMBERS, IPC_CREAT_PRIVATE).ok:
            break
        kept += MEMBERS * MEMBER
    return kept


@dataclass
class _Keys:
    made: list[int] = field(default_factory=list)

    def close(self) -> None:
        """They are gone with the box."""


@contextmanager
def _given_back(box: Box, group: Group) -> Iterator[None]:
    """Remove what outlives its maker, and wait until the box has the memory again for whatever is tried next."""
    before = group.memory_bytes()
    try:
        yield
    finally:
        made = box.witnesses.pop(KEYS, _Keys()).made
        with box.outside.process() as outside:
            remover = _remover(box, outside.proc) if made else box.proc
            for key in made:
                remove_by(remover, f"sem {key}")
        if box.parts.shares_kernel:  # tables and sets are freed some time after they are gone: by RCU
            end = time.monotonic() + FREED_S
            with suppress(OSError):  # the group goes with a box that has ended
                while group.memory_bytes() > before + SPARE and time.monotonic() < end:
                    time.sleep(0.01)


def _remover(box: Box, outside: Proc) -> Proc:
    """`outside` in the box's IPC namespace, where it may enter: each of the box's may be ended for its next page."""
    if box.parts.init_pid is None or not box.parts.shares_kernel:
        return box.proc
    pidfd = outside.pidfd_open(box.parts.init_pid)
    return outside if pidfd.ok and outside.setns(pidfd.value, CLONE.NEWIPC).ok else box.proc


KEYS = "sets of semaphores that fill memory"
FILL = {"segments": _segments, "sockets": _sockets, "page-tables": _page_tables, "semaphores": _semaphores}
