"""What each class of system calls is made of: how a call is made, and the types of its arguments."""

from __future__ import annotations

import os
import struct
from abc import abstractmethod
from typing import Generic, TypeAlias, TypeVar

from pytest_isolation.agent.memory import Step, Value

T = TypeVar("T")
Number: TypeAlias = "int | Step"
PathArg: TypeAlias = "str | bytes | os.PathLike[str]"


def timespec(seconds: float) -> bytes:
    """struct timespec of a duration."""
    return struct.pack("<2q", *divmod(round(seconds * 1e9), 10**9))


def capabilities(*sets: int) -> bytes:
    """The two struct __user_cap_data of capset(2): effective, permitted, inheritable as masks of 64 bits."""
    low = [mask & 0xFFFF_FFFF for mask in sets]
    return struct.pack("<6I", *low, *(mask >> 32 for mask in sets))


class Calls(Generic[T]):
    """Makes a system call, by its name or by its number."""

    @abstractmethod
    def call(self, name: str, *args: Value) -> T:
        """A system call by its name, syscalls(2), which need not have a method; its arguments in the manual's order."""

    @abstractmethod
    def syscall(self, nr: int, *args: Value) -> T:
        """Any system call by its number, syscalls(2), with up to six arguments."""
