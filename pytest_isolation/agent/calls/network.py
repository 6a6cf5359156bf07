"""Sockets."""

from __future__ import annotations

import os
import struct

from pytest_isolation.agent.calls.base import Calls, Number, T
from pytest_isolation.agent.memory import In, OutBuffer


class Network(Calls[T]):
    """Sockets."""

    def socket(self, domain: int, kind: int, protocol: int = 0) -> T:
        """socket(2)."""
        return self.call("socket", domain, kind, protocol)

    def socketpair(self, domain: int, kind: int, protocol: int = 0) -> T:
        """socketpair(2)."""
        return self.call("socketpair", domain, kind, protocol, OutBuffer(8))

    def bind(self, fd: Number, address: bytes) -> T:
        """bind(2); addresses are made by `sockaddr`."""
        return self.call("bind", fd, In(address), len(address))

    def connect(self, fd: Number, address: bytes) -> T:
        """connect(2)."""
        return self.call("connect", fd, In(address), len(address))

    def listen(self, fd: Number, backlog: int = 8) -> T:
        """listen(2)."""
        return self.call("listen", fd, backlog)

    def accept4(self, fd: Number, flags: int = 0) -> T:
        """accept(2)."""
        return self.call("accept4", fd, None, None, flags)

    def getsockname(self, fd: Number) -> T:
        """getsockname(2)."""
        return self.call("getsockname", fd, OutBuffer(128), OutBuffer(4, data=struct.pack("<I", 128)))

    def getpeername(self, fd: Number) -> T:
        """getpeername(2)."""
        return self.call("getpeername", fd, OutBuffer(128), OutBuffer(4, data=struct.pack("<I", 128)))

    def setsockopt(self, fd: Number, level: int, option: int, value: bytes) -> T:
        """setsockopt(2)."""
        return self.call("setsockopt", fd, level, option, In(value), len(value))

    def getsockopt(self, fd: Number, level: int, option: int, size: int = 4) -> T:
        """getsockopt(2)."""
        return self.call("getsockopt", fd, level, option, OutBuffer(size), OutBuffer(4, data=struct.pack("<I", size)))

    def sendto(self, fd: Number, data: bytes, flags: int = 0, address: bytes | None = None) -> T:
        """sendto(2)."""
        return self.call(
            "sendto",
            fd,
            In(data),
            len(data),
            flags,
            None if address is None else In(address),
            0 if address is None else len(address),
        )

    def recvfrom(self, fd: Number, count: int, flags: int = 0) -> T:
        """recvfrom(2)."""
        return self.call("recvfrom", fd, OutBuffer(count, filled=True), count, flags, None, None)

    def shutdown(self, fd: Number, how: int) -> T:
        """shutdown(2)."""
        return self.call("shutdown", fd, how)

    def sethostname(self, name: str) -> T:
        """sethostname(2)."""
        return self.call("sethostname", In(os.fsencode(name)), len(os.fsencode(name)))

    def setdomainname(self, name: str) -> T:
        """setdomainname(2)."""
        return self.call("setdomainname", In(os.fsencode(name)), len(os.fsencode(name)))
