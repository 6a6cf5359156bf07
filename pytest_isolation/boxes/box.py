"""A running box: its processes, its files, its siblings and its end.

What decides on the host's side is in the room above: `pytest_isolation.outside.box.Box`, which a check is given.
"""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from pytest_isolation.agent.client import Agent, Proc, Program
from pytest_isolation.agent.constants import AT, AT_FDCWD, W
from pytest_isolation.agent.shortcuts import listing
from pytest_isolation.boxes.programs import Completed, read_file, run_program, write_file
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.door import Door
from pytest_isolation.errors import AgentLost, BoxError, ProcLost, Undecided, Unsupported

if TYPE_CHECKING:
    from pytest_isolation.boxes.handle import BoxHandle
    from pytest_isolation.boxes.lifetime import Lifetime

TMPFS_MAGIC = (0x0102_1994).to_bytes(4, "little")
"""f_type of struct statfs."""


USUAL = ("/tmp", "/mnt", "/dev/shm", "/var/tmp", "/srv", "/home", "/root", "/opt", "/run", "/var", "/etc", "/usr")
USUAL_FILES = ("/etc/hostname", "/etc/hosts", "/etc/passwd", "/etc/resolv.conf")
MOST = 100
"""Names asked about at most."""


class RunningBox:
    """A running isolated place, as far as it needs no witness.

    `proc` is the process to make calls with; `sibling` is another box made from the same spec.

    A *view* is the same running box with another door or another sibling.  It ends with the box that
    it is a view of; ending the view ends only what entered for it.
    """

    def __init__(self, spec: BoxSpec, parts: BoxHandle, *, view_of: Self | None = None) -> None:
        self.spec, self.parts = spec, parts
        self.launch: Callable[[BoxSpec], Self] | None = view_of.launch if view_of else None
        """Set by whoever owns the box: how another one is started."""
        self.end: Callable[[Self], None] | None = view_of.end if view_of else None
        """Set as `launch`: how one is ended whose end nobody waits for."""
        self.lifetime: Lifetime | None = view_of.lifetime if view_of else None
        """Set as `launch`: where a witness writes down what it is about to make."""
        self.witnesses: dict[str, Any] = view_of.witnesses if view_of else {}
        """What the outside keeps for this box between examples, and is closed with it: see keeping.py."""
        self.answers: dict[Any, Any] = view_of.answers if view_of else {}
        """What boxes like this one have shown of the latest inputs: see together.py."""
        self._view_of = view_of
        self._entered_view: Self | None = None
        self._beside: Self | None = None
        self._kin: Self | None = None
        self._entered: list[Agent] = []
        self._closed = False
        self._scratch: str | None = None
        agent = parts.agent
        if spec.door == Door.EXEC:
            agent = self.enter().agent
        self.agent = agent

    # -- what a check uses -------------------------------------------------------------

    @property
    def proc(self) -> Proc:
        """The agent's first process: PID 1 of the box where the technology makes it that."""
        return self.agent.proc

    @property
    def init(self) -> Proc:
        """The first process of the box, whichever door `proc` came through.

        Raises Unsupported in a container we attached to: its first process makes no calls for us.
        """
        if self.spec.attached:
            raise Unsupported("the first process of a running container is its own program, and makes no calls for us")
        return self.parts.agent.proc

    def spawn(self, flags: int = 0) -> Proc:
        """A child process in the box, for calls that may end or change whoever makes them.

        Raises Undecided when the box refuses.
        """
        child, reply = self.proc.try_spawn(flags)
        if child is None:
            raise Undecided(f"the box does not let us have a process of our own (clone: {os.strerror(reply.errno)})")
        return child

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The box is paused for the block, by its technology.  Raises Unsupported when it has no way to.

        A box that is closed in the block goes on first.
        """
        pausing = self.parts.pausing
        if pausing is None:
            raise Unsupported(f"{self.spec.technology} has no way to pause this box")
        pausing.active = True
        try:
            pausing.pause()
        except BaseException:  # half of it may be paused
            with suppress(BoxError):
                pausing.end()
            raise
        try:
            yield
        finally:
            pausing.end()

    def restarted(self) -> Self:
        """The box when it was ended and started again; it ends with this one.  Raises Unsupported, BoxError."""
        if self.parts.life.again is None:
            raise Unsupported(f"{self.spec.technology} keeps nothing of a box that has ended, and starts a new one")
        return type(self)(self.spec, self.parts.life.again())

    def moved(self) -> Self:
        """The box, gone on elsewhere from what was kept of it; it ends with this one.  Raises Unsupported, BoxError."""
        if self.parts.move is None:
            raise Unsupported(f"{self.spec.technology} has no way here to keep what runs in a box, and go on with it")
        return type(self)(self.spec, self.parts.move())

    @property
    def sibling(self) -> Self:
        """Another box from the same spec, started when first asked for and closed with this one.

        Beside a box we attached to: see BoxSpec.sibling.
        """
        if self._beside is not None:
            return self._beside
        if self._view_of is not None:
            return self._view_of.sibling.entered
        if self._kin is None or not self._kin.alive:
            if self._kin is not None:
                self._kin.close()
            self._kin = self._start(replace(self.spec.sibling, started_beside=self))
        return self._kin

    @contextmanager
    def fresh(self, *, awaited: bool = True, **changes: Any) -> Iterator[Self]:
        """Another box from the same spec with `changes`, for one example.

        After the block it has ended; not `awaited`, it ends some time before the run does, which is quicker.
        Raises Unsupported in a container we attached to: only its owner can start another.
        """
        if self.spec.attached:
            raise Unsupported("the check needs boxes started for it, and a running container was started by its owner")
        box = self._start(self.spec.changed(**changes))
        try:
            yield box
        finally:
            if awaited or box.end is None:
                box.close()
            else:
                box.end(box)

    @property
    def entered(self) -> Self:
        """This box, seen through its exec door; its sibling is this one's, seen so too.

        Raises Unsupported when the technology has no such door.
        """
        if self.parts.deadly_limits and (self.spec.memory or self.spec.pids):
            raise Unsupported(self.parts.deadly_limits)  # one process more, and there may be no box to enter
        if self._entered_view is None or not self._entered_view.alive:
            if self._entered_view is not None:
                self._entered_view.close()
            self._entered_view = type(self)(replace(self.spec, door=Door.EXEC), self.parts, view_of=self)
        return self._entered_view

    def beside(self, other: Self) -> Self:
        """This box with `other`, of whatever technology, for its sibling.  Both stay their owner's."""
        view = type(self)(replace(self.spec, door=Door.START), self.parts, view_of=self)
        view._beside = other
        return view

    def _start(self, spec: BoxSpec) -> Self:
        if self.launch is None:
            raise Unsupported(f"{self.spec.id} was started without a way to start another")
        box = self.launch(spec)
        box.launch, box.end, box.lifetime = self.launch, self.end, self.lifetime
        return box

    def enter(self) -> Proc:
        """A process that came through the technology's exec door.  Raises Unsupported when it has none."""
        if self.parts.enter is None:
            raise Unsupported(f"{self.spec.technology} has no way into a running box")
        agent = self.parts.enter()
        self._entered.append(agent)
        return agent.proc

    @property
    def scratch(self) -> str:
        """A directory for a check's own files: the first that takes one, /tmp where it does.

        In a container we attached to it is a file system in memory, which keeps no trace.  Raises Unsupported where
        the box has none.
        """
        if not self.spec.attached:
            if not self.writable:
                raise Unsupported("no directory of the box takes a file of a process of ours")
            return self.writable[0]
        if self._scratch is None:
            self._scratch = next(filter(self._is_memory, ("/dev/shm", "/run", "/tmp")), "")
        if not self._scratch:
            raise Unsupported(
                "the box has no writable tmpfs, as far as it lets us look, and a file elsewhere would leave a trace"
            )
        return self._scratch

    @cached_property
    def directories(self) -> tuple[str, ...]:
        """Directories that the box has, the root itself left out: where a call may aim though nothing can be made."""
        return tuple(self._those_that_are(stat.S_IFDIR, USUAL, self._below_root))

    @cached_property
    def files(self) -> tuple[str, ...]:
        """A few regular files that the box has."""
        return tuple(self._those_that_are(stat.S_IFREG, USUAL_FILES, self._below_root))

    @cached_property
    def writable(self) -> tuple[str, ...]:
        """Directories of the box, the root too, that take a file of `proc`, as far as the kernel's answer goes."""
        places = [one for one in (*self.directories, "/") if not one.startswith(("/proc", "/sys"))]
        program = Program()
        asked = [(one, program.faccessat(AT_FDCWD, one, os.W_OK | os.X_OK)) for one in places]
        replies = self.proc.run(program)
        return tuple(one for one, step in asked if replies[step].ok)

    @cached_property
    def _below_root(self) -> tuple[str, ...]:
        return tuple(sorted(f"/{name}" for name in listing(self.proc, "/")))

    def _those_that_are(self, kind: int, *names: tuple[str, ...]) -> list[str]:
        """The paths of `names` that are of this kind (inode(7)), links left out, in order."""
        program = Program()
        paths = list(dict.fromkeys(path for some in names for path in some))[:MOST]
        asked = [(path, program.statx(AT_FDCWD, path, AT.SYMLINK_NOFOLLOW)) for path in paths]
        replies = self.proc.run(program)
        modes = [(path, replies[step].data[28:30]) for path, step in asked]
        return [path for path, mode in modes if mode and stat.S_IFMT(int.from_bytes(mode, "little")) == kind]

    def _is_memory(self, path: str) -> bool:
        """Whether we may write to `path`, and it is a tmpfs (statfs(2))."""
        found = self.proc.statfs(path)
        return found.ok and found.data[:4] == TMPFS_MAGIC and self.proc.faccessat(AT_FDCWD, path, os.W_OK).ok

    # -- programs and files of the box -------------------------------------------------

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> Completed:
        """Run a program of the box and wait for it.

        The program is looked up in PATH (of `env`, else the usual directories) unless it has a slash.
        Output beyond 16 MiB is an error.  Raises TimeoutError after `timeout` seconds (the program is
        killed), BoxError when there is no such program, with the errno.
        """
        return run_program(self, tuple(argv), stdin, env, timeout)

    def read_file(self, path: str | bytes) -> bytes:
        """The contents of a file of the box; raises BoxError with the errno."""
        return read_file(self.proc, path)

    def write_file(self, path: str | bytes, data: bytes, mode: int = 0o644) -> None:
        """Make or replace a file of the box; raises BoxError with the errno."""
        write_file(self.proc, path, data, mode)

    def filter_kills(self, program: Program) -> bool:
        """Whether a process of the box that runs `program` ends by SIGSYS: its seccomp filter kills, seccomp(2).

        True as well where ours ends for making that process.
        """
        try:
            child = self.spawn()
        except AgentLost:
            return True
        with child:
            try:
                child.run(program)
            except AgentLost:
                return True
            except ProcLost:
                ended = self.proc.wait4(child.pid, W.ALL)
                return ended.ok and int.from_bytes(ended.outs[0], "little") & 0x7F == signal.SIGSYS
        return False

    # -- life --------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """Whether the agent answers now."""
        if self._closed:
            return False
        try:
            return self.proc.run(_ping(), timeout=5.0)[0].ok
        except BoxError:
            return False

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._closed

    def close(self) -> None:
        """End the box and wait until it has ended.  A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        with ExitStack() as undo:
            if self._view_of is None:
                undo.callback(self.parts.close)
                for witness in self.witnesses.values():
                    if (close := getattr(witness, "close", None)) is not None:
                        undo.callback(close)
            for other in (self._kin, self._entered_view):
                if other is not None:
                    undo.callback(other.close)
            if self._view_of is None and self.parts.pausing is not None:
                undo.callback(self.parts.pausing.end)  # what is paused does not end
            for agent in self._entered:
                undo.callback(agent.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Box {self.spec.id}>"


def _ping() -> Program:
    program = Program()
    program.getpid()
    return program
