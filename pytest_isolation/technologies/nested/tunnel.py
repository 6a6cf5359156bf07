"""A channel to a process in a box, by the calls of that box's own agent: whatever its technology passes on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.errors import AgentLost, BoxError

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Pending, Proc
    from pytest_isolation.agent.memory import Step

PIECE = 64 << 10


class Tunnel:
    """A `Channel` over two pipes of a box: `writer` writes to `to`, `reader` reads of `since`, each a process there.

    One reads while the other writes: the agent answers for both.
    """

    def __init__(self, writer: Proc, to: int, reader: Proc, since: int) -> None:
        self._writer, self._to, self._reader, self._since = writer, to, reader, since
        self._asked: tuple[Pending, Step] | None = None
        self._kept = bytearray()
        self._closed = False

    def send(self, data: bytes) -> None:
        """As Channel.send()."""
        try:
            self._ask()
            while data:
                program = Program()
                step = program.write(self._to, data[:PIECE])
                reply = self._writer.run(program)[step]
                if not reply.ok or reply.value < 1:  # 0 would be asked for ever
                    raise AgentLost(f"the agent's channel is closed ({reply})")
                data = data[reply.value :]
        except AgentLost:
            raise
        except BoxError as error:
            raise AgentLost(f"the agent's channel is closed ({error})") from None

    def receive(self, count: int, deadline: float) -> bytes:
        """As Channel.receive()."""
        while len(self._kept) < count:
            self._kept += self._more(deadline)
        taken = bytes(self._kept[:count])
        del self._kept[:count]
        return taken

    def _ask(self) -> tuple[Pending, Step]:
        """The read that is under way: asked for with what it answers, so that both take one round trip."""
        if self._closed:
            raise AgentLost("the agent's channel was closed")
        if self._asked is None:
            program = Program()
            step = program.read(self._since, PIECE)
            self._asked = self._reader.start(program), step
        return self._asked

    def _more(self, deadline: float) -> bytes:
        try:
            pending, step = self._ask()
            while not pending.ready():
                if time.monotonic() >= deadline:
                    raise TimeoutError
            self._asked = None
            reply = pending.result()[step]
        except AgentLost:
            raise
        except BoxError as error:
            raise AgentLost(f"the agent's channel broke ({error})") from None
        if not reply.data:
            raise AgentLost("the agent's channel is closed: the agent, or its box, has ended")
        return reply.data

    def close(self) -> None:
        """What it goes through stays: it ends with the outer box."""
        if not self._closed:
            self._closed = True
            self._reader.end()  # it may be waiting for what never comes
            self._writer.end()
