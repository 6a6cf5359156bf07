"""System call numbers, from the system-calls package (generated from the kernel's own tables)."""

from __future__ import annotations

from functools import cache

_TABLES = {"x86_64": "x86_64", "aarch64": "arm64"}


@cache
def number(name: str, machine: str) -> int:
    """The number of system call `name` on `machine` ("x86_64" or "aarch64").

    Raises LookupError when that architecture has no such call.
    """
    from system_calls import syscalls

    try:
        return int(syscalls().get(name, _TABLES[machine]))
    except Exception as error:
        raise LookupError(f"{machine} has no system call named {name}") from error
