"""The box's list of shared memory segments has none of the host's."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.objects.ipc import segment

promise = guarantee(
    "ipc.sysv-shm-unlisted",
    claim="shmctl(2) in the box does not list a shared memory segment of the host",
    sources=("man:ipc_namespaces(7)", "man:shmctl(2)"),
    severity=severity.learns("lists shared memory of the host"),
    falsified_by=weaken.share("ipc"),
    kind="per-window",
)
SHM_STAT, SHM_INFO, SHM_STAT_ANY = 13, 14, 15


@promise
@given(command=st.sampled_from([SHM_STAT, SHM_STAT_ANY]))
def test_segment_is_not_listed(box: Box, command: int) -> None:
    with segment(box) as theirs:
        last = box.proc.shmctl(0, SHM_INFO)
        listed = [box.proc.shmctl(index, command) for index in range(last.value + 1)]
        # struct shmid64_ds: the size is behind the 48 bytes of struct ipc64_perm.
        sizes = {one.value: int.from_bytes(one.data[48:56], "little") for one in listed if one.ok}
        promise.require(sizes.get(theirs.identifier) != theirs.size, last, *listed)
