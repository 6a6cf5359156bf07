"""Root of the box is nobody's root outside."""

import re

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken

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
        below = (
            box.outside.path(f"/proc/{pid}/task/{pid}/children")
            .read_text(encoding="utf-8", errors="surrogateescape")
            .split()
        )
        text = "".join(
            box.outside.path(f"/proc/{one}/status").read_text(encoding="utf-8", errors="surrogateescape")
            for one in (str(pid), *below)
        )
    finally:
        for proc in made:
            proc.end()
    ids = {number for line in re.findall(r"^[UG]id:\s*(.*)$", text, re.M) for number in line.split()}
    promise.require("0" not in ids, ids=" ".join(sorted(ids)))
