"""Host processes that witness: each is an agent on the host, so it can say what happened to it."""

from __future__ import annotations

import errno
import secrets
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Pending, Program
from pytest_isolation.boxes.host import LOCAL_HOST, Host
from pytest_isolation.errors import BoxError
from pytest_isolation.outside.keeping import kept

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc
    from pytest_isolation.boxes.box import RunningBox
    from pytest_isolation.boxes.host import HostProcess

SIG_BLOCK = 0
ALL_SIGNALS = 0xFFFF_FFFF_FFFF_FFFF


class Canary:
    """A process of the host with a random token in its command line or its name, holding all its signals back.

    `proc` makes host-side calls in it.  `plant` puts bytes where only somebody who can read its
    memory finds them.
    """

    def __init__(self, host: Host) -> None:
        # 15 characters: on another machine it is the name of a process, which has no more.
        self.token = f"canary-{secrets.token_hex(4)}"
        self._process = host.start(self.token)
        self.proc = self._process.proc
        self._room: int | None = None
        self.proc.rt_sigprocmask(SIG_BLOCK, ALL_SIGNALS)

    @property
    def pid(self) -> int:
        """Its number on the host."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still answers; False once it was killed."""
        try:
            return self.proc.getpid().ok
        except BoxError:
            return False

    def signals_seen(self) -> dict[int, int]:
        """Signal number -> si_pid of its sender, for every signal since the last look; each is taken once.

        A signal is pending from the moment kill(2) returns, so none can be late.
        """
        return self._taken(self._take())

    def _take(self) -> Pending:
        program = Program()
        program.rt_sigtimedwait(ALL_SIGNALS, 0)
        return self.proc.start(program)

    def _taken(self, asked: Pending) -> dict[int, int]:
        seen: dict[int, int] = {}
        while (reply := asked.result()[0]).ok:
            seen[reply.value] = struct.unpack_from("<i", reply.outs[0], 16)[0]
            asked = self._take()
        return seen

    def serves_again(self, box: RunningBox) -> bool:
        """Drop what signals it saw; False when it was killed, or its number now names something else in `box`.

        The two are asked at the same time: every example of many checks pays for it.
        """
        try:
            asked = self._take()
            good = _ours_or_nothing(box, self)
            self._taken(asked)
        except BoxError:
            return False
        return good

    def room(self, data: bytes) -> int:
        """As plant, in the same place every time: for one secret an example."""
        if self._room is None:
            self._room = self.plant(bytes(64))
        program = Program(stop_on_error=True)
        fd = program.memfd_create("room")
        program.pwrite64(fd, data, 0)
        program.call("pread64", fd, self._room, len(data), 0)
        program.close(fd)
        self.proc.run(program)
        return self._room

    def in_room(self, length: int) -> bytes:
        """What is in the room now, its first `length` bytes (at most 64): a process of the host may have written there.

        Raises BoxError before the first room().
        """
        if self._room is None:
            raise BoxError("the canary has no room to look into: nothing was put there")
        program = Program(stop_on_error=True)
        fd = program.memfd_create("room")
        program.call("pwrite64", fd, self._room, length, 0)
        data = program.pread64(fd, length)
        program.close(fd)
        return self.proc.run(program)[data].data

    def discard(self) -> None:
        """End this canary: it was changed, and the next example gets another."""
        self.close()

    def plant(self, data: bytes) -> int:
        """The address, in this process, of a private copy of `data` (at most 64 KiB)."""
        program = Program(stop_on_error=True)
        room = program.mmap(0, 65536, 3, 0x22)  # PROT_READ|WRITE, MAP_PRIVATE|ANONYMOUS
        fd = program.memfd_create("plant")
        program.pwrite64(fd, data, 0)
        program.call("pread64", fd, room, len(data), 0)
        program.close(fd)
        return self.proc.run(program)[room].value

    def close(self) -> None:
        """End the process, and wait for its end."""
        self._process.close()


def canary_for(box: RunningBox) -> Canary:
    """A living canary without a signal, whose number in `box` names the canary itself or nothing."""
    old = box.witnesses.get("canary")
    if isinstance(old, Canary):
        if old.serves_again(box):
            return old
        old.close()
    passed_over: list[Canary] = []
    try:
        for _ in range(64):
            canary = Canary(box.parts.host)
            if _ours_or_nothing(box, canary):
                box.witnesses["canary"] = canary
                return canary
            passed_over.append(canary)
    finally:
        for canary in passed_over:
            canary.close()
    raise BoxError("64 host processes in a row had numbers that name something else in the box")


def _ours_or_nothing(box: RunningBox, canary: Canary) -> bool:
    if kept(box, "numbers are the host's", lambda: _numbers_are_the_hosts(box)):
        return True
    with suppress(BoxError):
        return box.proc.kill(canary.pid, 0).errno == errno.ESRCH
    return False


def _numbers_are_the_hosts(box: RunningBox) -> bool:
    """Whether the box lives in the PID namespace of its outside: a pid means the same on both sides.

    No process ever changes its own: man:pid_namespaces(7).
    """
    pid, host = box.parts.init_pid, box.parts.host
    if pid is None:
        return False
    try:
        return host.path(f"/proc/{pid}/ns/pid").readlink() == host.path("/proc/self/ns/pid").readlink()
    except OSError:
        return False


def process_of_host(box: RunningBox) -> Proc:
    """A process of the box's host, the same for every example; another one where that has ended."""
    found: HostProcess | None = box.witnesses.get("process")
    if found is None or not found.proc.alive:
        found = box.witnesses["process"] = box.parts.host.start()
    return found.proc


def host_pids(host: Host = LOCAL_HOST) -> set[int]:
    """Every process the host sees now."""
    return {int(path.name) for path in host.path("/proc").iterdir() if path.name.isdigit()}
