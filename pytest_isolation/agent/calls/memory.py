"""Memory, and what processes share by it."""

from __future__ import annotations

import struct

from pytest_isolation.agent.calls.base import Calls, Number, T
from pytest_isolation.agent.memory import In, OutBuffer, Value


class Memory(Calls[T]):
    """Memory, and what processes share by it."""

    def mmap(self, address: int, length: int, protection: int, flags: int, fd: Number = -1, offset: int = 0) -> T:
        """mmap(2)."""
        return self.call("mmap", address, length, protection, flags, fd, offset)

    def munmap(self, address: Number, length: int) -> T:
        """munmap(2)."""
        return self.call("munmap", address, length)

    def mprotect(self, address: Number, length: int, protection: int) -> T:
        """mprotect(2)."""
        return self.call("mprotect", address, length, protection)

    def madvise(self, address: Number, length: int, advice: int) -> T:
        """madvise(2)."""
        return self.call("madvise", address, length, advice)

    def mlock(self, address: Number, length: int) -> T:
        """mlock(2)."""
        return self.call("mlock", address, length)

    def msync(self, address: Number, length: int, flags: int) -> T:
        """msync(2)."""
        return self.call("msync", address, length, flags)

    def getrandom(self, count: int, flags: int = 0) -> T:
        """getrandom(2)."""
        return self.call("getrandom", OutBuffer(count, filled=True), count, flags)

    def shmget(self, key: int, size: int, flags: int) -> T:
        """shmget(2)."""
        return self.call("shmget", key, size, flags)

    def shmat(self, identifier: Number, address: int = 0, flags: int = 0) -> T:
        """shmat(2)."""
        return self.call("shmat", identifier, address, flags)

    def shmdt(self, address: Number) -> T:
        """shmdt(2)."""
        return self.call("shmdt", address)

    def shmctl(self, identifier: Number, command: int) -> T:
        """shmctl(2)."""
        return self.call("shmctl", identifier, command, OutBuffer(144))

    def semget(self, key: int, count: int, flags: int) -> T:
        """semget(2)."""
        return self.call("semget", key, count, flags)

    def semctl(self, identifier: Number, index: int, command: int, argument: Value = 0) -> T:
        """semctl(2)."""
        return self.call("semctl", identifier, index, command, argument)

    def msgget(self, key: int, flags: int) -> T:
        """msgget(2)."""
        return self.call("msgget", key, flags)

    def msgctl(self, identifier: Number, command: int) -> T:
        """msgctl(2)."""
        return self.call("msgctl", identifier, command, OutBuffer(128))

    def msgsnd(self, identifier: Number, kind: int, data: bytes, flags: int = 0) -> T:
        """msgsnd(2)."""
        return self.call("msgsnd", identifier, In(struct.pack("<q", kind) + data), len(data), flags)

    def msgrcv(self, identifier: Number, size: int, kind: int = 0, flags: int = 0) -> T:
        """msgrcv(2)."""
        return self.call("msgrcv", identifier, OutBuffer(size + 8), size, kind, flags)

    def mq_open(self, name: str, flags: int, mode: int = 0o600) -> T:
        """mq_open(3); the kernel's name has no leading slash."""
        return self.call("mq_open", name, flags, mode, None)

    def mq_unlink(self, name: str) -> T:
        """mq_unlink(3)."""
        return self.call("mq_unlink", name)
