"""A setuid program of root's gives another user of the box nothing."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.confined.gained import program_run
from pytest_isolation.strategies import ids

promise = guarantee(
    "nnp.setuid-no-effect",
    claim="a user of the box that is not root runs a setuid program of root's as the user it is, without a capability",
    sources=("man:execve(2)", "kernel:userspace-api/no_new_privs"),
    severity=severity.surface("becomes root by a setuid program"),
    falsified_by=(weaken.drop("no-new-privs"), weaken.grant("SETUID")),
    kind="per-window",
)


@promise
@given(user=ids())
def test_setuid_program_runs_as_who_runs_it(box: Box, user: int) -> None:
    became, changed = program_run(box, lambda proc: proc.setresuid(user, user, user), mode=0o4755)
    kept = became.user == user and not became.permitted
    promise.require(kept, changed, user=became.user, permitted=f"{became.permitted:x}")
