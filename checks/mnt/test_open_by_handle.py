"""A file handle of the host opens nothing from inside."""

import secrets
import struct
from errno import EBADF

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.outside.objects.mounts import one_of_each_file_system

promise = guarantee(
    "mnt.open-by-handle-denied",
    claim="open_by_handle_at(2) with the handle of a file outside opens nothing, whatever it is aimed at",
    sources=("man:open_by_handle_at(2)", "man:capabilities(7) CAP_DAC_READ_SEARCH"),
    severity=severity.host("opens files of the host by handle"),
    falsified_by=weaken.grant("DAC_READ_SEARCH"),
    kind="per-window",
)
QUIETLY = 0o2004400
"""O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY."""


@promise
@given(length=st.integers(8, 64))
def test_handle_opens_nothing(box: Box, length: int) -> None:
    secret = secrets.token_bytes(length)
    with box.outside.directory() as place, box.spawn() as proc:
        mark = place / "mark"
        mark.write_bytes(secret)
        handle = box.outside.proc.name_to_handle_at(AT_FDCWD, str(mark))
        if not handle.ok:
            raise Unsupported(f"files of the host have no handles to open them by: {handle}")
        size = struct.unpack_from("<I", handle.data)[0]
        program, tried = Program(), []
        for path in one_of_each_file_system(box):
            at = program.openat(AT_FDCWD, path, QUIETLY)
            opened = program.open_by_handle_at(at, handle.data[: 8 + size], 0)
            tried.append((at, opened, program.read(opened, 100)))
        replies = proc.run(program)
        # EBADF: what it was aimed at could not be opened.
        promise.tried(*(replies[opened] for _, opened, _ in tried), vain=(EBADF,))
        found = [(replies[at], replies[opened]) for at, opened, seen in tried if secret in replies[seen].data]
        promise.require(not found, *(reply for pair in found for reply in pair))
