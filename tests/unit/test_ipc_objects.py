"""IPC objects that a killed run left are found by their key or name, and removed once."""

from __future__ import annotations

import os
import secrets

import pytest

from pytest_isolation.boxes.local import start_local
from pytest_isolation.technologies.clean import remove

KEY = 1 + secrets.randbelow(2**31 - 1)
NAME = f"pytest-isolation-{secrets.token_hex(6)}"


@pytest.mark.parametrize("kind", ["sem", "msg", "mq"])
def test_what_was_left_is_removed(kind: str) -> None:
    handle = f"{kind} {NAME if kind == 'mq' else KEY}"
    with start_local() as local:
        made = {
            "sem": lambda: local.proc.semget(KEY, 1, 0o1666),
            "msg": lambda: local.proc.msgget(KEY, 0o1666),
            "mq": lambda: local.proc.mq_open(NAME, os.O_CREAT | os.O_RDWR),
        }[kind]()
    assert made.ok, made
    assert remove("run", "ipc", handle).outcome == "removed"
    assert remove("run", "ipc", handle).outcome == "absent"
