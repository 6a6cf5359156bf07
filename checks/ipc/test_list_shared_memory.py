"""What /proc/sysvipc lists are the box's own objects."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.shortcuts import read_records
from pytest_isolation.outside.objects.ipc import segment

promise = guarantee(
    "ipc.proc-sysvipc-own",
    claim="no line of /proc/sysvipc/shm, as the box reads it, is a shared memory segment of the host",
    sources=("man:proc_sysvipc(5)", "man:ipc_namespaces(7)"),
    severity=severity.learns("lists the host's shared memory segments"),
    falsified_by=weaken.share("ipc"),
    kind="per-window",
    distinct="what is listed, not what can be attached: a segment of mode 0 is listed all the same",
)


@promise
@given(child=st.booleans())
def test_segment_is_not_listed(box: Box, child: bool) -> None:
    with segment(box) as theirs, box.spawn() as other:
        read = read_records(other if child else box.proc, "/proc/sysvipc/shm")
        promise.tried(read[0])
        text = b"".join(reply.data for reply in read).decode(errors="replace")
        found = [line for line in text.splitlines()[1:] if line.split()[1:2] == [str(theirs.identifier)]]
        sizes = [line.split()[3] for line in found]
        # The same identifier may be of a segment of the box's own: its size is another.
        promise.require(str(theirs.size) not in sizes, read[0], listed="; ".join(found))
