"""The kernel tells the box of no mount of its host's, by whatever number it asks."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.agent.constants import LSMT_ROOT
from pytest_isolation.outside.objects.mount_numbers import OWN, every, listed, namespace_of, point

promise = guarantee(
    "mnt.statmount-own",
    claim="statmount(2) and listmount(2) tell the box of no mount of its host's, by the number of that mount or of the "
    "host's mount namespace",
    sources=("man:statmount(2)", "man:listmount(2)", "man:ioctl_nsfs(2) NS_GET_MNTNS_ID", "man:mount_namespaces(7)"),
    severity=severity.learns("lists the mounts of its machine"),
    falsified_by=(weaken.grant("SYS_ADMIN"), weaken.drop("seccomp")),
    distinct="no file of /proc is asked: a process that may not see one, or has no /proc, asks the kernel by a number",
)


@promise
@given(which=st.integers(0, 999), by_namespace=st.booleans(), call=st.sampled_from(["statmount", "listmount", "below"]))
def test_no_mount_of_the_host_is_told(box: Box, which: int, by_namespace: bool, call: str) -> None:
    if not box.parts.shares_kernel:
        raise Unsupported("the box has a kernel of its own, and the mounts of that")
    host = box.outside.proc
    there = every(host)
    number = there[which % len(there)]
    namespace = namespace_of(host) if by_namespace else OWN
    if call == "statmount":
        at, reply = point(box.proc, number, namespace)
        found = {number} if at else set()
    else:
        numbers, reply = listed(box.proc, LSMT_ROOT if call == "listmount" else number, namespace)
        found = set(there) & set(numbers)
    place, _ = point(host, min(found, default=number))
    if not place:
        promise.undecided("the mount has ended meanwhile, and with it its number: that is no refusal")
    promise.tried(reply, vain=())
    promise.held("refused")
    promise.require(not found, reply, told=place, of=len(found))
