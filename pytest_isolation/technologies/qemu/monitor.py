"""QEMU's machine protocol, through the qemu.qmp package: what the machine is, and what happened to it."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Any

from qemu.qmp import EventListener, QMPClient, QMPError

from pytest_isolation.errors import BoxError

TIMEOUT_S = 10


class Monitor:
    """The monitor of one machine; connects when first asked.  Every question raises BoxError without an answer."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client = QMPClient("pytest-isolation")
        self._events = EventListener()

    def _run(self, what: Any) -> Any:
        assert self._loop is not None
        try:
            return self._loop.run_until_complete(asyncio.wait_for(what, TIMEOUT_S))
        except (QMPError, OSError, TimeoutError) as error:
            raise BoxError(f"QEMU's monitor did not answer: {error or type(error).__name__}") from None

    def ask(self, command: str, **arguments: object) -> Any:
        """One QMP command and what it returned."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._client.register_listener(self._events)
            self._run(self._client.connect(self._socket))
        return self._run(self._client.execute(command, arguments or None))

    def give(self, name: str, fd: int) -> None:
        """Hand QEMU a copy of a descriptor, to be called `name`."""
        self.status()
        self._client.send_fd_scm(fd)
        self.ask("getfd", fdname=name)

    def status(self) -> str:
        """As query-status: running, paused, shutdown, guest-panicked, ..."""
        return str(self.ask("query-status")["status"])

    def kvm(self) -> bool:
        """Whether the machine really runs on KVM."""
        return bool(self.ask("query-kvm")["enabled"])

    def events(self) -> list[str]:
        """Names of what happened since the last look: SHUTDOWN, RESET, GUEST_PANICKED, ..."""
        self.status()
        return [str(event["event"]) for event in self._events.clear()]

    def quit(self) -> None:
        """End the machine at once; it may have ended before it answers."""
        with suppress(BoxError):  # the answer and the end race
            self.ask("quit")

    def close(self) -> None:
        """Leave the monitor; the machine goes on."""
        if self._loop is None:
            self._socket.close()
            return
        with suppress(QMPError, OSError, EOFError, TimeoutError):
            self._loop.run_until_complete(asyncio.wait_for(self._client.disconnect(), TIMEOUT_S))
        self._loop.close()
