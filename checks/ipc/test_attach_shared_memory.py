"""A shared memory segment of the host cannot be attached from inside."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.constants import IPC
from pytest_isolation.outside.objects.ipc import segment

promise = guarantee(
    "ipc.sysv-shm-isolated",
    claim="no process of the box attaches a System V shared memory segment of the host, though everybody there may",
    sources=("man:ipc_namespaces(7)", "man:shmat(2)"),
    severity=severity.host("attaches shared memory of the host"),
    falsified_by=weaken.share("ipc"),
    kind="per-window",
)
SHM_RDONLY = 0o10000


@promise
@given(flags=st.sampled_from([0, SHM_RDONLY]), child=st.booleans())
def test_segment_is_out_of_reach(box: Box, flags: int, child: bool) -> None:
    with segment(box) as theirs, box.spawn() as other:
        proc = other if child else box.proc
        found = proc.shmctl(theirs.identifier, IPC.STAT)
        # struct shmid64_ds: the size is behind the 48 bytes of struct ipc64_perm.
        ours = found.ok and int.from_bytes(found.data[48:56], "little") == theirs.size
        attached = proc.shmat(theirs.identifier, 0, flags) if ours else found
        count = theirs.attached()
        if ours and attached.ok:
            proc.shmdt(attached.value)
        promise.require(count == 1, found, attached, attached_by=count)
