"""/tmp of the box and /tmp of the host are two directories."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.strategies import payloads, tokens

promise = guarantee(
    "mnt.tmp-private",
    claim="a file made in /tmp on one side does not exist on the other",
    sources=("man:mount_namespaces(7)", "man:systemd.exec(5) PrivateTmp="),
    falsified_by=weaken.expose("/tmp"),
    intrusive=True,
)


@promise
@given(inward=st.booleans(), name=tokens(), data=payloads())
def test_tmp_is_private(box: Box, inward: bool, name: str, data: bytes) -> None:
    outside = box.outside.path("/tmp", name)
    if inward:
        outside.write_bytes(data)
        try:
            reply = box.proc.faccessat(-100, f"/tmp/{name}", 0)
            promise.require(not reply.ok, reply)
        finally:
            outside.unlink()
    else:
        box.write_file(f"/tmp/{name}", data)
        try:
            promise.require(not outside.exists(), f"/tmp/{name} was made inside")
        finally:
            box.proc.unlinkat(-100, f"/tmp/{name}")
