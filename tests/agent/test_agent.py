"""The agent itself, as a process: on this architecture, and the other one under qemu-user."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from pytest_isolation.agent import numbers
from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.agent.channel import FdChannel
from pytest_isolation.agent.client import Agent, Program
from pytest_isolation.agent.memory import In
from pytest_isolation.agent.shortcuts import names_in
from pytest_isolation.boxes.local import start_local
from pytest_isolation.errors import AgentLost, BoxError, ProcLost
from tests.support import REQUIRED

CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND, CLONE_THREAD = 0x100, 0x200, 0x400, 0x800, 0x10000
THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | 0x40000  # CLONE_SYSVSEM


def command(machine: str) -> list[str]:
    if machine == os.uname().machine:
        return [os.fspath(agent_binary(machine)), "-d"]
    emulator = shutil.which(f"qemu-{machine}-static") or shutil.which(f"qemu-{machine}")
    if emulator is None:
        if REQUIRED:
            raise AssertionError(f"qemu-user for {machine} is not installed: apt install qemu-user-static")
        pytest.skip(f"no qemu-user for {machine}: apt install qemu-user-static")
    return [emulator, os.fspath(agent_binary(machine))]


@contextmanager
def running(machine: str) -> Iterator[tuple[Agent, subprocess.Popen[bytes]]]:
    process = subprocess.Popen(command(machine), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    agent = Agent(FdChannel(os.dup(process.stdout.fileno()), os.dup(process.stdin.fileno())))
    process.stdin.close()
    process.stdout.close()
    try:
        yield agent, process
    finally:
        agent.close()
        process.wait(10)


@pytest.fixture(params=["x86_64", "aarch64"])
def agent(request: pytest.FixtureRequest) -> Iterator[Agent]:
    with running(request.param) as (made, _):
        assert made.machine == request.param
        yield made


def test_a_call_is_made_and_a_refusal_is_a_value(agent: Agent) -> None:
    assert agent.proc.getpid().value > 0
    refused = agent.proc.close(-1)
    assert (refused.ok, refused.errno, str(refused)) == (False, errno.EBADF, "close(-1) = -1 EBADF")


def test_results_are_arguments_of_later_calls(agent: Agent) -> None:
    program = Program(stop_on_error=True)
    fd = program.memfd_create("chained")
    program.write(fd, b"from one call to the next")
    program.lseek(fd, 5, os.SEEK_SET)
    read = program.read(fd, 100)
    program.close(fd)
    replies = agent.proc.run(program)
    assert replies[read].data == b"one call to the next"
    assert replies.calls[3] == f"read(${fd.index}, <out>, 100) = 20"


def test_a_program_stops_at_the_first_error_when_asked(agent: Agent) -> None:
    program = Program(stop_on_error=True)
    program.getpid()
    program.close(-1)
    after = program.getppid()
    replies = agent.proc.run(program)
    assert len(replies) == 2
    assert not replies.ran(after)


def test_a_loop_repeats_a_number_of_times_or_for_a_while(agent: Agent) -> None:
    program = Program()
    first = program.getpid()
    rounds = program.loop(first, times=1000)
    start = program.getpid()
    timed = program.loop(start, seconds=0.05)
    began = time.monotonic()
    replies = agent.proc.run(program)
    assert replies[rounds].value == 1000
    assert replies[timed].value > 10
    assert time.monotonic() - began >= 0.05


def test_memory_is_laid_out_with_pointers(agent: Agent) -> None:
    """writev(2) through an array of structures that point to each other."""
    program = Program()
    pair = program.place(bytes(8))
    program.call("pipe2", pair, 0)
    reader, writer = program.load(pair, -4), program.load(pair, -4, offset=4)
    vector = program.place(bytes(32))
    for number, text in enumerate((b"first ", b"second")):
        program.store(vector, program.place(In(text)), offset=16 * number)
        program.store(vector, len(text), offset=16 * number + 8)
    program.call("writev", writer, vector, 2)
    read = program.read(reader, 100)
    assert agent.proc.run(program)[read].data == b"first second"


@pytest.mark.parametrize("flags", [0, CLONE_FILES, CLONE_FS], ids=["fork", "files", "fs"])
def test_children_answer_and_end(agent: Agent, flags: int) -> None:
    if flags and agent.machine != os.uname().machine:
        pytest.skip("qemu-user refuses to share only part of a process; the real kernel is asked above")
    with agent.proc.spawn(flags) as child:
        assert child.getpid().value != agent.proc.getpid().value
        assert child.getppid().value == agent.proc.getpid().value
        agent.proc.kill(child.pid, signal.SIGKILL)
        with pytest.raises(ProcLost):
            child.getpid()
    assert agent.proc.wait4(-1, os.WNOHANG).errno == errno.ECHILD


@pytest.mark.parametrize("flags", [CLONE_VM, CLONE_VM | CLONE_FILES], ids=["vm", "vm-files"])
def test_children_may_share_memory(flags: int) -> None:
    with running(os.uname().machine) as (agent, _), agent.proc.spawn(flags) as child, child.spawn() as grandchild:
        assert grandchild.getppid().value == child.getpid().value
        assert agent.proc.getpid().ok


def test_threads(agent: Agent) -> None:
    thread = agent.proc.spawn(THREAD)
    assert thread.getpid().value == agent.proc.getpid().value
    assert thread.gettid().value != agent.proc.gettid().value


def test_vfork_is_refused_for_it_would_stop_the_parent(agent: Agent) -> None:
    child, reply = agent.proc.try_spawn(0x4000)
    assert child is None
    assert reply.errno == errno.EINVAL
    with pytest.raises(BoxError, match="EINVAL"):
        agent.proc.spawn(0x4000)


def test_generations_are_routed_and_the_fifth_is_refused(agent: Agent) -> None:
    procs = [agent.proc]
    for _ in range(4):
        procs.append(procs[-1].spawn())
    assert len({proc.getpid().value for proc in procs}) == 5
    with pytest.raises(BoxError):
        procs[-1].spawn().getpid()


def test_many_children_at_once(agent: Agent) -> None:
    children = [agent.proc.spawn() for _ in range(50)]
    pending = []
    for child in children:
        program = Program()
        program.getpid()
        pending.append(child.start(program))
    pids = [one.result()[0].value for one in reversed(pending)]
    assert len(set(pids)) == 50
    for child in children:
        child.end()
    assert agent.proc.wait4(-1, os.WNOHANG).errno == errno.ECHILD


def test_a_blocked_child_leaves_the_others_free(agent: Agent) -> None:
    with agent.proc.spawn() as child:
        program = Program()
        program.nanosleep(60)
        pending = child.start(program)
        assert not pending.ready()
        assert agent.proc.getpid().ok
        agent.proc.kill(child.pid, signal.SIGKILL)
        with pytest.raises(ProcLost):
            pending.result(timeout=5)


def test_silence_is_an_error_with_its_time(agent: Agent) -> None:
    program = Program()
    program.nanosleep(1.0)
    with pytest.raises(AgentLost, match=r"no answer within 0\.2 s"):
        agent.proc.run(program, timeout=0.2)


@pytest.mark.parametrize("how", ["close", "kill"])
def test_children_die_with_the_first(how: str) -> None:
    """Also those that are blocked in a call: nobody is there to read their channel."""
    with running(os.uname().machine) as (agent, process):
        child = agent.proc.spawn()
        grandchild = child.spawn()
        program = Program()
        program.nanosleep(600)
        grandchild.start(program)
        pids = [child.pid, grandchild.pid]
        assert all(psutil.pid_exists(pid) for pid in pids)
        if how == "kill":
            process.kill()
        else:
            agent.close()
        process.wait(10)
        assert [pid for pid in pids if not _ends(pid)] == []


@pytest.fixture
def one_processor() -> Iterator[None]:
    """This process alone on one processor, ahead of every process without real-time priority."""
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(processors)})
    os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    yield
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    os.sched_setaffinity(0, processors)


@pytest.mark.usefixtures("one_processor")
def test_a_parent_that_dies_before_its_child_has_run_takes_it_along() -> None:
    """A signal for the parent's death reaches only a child that has asked for it already."""
    with running(os.uname().machine) as (agent, process):
        child = agent.proc.spawn()
        for pid in (process.pid, child.pid):
            os.sched_setscheduler(pid, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
        grandchild = child.spawn()
        program = Program()
        program.nanosleep(600)
        grandchild.start(program)
        for _ in range(20):
            os.sched_yield()  # the two above hand the program on; the grandchild still waits for the processor
        os.kill(child.pid, signal.SIGKILL)
        assert _ends(grandchild.pid)


@pytest.mark.parametrize("call", ["setresuid", "setresgid"])
def test_another_identity_does_not_outlive_the_first(call: str) -> None:
    """The kernel forgets the signal for the parent's death when a process changes its identity."""
    with running(os.uname().machine) as (agent, process):
        child = agent.proc.spawn()
        assert getattr(child, call)(65534, 65534, 65534).ok
        program = Program()
        program.nanosleep(600)
        child.start(program)
        process.kill()
        process.wait(10)
        assert _ends(child.pid)


def _ends(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    ended = not _runs(pid)
    if not ended:
        os.kill(pid, signal.SIGKILL)
    return ended


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("garbage", [b"\xff" * 200, struct.pack("<IIBB4HH", 2**31, 1, 1, 0, 0, 0, 0, 0, 0), b"\0" * 19])
def test_the_agent_ends_when_it_is_fed_garbage(garbage: bytes) -> None:
    done = subprocess.run(command(os.uname().machine), input=garbage, capture_output=True, timeout=10)
    assert done.returncode in (0, 71)
    assert len(done.stdout) == 24, "its hello and nothing else"


def test_a_program_that_lies_about_its_size_is_refused(agent: Agent) -> None:
    sent = Program()
    sent.getpid()
    frame = sent.frame(agent.machine)
    frame.arena = 1 << 19
    packed = bytearray(frame.pack(1, ()))
    packed[20:22] = struct.pack("<H", 4000)  # more calls than the frame holds
    agent._waiting[1] = ()
    agent._channel.send(bytes(packed))
    with pytest.raises(AgentLost, match="EINVAL"):
        agent.wait(agent.proc, 1, frame, 5)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_agent_is_small_and_static(machine: str) -> None:
    data = agent_binary(machine).read_bytes()
    assert data[:4] == b"\x7fELF"
    assert len(data) < 12_000
    assert b"/lib" not in data, "it names an interpreter"


def test_numbers_come_from_the_kernels_tables() -> None:
    assert numbers.number("openat", "x86_64") == 257
    assert numbers.number("openat", "aarch64") == 56
    with pytest.raises(LookupError, match="no system call named"):
        numbers.number("open", "aarch64")


def test_the_facade_has_the_calls_of_the_manual() -> None:
    """Each method exists in the kernel's tables under its own name, and says where it is documented."""
    from pytest_isolation.agent.syscalls import Syscalls

    methods: dict[str, Callable[..., object]] = {
        name: value
        for kind in Syscalls.__mro__
        if kind.__module__.startswith("pytest_isolation.agent")
        for name, value in vars(kind).items()
        if callable(value) and not name.startswith("_") and name not in ("call", "syscall")
    }
    assert len(methods) >= 120
    for name, method in methods.items():
        assert numbers.number(name, "x86_64") >= 0
        assert method.__doc__
        assert "(2)" in method.__doc__ or "(3)" in method.__doc__


def test_what_a_directory_of_processes_does_not_list_is_asked_by_its_number() -> None:
    """/proc lists no thread but the first of a process, and has each of them under its number."""
    told, end = threading.Event(), threading.Event()

    def name_itself() -> None:
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text("unlisted-one")
        told.set()
        end.wait(30)

    one = threading.Thread(target=name_itself)
    one.start()
    try:
        assert told.wait(10)
        with start_local() as local:
            listed = names_in(local.proc, "/proc")
            also = names_in(local.proc, "/proc", one.native_id or 0)
            assert one.native_id not in listed
            assert also[one.native_id or 0].startswith(b"unlisted-one")
            assert names_in(local.proc, "/no/such/directory", 1) == {}
    finally:
        end.set()
        one.join()
