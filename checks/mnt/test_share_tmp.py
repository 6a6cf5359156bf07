"""/tmp of the box and /tmp of the host are two directories."""

import os

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.shortcuts import write
from pytest_isolation.strategies import payloads, tokens

promise = guarantee(
    "mnt.tmp-private",
    claim="a file made in /tmp on one side does not exist on the other",
    sources=("man:mount_namespaces(7)", "man:systemd.exec(5) PrivateTmp="),
    severity=severity.host("shares /tmp with the host"),
    falsified_by=weaken.expose("/tmp"),
    intrusive=True,
)


@promise
@given(name=tokens(), data=payloads())
def test_tmp_is_private(box: Box, name: str, data: bytes) -> None:
    """Both directions in each example; inward first, which needs nothing written in the box."""
    path = f"/tmp/{name}"
    outside = box.outside.path(path)
    outside.write_bytes(data)
    try:
        reply = box.proc.faccessat(AT_FDCWD, path, 0)
        promise.require(not reply.ok, reply)
    finally:
        outside.unlink()
    # A box that has no /tmp, or may not write to it, makes no file that could show outside.
    made = write(box.proc, path, data, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        promise.require(not outside.exists(), made, made_outside=outside)
    finally:
        box.proc.unlinkat(AT_FDCWD, path)
