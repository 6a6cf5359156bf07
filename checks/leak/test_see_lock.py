"""A lock of its machine is not listed in the box."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.shortcuts import read_records
from pytest_isolation.outside.machine import leaks
from pytest_isolation.outside.machine.traces import lock
from pytest_isolation.strategies import tokens

promise = guarantee(
    "leak.locks",
    claim="/proc/locks does not list to the box a lock that a process of its machine holds",
    sources=("man:proc_locks(5)", "man:pid_namespaces(7)"),
    severity=severity.learns("lists the files that its machine's processes have locked"),
    falsified_by=weaken.share("pid"),
    oracle="receipt",
    kind="per-window",
    distinct="a table of the whole kernel's, of which a namespace shows a part",
)


@promise
@given(token=tokens())
def test_lock_is_not_listed(box: Box, token: str) -> None:
    with lock(box, token) as number:
        promise.receipt(bool(leaks.called(box.proc)), "clock_gettime(2)")
        if not leaks.has_proc(box.proc):
            promise.undecided("the box has no /proc")
        if not any(number in reply.data for reply in read_records(box.outside.proc, "/proc/locks")):
            promise.undecided("its machine does not list its own lock")
        told = read_records(box.proc, "/proc/locks")
        promise.tried(*told[:1])
        promise.require(not any(number in reply.data for reply in told), *told[:1], lock=number.decode())
