"""What takes a capability is refused inside: a guarantee for each capability, tried by what it lets a process do."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, Unsupported, family, severity, weaken
from pytest_isolation.outside.confined.capable import IDS, REFUSALS, TABLE, Capability

denied = family(
    "cap.{entry.slug}-denied",
    over=TABLE,
    claim="no process of the box {entry.does}, which takes CAP_{entry.name}",
    sources=("man:capabilities(7) CAP_{entry.name}",),
    severity=lambda entry: (severity.host if entry.host else severity.surface)(entry.does),
    falsified_by=lambda entry: weaken.grant(entry.name),
    kind="per-window",
    oracle="errno",
    distinct="what CAP_{entry.name} is for, not what others try with it",
)


@denied
@given(number=st.integers(*IDS), deep=st.booleans())
def test_capability_is_of_no_use(box: Box, promise: Guarantee, entry: Capability, number: int, deep: bool) -> None:
    with box.spawn() as child:
        if deep:
            with child.spawn() as proc:
                reply = entry.act(proc, number)
        else:
            reply = entry.act(child, number)
    had = entry.had(reply)
    if not had and reply.errno not in REFUSALS:
        promise.tried(reply, vain=(reply.errno,))  # refused for something else, before or after
    if not had and entry.refused_by and box.parts.shares_kernel and not entry.serves(box.outside.proc):
        raise Unsupported(f"the kernel refuses it, CAP_{entry.name} or not, by {entry.refused_by}")
    promise.held("refused")
    promise.require(not had, reply)
