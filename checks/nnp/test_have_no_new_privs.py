"""No program of the box gains privileges: the kernel was told so."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.constants import PR
from pytest_isolation.boxes.procfs import status_of

promise = guarantee(
    "nnp.set",
    claim="no_new_privs is set for every process of the box",
    sources=("kernel:userspace-api/no_new_privs", "man:prctl(2), PR_SET_NO_NEW_PRIVS"),
    severity=severity.surface("gains privileges by the programs it runs"),
    falsified_by=weaken.drop("no-new-privs"),
    kind="per-window",
)


@promise
@given(child=st.booleans())
def test_no_new_privs_is_set(box: Box, child: bool) -> None:
    with box.spawn() as other:
        told = (other if child else box.proc).prctl(PR.GET_NO_NEW_PRIVS, 0)
    promise.require(told.value == 1, told, process="child" if child else "first")
    if box.parts.init_pid is not None and box.parts.shares_kernel:
        found = status_of(box.outside.path(f"/proc/{box.parts.init_pid}")).get("NoNewPrivs", "nothing")
        promise.require(found == "1", told, on_the_host=f"NoNewPrivs: {found}")
