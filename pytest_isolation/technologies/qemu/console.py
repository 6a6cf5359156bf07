"""What a machine says on its console: read as it comes, the end of it kept."""

from __future__ import annotations

import socket
import threading

KEPT = 64 << 10
CAUSE = 4
"""Lines: of what a kernel says before its end, the first ones have the cause, and forty more its registers."""


class Console:
    """Reads `sock`, which it owns, until the other end closes.  The guest decides how much comes: little is kept."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._kept = bytearray()
        self._began = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._read, name="console", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while True:
            try:
                data = self._socket.recv(KEPT)
            except OSError:
                return
            if not data:
                return
            with self._lock:
                self._kept += data
                over = max(0, len(self._kept) - KEPT)
                del self._kept[:over]
                self._began = max(0, self._began - over)

    @property
    def silent(self) -> bool:
        """Whether nothing has come yet."""
        return not self._kept

    def said(self, words: str) -> bool:
        """Whether these words are in what is kept of it."""
        with self._lock:
            return words.encode() in self._kept

    def tail(self, lines: int = 24) -> str:
        """The last lines, without control characters."""
        return "\n".join(self._lines(0)[-lines:])

    def boot_ends(self) -> None:
        """What comes from here on is no report of a boot: a kernel then says only what is fatal."""
        with self._lock:
            self._began = len(self._kept)

    def last_words(self) -> str:
        """What it said first since its boot ended, in one line; or nothing.  Not QEMU's warnings."""
        self.settle()
        return " / ".join([line for line in self._lines(self._began) if ": warning: " not in line][:CAUSE])

    def _lines(self, begin: int) -> list[str]:
        with self._lock:
            text = self._kept[begin:].decode(errors="replace")
        kept = ["".join(c for c in line if c.isprintable()).rstrip() for line in text.splitlines()]
        return [line for line in kept if line]

    def close(self) -> None:
        """The other end has closed, or will not be heard any more."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join(2)
        self._socket.close()

    def settle(self) -> None:
        """Wait a moment for the last words of a machine that has ended."""
        self._thread.join(1)
