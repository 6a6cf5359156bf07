"""The memory of a process outside can be neither read nor written."""

import secrets

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken

promise = guarantee(
    "pid.ptrace-cross-refused",
    claim="neither process_vm_readv(2), ptrace(2) nor /proc/PID/mem reaches a process outside",
    sources=("man:ptrace(2)", "man:process_vm_readv(2)", "man:proc_pid_mem(5)"),
    falsified_by=(weaken.share("pid"), weaken.grant("SYS_PTRACE")),
)
PTRACE_SEIZE, PTRACE_PEEKDATA = 0x4206, 2


@promise
@given(how=st.sampled_from(["process_vm_readv", "ptrace", "mem"]), length=st.integers(8, 16))
def test_memory_outside_is_closed(box: Box, how: str, length: int) -> None:
    secret = secrets.token_bytes(length)
    with box.outside.canary() as canary, box.spawn() as proc:
        address = canary.room(secret)
        if how == "process_vm_readv":
            reply = proc.process_vm_readv(canary.pid, address, length)
            promise.require(secret not in reply.outs, reply)
        elif how == "ptrace":
            seized = proc.ptrace(PTRACE_SEIZE, canary.pid)
            promise.require(not seized.ok, seized)
        else:
            fd = proc.openat(-100, f"/proc/{canary.pid}/mem", 0)
            seen = proc.pread64(fd.value, length, address) if fd.ok else fd
            promise.require(secret not in seen.outs, fd, seen)
