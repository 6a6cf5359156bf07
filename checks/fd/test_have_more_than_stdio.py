"""A process of the box starts with 0, 1 and 2 open, and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.boxes.caller import FURTHER, LEFT, Caller, left_open, open_numbers

promise = guarantee(
    "fd.only-stdio",
    claim="the process started in the box has no descriptor but 0, 1 and 2 open, under any number below 1024, when "
    "whoever starts or enters it has pipes, terminals, namespaces, pidfds and sockets of the kernel's open",
    sources=("man:execve(2), File descriptors", "man:close_range(2)", "man:setns(2)"),
    severity=severity.host("has descriptors open that nobody gave it"),
    falsified_by=weaken.drop("close-fds"),
    kind="per-box",
    distinct="every descriptor that is there is counted, whatever it leads to: the others look for files of ours",
)


@promise
@given(first=st.integers(3, LEFT - 7 * len(FURTHER)))
def test_nothing_but_stdio_is_open(box: Box, first: int) -> None:
    # All kinds in each example: a technology may close what it knows, and pass on what it does not.
    kinds = {kind: first + 7 * place for place, kind in enumerate(FURTHER)}
    with (
        left_open("pytest-isolation", kinds) as numbers,
        box.fresh(awaited=False, caller=Caller(open=numbers)) as fresh,
    ):
        found = open_numbers(fresh.proc)
    left = ", ".join(f"{kind}: {number}" for kind, number in zip(kinds, numbers, strict=True))
    promise.require(not found, *found.values(), left_open=left, inside=sorted(found))
