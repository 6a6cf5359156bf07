"""A key of the host's that everybody there may read, and that goes with the process that holds it: keyrings(7)."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.constants import KEYCTL
from pytest_isolation.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_isolation.outside.box import Box

PROCESS_KEYRING = -2
EVERYBODY = 0x3F3F_3F3F
"""All rights for its possessor, its user, its group and others: keyctl_setperm(3)."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the kernel, keyrings(7)."""

    serial: int
    description: str
    payload: bytes


@contextmanager
def key(box: Box, token: str) -> Iterator[Key]:
    """A key of type `user` in the keyring of a process of the host; its description and its payload have `token`.

    Raises Unsupported where the kernel has no keys.
    """
    with box.outside.process() as holder:
        payload = f"secret of {token}".encode()
        made = holder.proc.add_key("user", token, payload, PROCESS_KEYRING)
        if made.ok:
            allowed = holder.proc.keyctl(KEYCTL.SETPERM, made.value, EVERYBODY)
        if not made.ok or not allowed.ok:
            raise Unsupported(f"no key of the kernel to witness with: {made if not made.ok else allowed}")
        yield Key(made.value, token, payload)
