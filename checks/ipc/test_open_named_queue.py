"""A POSIX message queue of the host cannot be opened from inside."""

import os

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.outside.objects.ipc import named_queue
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
    with named_queue(box, token) as name:
        opened = box.proc.mq_open(name, flags | os.O_CLOEXEC)
        if opened.ok:
            box.proc.close(opened.value)
        listed = [
            reply
            for path in dict.fromkeys([f"/dev/mqueue/{name}", *box.outside.roads(f"/dev/mqueue/{name}")])
            if (reply := box.proc.faccessat(AT_FDCWD, path, os.R_OK)).ok
        ]
        promise.require(not opened.ok and not listed, opened, *listed, queue=name)
