"""Starting a box by a program of the host: bwrap, runc, systemd-nspawn, whatever ends in the agent.

A host agent has a child become the program, in the box's control group from its first instruction.  The
program's standard input and output are the agent's channel, its standard error is kept for when it fails.
All of it ends with the host agent, and that one with us.
"""

from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from pytest_isolation.agent.channel import FdChannel
from pytest_isolation.agent.client import Agent, Proc
from pytest_isolation.agent.constants import AT_FDCWD, PR, W
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.boxes.caller import NOBODY, Caller
from pytest_isolation.boxes.cgroups import Group
from pytest_isolation.boxes.lifetime import Lifetime, started
from pytest_isolation.boxes.local import Pipes, start_local
from pytest_isolation.boxes.procfs import children_of
from pytest_isolation.errors import AgentLost, BoxError, Unavailable
from pytest_isolation.technologies import launcher
from pytest_isolation.technologies.telling import telling

__all__ = ["WITH_US", "Programs", "children", "ended", "find", "last_descendant", "serving", "version", "which"]

WITH_US = ("setpriv", "--pdeathsig", "KILL")
"""Before a program's words: it ends when we do, however we end."""
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
"""Debian's PATH of a user, and of root after `su`, has none of these: runc, mke2fs and nft are there."""
PATIENCE_S = 1.0
ENDING_S = 20
"""How long a daemon has to end when it is asked to."""
KEPT = 4096
"""Bytes of a program's standard error that an error may show."""


def which(program: str) -> str | None:
    """The path of `program`, by PATH or else where an administrator's programs are; None where it is not."""
    return shutil.which(program) or shutil.which(program, path=SBIN)


def find(program: str, package: str) -> str:
    """The same; raises Unavailable, naming the Debian package, where it is not."""
    path = which(program)
    if path is None:
        raise Unavailable(f"{program} is not installed", f"apt install {package}")
    return path


def ended(argv: Sequence[str], *, timeout: float, **how: Any) -> subprocess.CompletedProcess[str]:
    """A program that was run to its end, within `timeout` seconds: nothing to read, and its words in any locale.

    `how`: as subprocess.run() takes it. Raises OSError, subprocess.TimeoutExpired.
    """
    return subprocess.run(
        argv,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",
        timeout=timeout,
        **how,
    )


@contextmanager
def serving(argv: Sequence[str], log: Path, lifetime: Lifetime) -> Iterator[subprocess.Popen[bytes]]:
    """A program that runs for as long as the block, and no longer than we do; what it says is in `log`."""
    with log.open("wb") as written:
        process = subprocess.Popen(
            [*WITH_US, *argv],
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            process_group=0,  # it has to serve until what uses it has ended: Control-C is for us
        )
    lifetime.register("process", f"{process.pid}:{started(process.pid)}")
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=ENDING_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def version(program: str, package: str) -> str:
    """What `program --version` says first; raises Unavailable."""
    return version_of(find(program, package))


@cache
def version_of(path: str) -> str:
    """The same of the program at `path`."""
    try:
        done = ended([path, "--version"], timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{path} --version does not work: {error}", "reinstall it") from None
    if done.returncode or not done.stdout.strip():
        raise Unavailable(f"{path} --version fails: {' '.join(done.stderr.split())[:300]}", "reinstall it")
    return done.stdout.strip().splitlines()[0]


class Programs:
    """Runs programs for one box, all in `group`, and sees to their end.

    `start` is for the program that ends in the agent, `run` for one that is waited for.
    """

    def __init__(self, group: Group | None, undo: ExitStack, caller: Caller = NOBODY) -> None:
        """`caller`: the programs have what it has, open and in their environment."""
        self.group, self._caller = group, caller
        reader, self._errors = os.pipe()
        undo.callback(os.close, reader)
        os.set_blocking(reader, False)
        self._reader, self._said = reader, bytearray()
        self._started: int | None = None
        self._ends: dict[int, int] = {}
        """Of the programs that were waited for: pid -> how they ended."""
        self._pipes = Pipes()
        undo.callback(self._pipes.close)
        self._null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        given = (*self._pipes.theirs, self._errors, self._null, *caller.handed)
        self._local = start_local(pass_fds=given)
        undo.callback(self._end)
        caller.bring(self._local.proc)
        # What a runtime leaves behind becomes our child, and is waited for: no zombie outlives the box.
        must(self._local.proc.prctl(PR.SET_CHILD_SUBREAPER, 1), "adopting what the runtime leaves")

    @property
    def _channel(self) -> tuple[int, ...]:
        """What becomes 0, 1 and 2 of the program that ends in the agent."""
        errors = self._errors if self._caller.terminal is None else self._caller.terminal
        return (*self._pipes.theirs, errors)

    @property
    def proc(self) -> Proc:
        """The host's process that starts the programs."""
        return self._local.proc

    def said(self) -> str:
        """What the programs wrote to their standard error so far: what tells of an error, on one line."""
        with suppress(BlockingIOError):
            while piece := os.read(self._reader, 65536):
                self._said += piece[: max(0, KEPT - len(self._said))]
        return telling(bytes(self._said))

    def start(
        self, argv: Sequence[str], *, env: Sequence[str], prepare: Callable[[Proc], Sequence[int]] | None = None
    ) -> int:
        """Start the program that ends in the agent; its pid.

        `prepare` is called with the child before it becomes the program, and says which of its
        descriptors the program keeps.
        """
        self._started = self._become(argv, env, self._channel, prepare)
        return self._started

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Sequence[str],
        channel: bool = False,
        prepare: Callable[[Proc], Sequence[int]] | None = None,
        timeout: float = 60,
    ) -> int:
        """Run a program and wait for it: its exit status, or -N for signal N.

        `channel`: its standard input and output are the agent's, as of a runtime that detaches; `prepare`
        as of `start`.  Raises BoxError after `timeout` seconds.
        """
        stdio = self._channel if channel else (self._null, self._errors, self._errors)
        pid = self._become(argv, env, stdio, prepare)
        deadline = time.monotonic() + timeout
        pause = 0.001
        while (code := self._reaped().get(pid)) is None:
            if time.monotonic() > deadline:
                self.proc.kill(pid, signal.SIGKILL)
                raise BoxError(f"{' '.join(argv)} has not ended after {timeout:g} s{self.because()}")
            time.sleep(pause)
            pause = min(0.02, pause * 1.5)
        return code

    def _reaped(self) -> dict[int, int]:
        """Every child that has ended, with how: a runtime may be waiting for what it left to us to be gone."""
        found = {}
        while (reply := self.proc.wait4(-1, W.NOHANG | W.ALL)).ok and reply.value:
            found[reply.value] = os.waitstatus_to_exitcode(struct.unpack_from("<i", reply.outs[0])[0])
        self._ends |= found
        return found

    def status(self, pid: int, timeout: float = 60) -> int:
        """How a program that was started, or what it left to us, has ended: its exit status, or -N for signal N.

        Raises BoxError where it has not after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while pid not in self._ends:
            if time.monotonic() > deadline:
                raise BoxError(f"process {pid} has not ended after {timeout:g} s{self.because()}")
            if pid not in self._reaped():
                time.sleep(0.005)
        return self._ends[pid]

    def end(self, pid: int) -> None:
        """Kill a process that a program left to us, and wait for it; nothing when it has ended already."""
        if pid in children(self._local.pid):
            self.proc.kill(pid, signal.SIGKILL)
            self.proc.wait4(pid, W.ALL)

    def _become(
        self,
        argv: Sequence[str],
        env: Sequence[str],
        stdio: Sequence[int],
        prepare: Callable[[Proc], Sequence[int]] | None,
    ) -> int:
        child = self.proc.spawn()
        if self.group is not None:
            self.group.add(child.pid)
        keep = {*(prepare(child) if prepare is not None else ()), *self._caller.open}
        launcher.execute(child, argv[0], argv, self._caller.environ(env), stdio, keep=keep)
        return child.pid

    def because(self) -> str:
        """What the programs said, as the end of an error; empty when they said nothing."""
        said = self.said()
        return f"; it said: {said}" if said else ""

    def channel(self) -> FdChannel:
        """Our end of the input and output of the program that was started; the caller's from now on."""
        for fd in self._pipes.theirs:
            self.proc.close(fd)  # or a program that ends without an agent would not close the channel
        self._pipes.close_theirs()
        return self._pipes.channel()

    def hello(self, what: str) -> Agent:
        """The agent that answers; raises BoxError with what `what` said when none does."""
        channel = self.channel()
        try:
            return Agent(channel)
        except AgentLost as error:
            channel.close()
            raise BoxError(f"{what} did not start the agent: {error}{self.because()}") from None

    def _end(self) -> None:
        """Kill what still runs, and wait until all of it is gone.

        The agent's channel is closed: a program that waits for its child ends by itself, and puts away
        what it keeps on the host.
        """
        with suppress(BoxError):
            deadline = time.monotonic() + PATIENCE_S
            while self._started in children(self._local.pid) and time.monotonic() < deadline:
                if self._started in self._reaped():
                    break
                time.sleep(0.002)
        if self.group is not None:
            self.group.kill()
        with suppress(BoxError):
            deadline = time.monotonic() + 10
            for child in children(self._local.pid):
                self.proc.kill(child, signal.SIGKILL)
            while self.proc.wait4(-1, W.NOHANG | W.ALL).ok and time.monotonic() < deadline:
                time.sleep(0.002)
        self._local.close()
        for fd in (self._errors, self._null):
            os.close(fd)


def children(pid: int) -> list[int]:
    """The processes `pid` has made and not waited for, by the host's numbers (proc_pid_children(5))."""
    try:
        return children_of(Path(f"/proc/{pid}"))
    except OSError:
        return []


def last_descendant(pid: int) -> int:
    """The process at the end of the line of only children that begins at `pid`."""
    while len(made := children(pid)) == 1:
        (pid,) = made
    return pid


def leak(child: Proc, caller: Caller) -> list[int]:
    """A directory of the host, or the first that the caller left open, on 3 of `child`, for a program that keeps it."""
    if caller.open:
        if caller.open[0] != 3:
            must(child.dup3(caller.open[0], 3), "leaking what the caller has open")
        return [3]
    opened = must(child.openat(AT_FDCWD, "/", os.O_RDONLY | os.O_DIRECTORY), "a directory to leak").value
    if opened != 3:
        must(child.dup3(opened, 3), "leaking a directory")
    return [3]
