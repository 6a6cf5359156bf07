"""The memory of a process outside can be neither read nor written."""

import os
import secrets

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.client import Proc, Reply
from pytest_isolation.agent.constants import AT_FDCWD, PTRACE, W
from pytest_isolation.agent.memory import OutBuffer
from pytest_isolation.agent.shortcuts import read as read_file
from pytest_isolation.outside.shared import procs

promise = guarantee(
    "pid.ptrace-cross-refused",
    claim="process_vm_readv(2), process_vm_writev(2), ptrace(2) and /proc/PID/mem neither read nor write the memory "
    "of a process outside",
    sources=("man:ptrace(2)", "man:process_vm_readv(2)", "man:proc_pid_mem(5)"),
    severity=severity.host("reads or writes memory of processes of the host"),
    falsified_by=(weaken.share("pid"), weaken.grant("SYS_PTRACE")),
)
WAYS = ("process_vm read", "process_vm write", "mem read", "mem write", "ptrace read", "ptrace write")


@promise
@given(how=st.sampled_from(WAYS), length=st.integers(8, 16))
def test_memory_outside_is_closed(box: Box, how: str, length: int) -> None:
    secret, other = secrets.token_bytes(length), secrets.token_bytes(length)
    with box.outside.canary() as canary, box.spawn() as proc:
        if how.startswith("mem"):
            promise.prepared(proc.faccessat(AT_FDCWD, "/proc/self/mem", os.F_OK), "a /proc in which memory is a file")
        # In another /proc that the box has, the number is that of the host: it is asked there by the canary's name.
        others = [f"{place}/{canary.pid}" for place in procs(box)[1:]]
        files = ["/proc/" + str(canary.pid), *(one for one in others if is_named(proc, one, canary.token))]
        told = [
            reply
            for file in (files if how.startswith("mem") else files[:1])
            for reply in try_it(proc, how, canary.pid, f"{file}/mem", canary.room(secret), length, other)
        ]
        read = next((out for reply in told for out in reply.outs if secret[:8] in out), b"")
        now = canary.in_room(length)
        promise.require(not read and now == secret, *told, read=read.hex(), written=now != secret)


def is_named(proc: Proc, process: str, token: str) -> bool:
    return token.encode() in read_file(proc, f"{process}/cmdline").data


def try_it(proc: Proc, how: str, pid: int, file: str, address: int, length: int, new: bytes) -> list[Reply]:
    """Read `length` bytes at `address` of process `pid`, or put `new` there: the replies, until one is a refusal.

    `file`: its memory as a file.
    """
    writes = how.endswith("write")
    if how.startswith("process"):
        got = proc.process_vm_writev(pid, address, new) if writes else proc.process_vm_readv(pid, address, length)
        return [got]
    if how.startswith("mem"):
        told = [proc.openat(AT_FDCWD, file, os.O_WRONLY if writes else os.O_RDONLY)]
        if (fd := told[0]).ok:
            got = proc.pwrite64(fd.value, new, address) if writes else proc.pread64(fd.value, length, address)
            told.append(got)
        return told
    told = [proc.ptrace(PTRACE.SEIZE, pid)]
    if told[0].ok:
        told += [proc.ptrace(PTRACE.INTERRUPT, pid), proc.wait4(pid, W.ALL)]
        word = int.from_bytes(new[:8], "little")
        poke = (PTRACE.POKEDATA, pid, address, word)
        told.append(proc.ptrace(*poke) if writes else proc.ptrace(PTRACE.PEEKDATA, pid, address, OutBuffer(8)))
        told.append(proc.ptrace(PTRACE.DETACH, pid))  # it goes on: the witness has to answer
    return told
