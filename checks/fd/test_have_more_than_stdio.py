"""A process of the box starts with 0, 1 and 2 open, and nothing else."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.start.called import CALLED, OPEN, Belongings
from pytest_isolation.strategies import belongings

promise = guarantee(
    "fd.only-stdio",
    claim="the process started in the box has no descriptor but 0, 1 and 2 open, under any number below 1024, when "
    "whoever starts or enters it has pipes, terminals, namespaces, pidfds and sockets of the kernel's open",
    sources=("man:execve(2), File descriptors", "man:close_range(2)", "man:setns(2)"),
    severity=severity.host("has descriptors open that nobody gave it"),
    falsified_by=weaken.drop("close-fds"),
    kind="per-box",
    inputs="called",
    distinct="every descriptor that is there is counted, whatever it leads to: the others look for files of ours",
)


@promise
@given(callers=belongings())
def test_nothing_but_stdio_is_open(box: Box, callers: Belongings) -> None:
    # All kinds in each example: a technology may close what it knows, and pass on what it does not.
    left, found = CALLED.answer(OPEN, box, callers)
    promise.require(not found, *found.values(), left_open=left, inside=sorted(found))
