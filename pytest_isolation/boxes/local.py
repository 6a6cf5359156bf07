"""Agents on the host itself: the launcher of boxes, the canary outside them, the `host` box.

Such an agent ends when its standard input does, so it never outlives us, however we end.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.agent.channel import FdChannel
from pytest_isolation.agent.client import Agent, Proc, Program
from pytest_isolation.agent.memory import In
from pytest_isolation.boxes.lasting import by_lasting_thread


@dataclass(slots=True)
class LocalAgent:
    """A host process that is an agent; `pid` is the host's number for it."""

    process: subprocess.Popen[bytes]
    agent: Agent

    @property
    def pid(self) -> int:
        """The host's number for it."""
        return self.process.pid

    @property
    def proc(self) -> Proc:
        """To make its system calls with."""
        return self.agent.proc

    def close(self) -> None:
        """End it, by SIGKILL after 5 s, and wait for its end."""
        self.agent.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> LocalAgent:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def start_local(
    *,
    arguments: Sequence[str] = (),
    pass_fds: Sequence[int] = (),
    env: dict[str, str] | None = None,
    cwd: str | None = None,
    identity: tuple[int, int] | None = None,
) -> LocalAgent:
    """Start an agent on the host, as user and group `identity` when one is given.

    `arguments` only show in its command line; none may start with a slash.  Raises OSError.
    """
    uid, gid = identity or (None, None)
    # By descriptor: another user need not be able to walk to where we are installed (a home of mode 0700).
    program = os.open(agent_binary(), os.O_RDONLY | os.O_CLOEXEC)
    try:
        process = by_lasting_thread(
            lambda: subprocess.Popen(
                ["pytest-isolation-agent", "-d", *arguments],
                executable=agent_binary() if identity is None else f"/proc/self/fd/{program}",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=pass_fds if identity is None else (*pass_fds, program),
                env=env or {},
                cwd=cwd,
                user=uid,
                group=gid,
                extra_groups=None if identity is None else [],
                process_group=0,  # a terminal's Control-C is ours to heed: it must not take what ends boxes
            )
        )
    finally:
        os.close(program)
    assert process.stdin is not None and process.stdout is not None
    # Descriptors of our own: Popen's file objects close theirs when they are collected.
    channel = FdChannel(os.dup(process.stdout.fileno()), os.dup(process.stdin.fileno()))
    process.stdin.close()
    process.stdout.close()
    try:
        agent = Agent(channel)
        _heed_signals(agent.proc)
        return LocalAgent(process, agent)
    except BaseException:
        channel.close()
        process.kill()
        process.wait()
        raise


def _heed_signals(proc: Proc) -> None:
    """What we ignore, it must not: nohup(1) and a shell's background jobs hand down ignored signals through exec.

    A canary would miss them, and so would every process of a box.  Source: signal(7), execve(2).
    """
    program = Program()
    # Popen gives back the two that Python ignores itself.
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:
        if signal.getsignal(number) is signal.SIG_IGN:
            program.call("rt_sigaction", number, In(bytes(32)), None, 8)  # a struct of zeros: SIG_DFL
    if len(program):
        proc.run(program)


class Pipes:
    """A channel to be handed to a program that will become the agent of a box.

    `theirs` are the two descriptors to pass on and make 0 and 1 of; `close_theirs` after that.
    """

    def __init__(self) -> None:
        box_in, writer = os.pipe()
        reader, box_out = os.pipe()
        # Out of the way of descriptors that a launcher gives a number: 3 is a directory left open on purpose.
        self.theirs: tuple[int, ...] = tuple(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (box_in, box_out))
        os.close(box_in)
        os.close(box_out)
        self._ours: tuple[int, ...] = (reader, writer)

    def close_theirs(self) -> None:
        """Once they are passed on: else the end of the program would not be seen."""
        for fd in self.theirs:
            with suppress(OSError):
                os.close(fd)
        self.theirs = ()

    def channel(self) -> FdChannel:
        """The channel, which owns our ends from now on."""
        (reader, writer), self._ours = self._ours, ()
        return FdChannel(reader, writer)

    def close(self) -> None:
        """Close what nobody took over."""
        self.close_theirs()
        for fd in self._ours:
            os.close(fd)
        self._ours = ()
