"""The box cannot give its machine another name."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.client import Reply
from pytest_isolation.agent.shortcuts import write
from pytest_isolation.strategies import tokens

promise = guarantee(
    "uts.host-name-unchangeable",
    claim="no call from inside sets the host name or the NIS domain name of the machine",
    sources=("man:uts_namespaces(7)", "man:sethostname(2)"),
    severity=severity.host("renames the host"),
    falsified_by=(weaken.share("uts"), weaken.grant("SYS_ADMIN")),
    needs_root=True,
)
HOST, DOMAIN, LENGTH = 65, 325, 65  # struct new_utsname: the second and the last of six fields
WAYS = ("sethostname", "setdomainname", "file")


@promise
@given(way=st.sampled_from(WAYS), token=tokens())
def test_name_of_the_machine_stays(box: Box, way: str, token: str) -> None:
    at = DOMAIN if way == "setdomainname" else HOST
    before = _name(box.outside.proc.uname().data, at)
    # In the machine's own namespace nothing is renamed: the name that it has is set again, which takes the same right.
    shared = _shares(box)
    inside = _name(box.proc.uname().data, at)
    name = inside if shared else token[-30:]
    reply = _set(box, way, name)
    after = _name(box.outside.proc.uname().data, at)
    if not shared and reply.ok:
        _set(box, way, inside)
    promise.require(after == before and not (shared and reply.ok), reply, before=before, after=after, shared=shared)


def _name(data: bytes, at: int) -> str:
    return data[at : at + LENGTH].partition(b"\0")[0].decode(errors="replace")


def _shares(box: Box) -> bool:
    """Whether the box lives in the UTS namespace of its outside."""
    pid = box.parts.init_pid
    if pid is None or not box.parts.shares_kernel:
        return False
    return box.outside.path(f"/proc/{pid}/ns/uts").readlink() == box.outside.path("/proc/self/ns/uts").readlink()


def _set(box: Box, way: str, name: str) -> Reply:
    if way == "file":
        return write(box.proc, "/proc/sys/kernel/hostname", name.encode())
    return box.proc.sethostname(name) if way == "sethostname" else box.proc.setdomainname(name)
