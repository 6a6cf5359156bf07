"""Files in memory count against the box's memory."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.client import Program
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import ProcLost
from pytest_isolation.outside.limits.exercised import LIMITED, end_first, memory_ceiling, need_memory_account

promise = guarantee(
    "cg.mem.tmpfs-charged",
    claim="what the box writes to memory files is charged to it and bounded by its limit",
    sources=("kernel:admin-guide/cgroup-v2 memory", "man:memfd_create(2)"),
    severity=severity.use("fills memory through files beyond its limit"),
    falsified_by=weaken.unlimited("memory"),
    kind="per-window",
    box=LIMITED,
    distinct="pages of files are charged by another path than a process's own pages",
)
PIECE = MIB // 2


@promise
@given(beyond=st.integers(8, 40))
def test_memory_files_are_charged(box: Box, beyond: int) -> None:
    group = need_memory_account(box)
    rounds = (int(LIMITED["memory"]) + beyond * MIB) // PIECE
    with box.spawn() as proc:
        end_first(proc)
        fd = promise.prepared(proc.memfd_create("hog"), "a file in memory to fill").value
        program = Program(stop_on_error=True)
        written = program.write(fd, b"x" * PIECE)
        program.loop(written, times=rounds)
        try:
            proc.run(program, timeout=60)
        except ProcLost:
            pass  # ended for it
        now = max(group.memory_bytes(), group.memory_peak())
        promise.require(now <= memory_ceiling(box), f"{rounds * PIECE} bytes written to a memfd", peak_on_host=now)
