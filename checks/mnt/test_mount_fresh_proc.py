"""A fresh /proc, without the masks of the box's own, cannot be mounted."""

from errno import EINVAL, ENOENT, ENOTDIR

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.constants import AT_FDCWD, CLONE
from pytest_isolation.outside.objects.mounts import target

promise = guarantee(
    "mnt.fresh-proc-denied",
    claim="no process of the box mounts a /proc that shows more than processes, in whatever namespaces it may make",
    sources=("man:user_namespaces(7)", "man:mount_namespaces(7)", "man:proc(5) subset="),
    severity=severity.surface("mounts a /proc without its masks"),
    falsified_by=weaken.grant("SYS_ADMIN"),
    distinct="in a user namespace the kernel allows tmpfs and refuses a /proc that shows more than the one there is",
)
OPTIONS = (None, "subset=pid", "hidepid=2", "pidns=/proc/self/ns/pid", "pidns=/proc/1/ns/pid")
"""proc(5); pidns= is Linux 6.17's, and EINVAL before it: then the option is the question's, not the box's."""


@promise
@given(userns=st.booleans(), pidns=st.booleans(), options=st.sampled_from(OPTIONS), which=st.integers(0, 30))
def test_no_fresh_proc(box: Box, userns: bool, pidns: bool, options: str | None, which: int) -> None:
    flags = (CLONE.NEWPID if pidns else 0) | (CLONE.NEWUSER if userns else 0)
    with target(box, which, flags) as at:
        reply = at.proc.mount("proc", at.path, "proc", 0, options)
        promise.tried(reply, vain=(ENOENT, ENOTDIR, EINVAL) if options else (ENOENT, ENOTDIR))
        shown = at.shown()
        # What only a whole one has: the machine's own files.
        more = [at.proc.faccessat(AT_FDCWD, f"{at.path}/{name}", 0) for name in ("version", "sys", "meminfo")]
        whole = bool(shown) and any(one.ok for one in more)
        promise.held("isolated" if shown else "refused")
        promise.require(not whole, reply, *more, mountinfo=shown)
