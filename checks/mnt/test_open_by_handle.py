"""A file handle of the host opens nothing from inside."""

import secrets
import struct

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken

promise = guarantee(
    "mnt.open-by-handle-denied",
    claim="open_by_handle_at(2) with the handle of a file outside opens nothing, whatever it is aimed at",
    sources=("man:open_by_handle_at(2)", "man:capabilities(7) CAP_DAC_READ_SEARCH"),
    falsified_by=weaken.grant("DAC_READ_SEARCH"),
    kind="per-window",
)


@promise
@given(mount=st.sampled_from(["/", "/etc/hosts", "/etc/hostname", "/agent"]), length=st.integers(8, 64))
def test_handle_opens_nothing(box: Box, mount: str, length: int) -> None:
    secret = secrets.token_bytes(length)
    with box.outside.directory() as place:
        mark = place / "mark"
        mark.write_bytes(secret)
        handle = box.outside.proc.name_to_handle_at(-100, str(mark))
        size = struct.unpack_from("<I", handle.data)[0]
        with box.spawn() as proc:
            at = proc.openat(-100, mount, 0)
            opened = proc.open_by_handle_at(at.value, handle.data[: 8 + size], 0)
            seen = proc.read(opened.value, 100).data if opened.ok else b""
            promise.require(secret not in seen, at, opened)
