"""No path inside the box leads into the host's PID namespace."""

import os
from errno import ENOENT, ENOTDIR, ESRCH

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT_FDCWD, CLONE
from pytest_isolation.agent.shortcuts import names_in
from pytest_isolation.outside.objects import handles
from pytest_isolation.outside.shared import procs

promise = guarantee(
    "pid.setns-host-refused",
    claim="setns(2) to any namespace file the box can open, by a name or by a handle, never gives it processes in the "
    "host's PID namespace",
    sources=("man:setns(2)", "man:namespaces(7)", "man:open_by_handle_at(2)"),
    severity=severity.host("joins the host's PID namespace"),
    falsified_by=(weaken.share("pid"), weaken.grant("SYS_ADMIN"), weaken.grant("SYS_PTRACE")),
)


@promise
@given(link=st.sampled_from(["pid", "pid_for_children", "handle"]), which=st.integers(0, 9))
def test_host_namespace_is_out_of_reach(box: Box, link: str, which: int) -> None:
    # The first of each /proc that the box has come first: that of the host's is in the host's namespace.
    found = {place: sorted(names_in(box.proc, place)) for place in procs(box)}
    files = ["/proc/self", *(f"{place}/{pids[0]}" for place, pids in found.items() if pids)]
    files += [f"{place}/{pid}" for place, pids in found.items() for pid in pids[1:]]
    host = str(box.outside.path("/proc/self/ns/pid").readlink())
    handle = None
    if link == "handle" and box.parts.shares_kernel:  # to another kernel its bytes are a namespace of that
        handle = handles.of_namespace(box.outside.proc, "pid")
        if handle is None:
            promise.remark("no handle is tried: the kernel, before Linux 6.18, has none of namespaces")
    with box.spawn() as proc:
        program = Program(stop_on_error=True)
        at = f"{files[which % len(files)]}/ns/{'pid' if link == 'handle' else link}"
        fd = program.openat(AT_FDCWD, at, os.O_RDONLY | os.O_CLOEXEC)
        if handle:  # a namespace of its own says of which file system the handle is
            fd = program.open_by_handle_at(fd, handle, os.O_CLOEXEC)
        joined = program.setns(fd, CLONE.NEWPID)
        name = program.readlinkat(AT_FDCWD, "/proc/self/ns/pid_for_children")
        replies = proc.run(program)
        now = replies[name].data.decode() if replies.ran(name) else ""
        # A process that has ended meanwhile has no file: that is no refusal.
        promise.tried(replies[len(replies) - 1], vain=(ENOENT, ENOTDIR, ESRCH))
        promise.require(
            not (replies.ran(joined) and box.parts.shares_kernel and now == host), *replies.made, joined=now
        )
