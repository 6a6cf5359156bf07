"""No write from inside changes a file of the host."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.agent.shortcuts import write
from pytest_isolation.strategies import payloads, tokens

promise = guarantee(
    "mnt.host-unwritable",
    claim="a file of the host outside what is shared is changed by no write from inside",
    sources=("man:mount_namespaces(7)",),
    falsified_by=weaken.expose("/"),
    distinct="a box may see the host's files read-only",
)
PREFIXES = ("", "/host", "/proc/1/root", "/..")


@promise
@given(prefix=st.sampled_from(PREFIXES), name=tokens(), data=payloads())
def test_host_file_stays(box: Box, prefix: str, name: str, data: bytes) -> None:
    with box.outside.directory() as directory:
        mark = directory / name
        mark.write_bytes(b"before")
        mark.chmod(0o666)
        reply = write(box.proc, f"{prefix}{mark}", data)
        after = mark.read_bytes()
        promise.require(after == b"before", reply, after=after)
