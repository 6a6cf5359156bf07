"""No descriptor for a process outside can be had, nor anything be done with one."""

import os

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.client import Program
from pytest_isolation.outside.objects import handles

promise = guarantee(
    "pid.pidfd-cross-refused",
    claim="neither pidfd_open(2) nor open_by_handle_at(2) with the handle of a process gives the box a descriptor that "
    "reaches a process outside",
    sources=("man:pidfd_open(2)", "man:pidfd_send_signal(2)", "man:pidfd_getfd(2)", "man:open_by_handle_at(2)"),
    severity=severity.host("gets hold of processes of the host by pidfd"),
    falsified_by=weaken.share("pid"),
    distinct="another door than kill(2): a filter that knows only kill leaves it open",
)
SIGUSR1 = 10


@promise
@given(door=st.sampled_from(["number", "handle"]), act=st.sampled_from(["signal", "getfd"]), fd=st.integers(0, 2))
def test_pidfd_cannot_reach_outside(box: Box, door: str, act: str, fd: int) -> None:
    with box.outside.canary() as canary, box.spawn() as proc:
        handle = None
        if door == "handle" and box.parts.shares_kernel:  # to another kernel its bytes are a process of that
            handle = handles.of_process(box.outside.proc, canary.pid)
            if handle is None:
                promise.remark("no handle is tried: the kernel, before Linux 6.14, has none of processes")
        program = Program(stop_on_error=True)
        first = pidfd = program.pidfd_open(program.getpid() if handle else canary.pid)
        if handle:  # one of its own says of which file system the handle is
            pidfd = program.open_by_handle_at(first, handle, os.O_CLOEXEC)
        done = program.pidfd_send_signal(pidfd, SIGUSR1) if act == "signal" else program.pidfd_getfd(pidfd, fd)
        replies = proc.run(program)
        if handle:
            promise.prepared(replies[first], "a descriptor of a process of its own")
        reached = replies.ran(done) and replies[done].ok
        promise.require(not reached and SIGUSR1 not in canary.signals_seen(), replies[len(replies) - 1])
