"""Root of the box that has given its capabilities up does not get them back by running a program."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.confined.gained import program_run

promise = guarantee(
    "nnp.root-regains-nothing",
    claim="no process of the box that has given up its capabilities gets one back by running a program, root included",
    sources=(
        "man:capabilities(7), Capabilities and execution of programs by root",
        "kernel:userspace-api/no_new_privs",
    ),
    severity=severity.surface("gets capabilities back that a process gave up"),
    falsified_by=weaken.drop("no-new-privs"),
    kind="per-window",
    distinct="what the flag is for, and not the flag: where nothing can be got back it holds without it",
)


@promise
@given(mode=st.sampled_from([0o700, 0o755, 0o4755]))
def test_capabilities_stay_given_up(box: Box, mode: int) -> None:
    became, dropped = program_run(box, lambda proc: proc.capset(0, 0, 0), mode=mode)
    promise.require(not became.permitted, dropped, permitted=f"{became.permitted:x}", user=became.user)
