"""Memory that belongs to no process counts against the box's limit: shared segments, what waits in sockets."""

import socket
from dataclasses import dataclass

from pytest_isolation import Box, Guarantee, family, severity, weaken
from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import ProcLost
from pytest_isolation.outside.limits import LIMITED, end_first, memory_ceiling, need_memory_account, refused_early


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
)  # fmt: skip
SEGMENT, MESSAGE, MESSAGES, PAIRS = 2 * MIB, 65536, 3, 16
IPC_PRIVATE, IPC_CREAT_PRIVATE, IPC_RMID = 0, 0o1600, 0

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
    with box.spawn() as proc:
        end_first(proc)
        try:
            kept = _segments(proc, wanted) if entry.slug == "segments" else _sockets(proc, wanted)
        except ProcLost:
            kept = -1  # the kernel ended it
        now = max(group.memory_bytes(), group.memory_peak())
        early = kept < wanted and refused_early(group, int(LIMITED["memory"]), kept)
    if early:
        promise.undecided("something else than memory bounds how much of this the box may have")
    promise.require(now <= limit and not limit < kept, f"{kept} bytes kept {entry.name} (-1: ended)", peak_on_host=now)


def _segments(proc: Proc, wanted: int) -> int:
    """How many bytes could be filled; each segment is marked to go with its last user, this process."""
    kept = 0
    while kept < wanted:
        program = Program(stop_on_error=True)
        segment = program.shmget(IPC_PRIVATE, SEGMENT, IPC_CREAT_PRIVATE)
        room = program.shmat(segment)
        program.shmctl(segment, IPC_RMID)
        filled = program._call("getrandom", room, SEGMENT, 0)  # needs no file, as a box may have none
        replies = proc.run(program)
        if not replies.ran(filled) or not replies[filled].ok:
            break
        kept += replies[filled].value
    return kept


def _sockets(proc: Proc, wanted: int) -> int:
    """How many bytes could be sent that nobody receives."""
    kept, room = 0, proc.mmap(0, MESSAGE, 3, 0x22).value  # PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS
    while kept < wanted:
        program = Program()
        pairs = [program.socketpair(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) for _ in range(PAIRS)]
        replies = proc.run(program)
        ends = [int.from_bytes(replies[pair].outs[0][:4], "little") for pair in pairs if replies[pair].ok]
        program = Program()
        sent = [program._call("write", end, room, MESSAGE) for end in ends for _ in range(MESSAGES)]
        replies = proc.run(program)
        taken = sum(replies[one].value for one in sent if replies[one].ok)
        if not taken:
            break
        kept += taken
    return kept
