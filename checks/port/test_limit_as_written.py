"""The kernel is told the limit that was asked for, in every way to write it."""

from contextlib import ExitStack

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, family, severity
from pytest_isolation.boxes.wording import kernel_has
from pytest_isolation.errors import BoxError, Unavailable
from pytest_isolation.outside.as_written import WRITTEN, Written
from pytest_isolation.outside.carried import alike
from pytest_isolation.technologies.asking import sayable

told = family(
    "port.limit-{entry.limit}",
    over=WRITTEN,
    claim="a box that is asked to have a {entry.what} has it, with the number that was meant, in every way to write it",
    sources=("{entry.source}", "oci:runtime-spec config-linux"),
    severity=lambda entry: severity.portability(f"gets another {entry.what} than written"),
    falsified_by=lambda entry: entry.hole,
    kind="per-box",
    distinct="{entry.what}: another text, and another file of the kernel's",
)


@told
@given(number=st.integers(0, 1 << 16), way=st.integers(0, 59))
def test_the_kernel_has_what_was_written(box: Box, promise: Guarantee, entry: Written, number: int, way: int) -> None:
    ways = sayable(box, entry.limit, lambda: entry.ways(number, box))
    text, meant = ways[way % len(ways)]
    with ExitStack() as undo:
        try:
            limited = undo.enter_context(alike(box, memory=None, pids=None, cpus=None, worded=((entry.limit, text),)))
        except (BoxError, Unavailable) as error:
            # What is refused is not otherwise than it was written.
            promise.undecided(f"{entry.limit} written as {text!r} is not taken: {error}")
        found = kernel_has(limited.parts, entry.limit)
        kept = entry.has_it(limited, meant, found)
    promise.held("refused")
    promise.require(kept, f"{entry.limit} written as {text!r}", kernel=found, meant=meant)
