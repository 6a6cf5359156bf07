"""Root of the box is nobody's root outside."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.boxes.procfs import children_of, status_of

promise = guarantee(
    "user.root-not-host-root",
    claim="no process of the box has, in the first user namespace, root's user id or group id: not its real one, its "
    "effective, its saved, nor that for files",
    sources=("man:user_namespaces(7)", "man:proc_pid_status(5), Uid"),
    severity=severity.surface("is root on the host if it gets out"),
    falsified_by=weaken.share("user"),
    kind="per-window",
)


@promise
@given(child=st.booleans())
def test_nobody_is_root_outside(box: Box, child: bool) -> None:
    pid = box.parts.init_pid
    if pid is None or not box.parts.shares_kernel:
        raise Unsupported("no process of the box is one of its machine's, and so none has an id there")
    made = [box.spawn()] if child else []
    try:
        below = children_of(box.outside.path(f"/proc/{pid}"))
        told = [status_of(box.outside.path(f"/proc/{one}")) for one in (pid, *below)]
    finally:
        for proc in made:
            proc.end()
    ids = {number for status in told for kind in ("Uid", "Gid") for number in status[kind].split()}
    promise.require("0" not in ids, ids=" ".join(sorted(ids)))
