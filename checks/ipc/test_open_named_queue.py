"""A POSIX message queue of the host cannot be opened from inside."""

import os

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.shortcuts import AT_FDCWD
from pytest_isolation.outside.ipc import named_queue
from pytest_isolation.strategies import tokens

promise = guarantee(
    "ipc.posix-mq-isolated",
    claim="no process of the box opens a POSIX message queue of the host by its name, though everybody there may",
    sources=("man:mq_overview(7)", "man:ipc_namespaces(7)"),
    severity=severity.host("opens message queues of the host"),
    falsified_by=weaken.share("ipc"),
    kind="per-window",
    distinct="names in a file system of the kernel's, not System V identifiers",
)


@promise
@given(flags=st.sampled_from([os.O_RDONLY, os.O_WRONLY, os.O_RDWR]), token=tokens())
def test_queue_does_not_open(box: Box, flags: int, token: str) -> None:
    with named_queue(box, token):
        opened = box.proc.mq_open(token, flags | os.O_CLOEXEC)
        listed = box.proc.faccessat(AT_FDCWD, f"/dev/mqueue/{token}", os.R_OK)
        if opened.ok:
            box.proc.close(opened.value)
        promise.require(not opened.ok and not listed.ok, opened, listed, queue=token)
