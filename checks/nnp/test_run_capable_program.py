"""A program whose file has capabilities gives another user of the box none."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.confined.gained import program_run
from pytest_isolation.strategies import ids

promise = guarantee(
    "nnp.file-capabilities-no-effect",
    claim="a user of the box that is not root has no capability in a program whose file permits all",
    sources=("man:capabilities(7), File capabilities", "kernel:userspace-api/no_new_privs"),
    severity=severity.surface("gets capabilities by a program's file"),
    falsified_by=(weaken.drop("no-new-privs"), weaken.grant("SETUID"), weaken.grant("SETFCAP")),
    kind="per-window",
)


@promise
@given(user=ids())
def test_capable_program_has_none(box: Box, user: int) -> None:
    became, changed = program_run(box, lambda proc: proc.setresuid(user, user, user), capable=True)
    promise.require(not became.permitted, changed, permitted=f"{became.permitted:x}", user=became.user)
