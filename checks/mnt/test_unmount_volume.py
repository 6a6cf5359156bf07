"""What is mounted over a place of the box cannot be taken away from inside."""

from errno import EBUSY, ENOENT, ENOTDIR

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Volume, guarantee, severity, weaken
from pytest_isolation.agent.constants import CLONE
from pytest_isolation.outside.objects.mounts import mounted, private_mounts

promise = guarantee(
    "mnt.locked-umount-refused",
    claim="no process of the box unmounts what the box was started with and sees what lies beneath",
    sources=("man:umount(2)", "man:mount_namespaces(7) Restrictions on mount namespaces"),
    severity=severity.surface("unmounts what covers places of its own"),
    falsified_by=weaken.grant("SYS_ADMIN"),
    box={"volumes": (Volume(target="/volume", read_only=True),)},
    distinct="a mount is taken away: what covers a place protects it only while it stays",
)


@promise
@given(flags=st.sampled_from([0, 1, 2, 8]), userns=st.booleans())  # MNT_FORCE, MNT_DETACH, UMOUNT_NOFOLLOW
def test_mount_stays(box: Box, flags: int, userns: bool) -> None:
    with private_mounts(box, CLONE.NEWUSER if userns else 0) as proc:
        before = mounted(proc, "/volume")
        promise.receipt(bool(before), "the volume in the list of mounts")
        reply = proc.umount2("/volume", flags)
        promise.tried(reply, vain=(ENOENT, ENOTDIR, EBUSY))  # in use: a refusal for now, not of the question
        promise.held("refused")
        promise.require(mounted(proc, "/volume") == before, reply, before=before)
