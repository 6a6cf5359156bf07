"""No path inside the box leads into the host's PID namespace."""

import os
from errno import ENOENT, ENOTDIR, ESRCH

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.agent.client import Program
from pytest_isolation.agent.shortcuts import process_names

promise = guarantee(
    "pid.setns-host-refused",
    claim="setns(2) to any namespace file the box can open never gives it processes in the host's PID namespace",
    sources=("man:setns(2)", "man:namespaces(7)"),
    falsified_by=(weaken.share("pid"), weaken.grant("SYS_ADMIN"), weaken.grant("SYS_PTRACE")),
)
CLONE_NEWPID = 0x2000_0000


@promise
@given(link=st.sampled_from(["pid", "pid_for_children"]), which=st.integers(0, 9))
def test_host_namespace_is_out_of_reach(box: Box, link: str, which: int) -> None:
    pids = ["self", *sorted(process_names(box.proc))]
    host = str(box.outside.path("/proc/self/ns/pid").readlink())
    with box.spawn() as proc:
        program = Program(stop_on_error=True)
        fd = program.openat(-100, f"/proc/{pids[which % len(pids)]}/ns/{link}", os.O_RDONLY | os.O_CLOEXEC)
        joined = program.setns(fd, CLONE_NEWPID)
        name = program.readlinkat(-100, "/proc/self/ns/pid_for_children")
        replies = proc.run(program)
        now = replies[name].data.decode() if replies.ran(name) else ""
        # A process that has ended meanwhile has no file: that is no refusal.
        promise.tried(replies[len(replies) - 1], vain=(ENOENT, ENOTDIR, ESRCH))
        promise.require(
            not (replies.ran(joined) and box.parts.shares_kernel and now == host), *replies.calls, joined=now
        )
