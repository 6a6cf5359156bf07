"""Users, groups and capabilities."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from pytest_isolation.agent.calls.base import Calls, Number, T, capabilities
from pytest_isolation.agent.memory import In, OutBuffer, Value


class Identity(Calls[T]):
    """Users, groups and capabilities."""

    def getuid(self) -> T:
        """getuid(2)."""
        return self.call("getuid")

    def geteuid(self) -> T:
        """geteuid(2)."""
        return self.call("geteuid")

    def getgid(self) -> T:
        """getgid(2)."""
        return self.call("getgid")

    def getegid(self) -> T:
        """getegid(2)."""
        return self.call("getegid")

    def setresuid(self, real: int, effective: int, saved: int) -> T:
        """setresuid(2)."""
        return self.call("setresuid", real, effective, saved)

    def setresgid(self, real: int, effective: int, saved: int) -> T:
        """setresgid(2)."""
        return self.call("setresgid", real, effective, saved)

    def getresuid(self) -> T:
        """getresuid(2): real, effective and saved id, one output each."""
        return self.call("getresuid", OutBuffer(4), OutBuffer(4), OutBuffer(4))

    def getresgid(self) -> T:
        """getresgid(2): real, effective and saved id, one output each."""
        return self.call("getresgid", OutBuffer(4), OutBuffer(4), OutBuffer(4))

    def getgroups(self, count: int = 256) -> T:
        """getgroups(2)."""
        return self.call("getgroups", count, OutBuffer(4 * count))

    def setgroups(self, groups: Sequence[int]) -> T:
        """setgroups(2)."""
        return self.call("setgroups", len(groups), In(struct.pack(f"<{len(groups)}I", *groups)))

    def capget(self, pid: Number = 0) -> T:
        """capget(2); effective, permitted, inheritable, then their upper halves."""
        return self.call(
            "capget", In(struct.pack("<2I", 0x20080522, pid if isinstance(pid, int) else 0)), OutBuffer(24)
        )

    def capset(self, effective: int, permitted: int, inheritable: int = 0) -> T:
        """capset(2)."""
        return self.call(
            "capset", In(struct.pack("<2I", 0x20080522, 0)), In(capabilities(effective, permitted, inheritable))
        )

    def add_key(self, kind: str, description: str, payload: bytes, keyring: int) -> T:
        """add_key(2)."""
        return self.call("add_key", kind, description, In(payload), len(payload), keyring)

    def request_key(self, kind: str, description: str, keyring: int = 0) -> T:
        """request_key(2)."""
        return self.call("request_key", kind, description, None, keyring)

    def keyctl(self, operation: int, a: Value = 0, b: Value = 0, c: Value = 0, d: Value = 0) -> T:
        """keyctl(2)."""
        return self.call("keyctl", operation, a, b, c, d)
