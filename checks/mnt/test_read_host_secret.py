"""A secret of the host cannot be read from inside, by any path that leads to it outside."""

import secrets

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.agent.shortcuts import read
from pytest_isolation.strategies import tokens

promise = guarantee(
    "mnt.host-secret-unreadable",
    claim="a file of the host outside what is shared is read by no path from inside",
    sources=("man:mount_namespaces(7)", "man:pivot_root(2)"),
    falsified_by=weaken.expose("/"),
    oracle="receipt",
)
PREFIXES = ("", "/host", "/proc/1/root", "/proc/self/root", "/proc/self/cwd", "/..", "/../../..")


@promise
@given(prefix=st.sampled_from(PREFIXES), name=tokens())
def test_secret_is_unreadable(box: Box, prefix: str, name: str) -> None:
    secret, decoy = secrets.token_bytes(16), secrets.token_bytes(16)
    box.write_file(f"{box.scratch}/{name}.decoy", decoy)
    promise.receipt(read(box.proc, f"{box.scratch}/{name}.decoy").data == decoy, "the decoy in the box")
    box.proc.unlinkat(-100, f"{box.scratch}/{name}.decoy")
    with box.outside.directory() as directory:
        (directory / name).write_bytes(secret)
        reply = read(box.proc, f"{prefix}{directory}/{name}")
        promise.require(secret not in reply.data, reply)
