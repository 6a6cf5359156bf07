"""The kernel is told the limit that was asked for, in every way to write it."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, Unsupported, family, severity
from pytest_isolation.outside.limits.as_written import ASKED, PARTS, WRITTEN, Text, Written
from pytest_isolation.technologies.asking import sayable

told = family(
    "port.limit-{entry.limit}",
    over=WRITTEN,
    claim="a box that is asked to have a {entry.what} has it, with the number that was meant, in every way to write it",
    sources=("{entry.source}", "oci:runtime-spec config-linux"),
    severity=lambda entry: severity.portability(f"gets another {entry.what} than written"),
    falsified_by=lambda entry: entry.hole,
    kind="per-box",
    inputs="limits as written",
    distinct="{entry.what}: another text, and another file of the kernel's",
)


@told
@given(number=st.integers(0, 1 << 16), way=st.integers(0, 59))
def test_the_kernel_has_what_was_written(box: Box, promise: Guarantee, entry: Written, number: int, way: int) -> None:
    asked = _text(box, entry, number, way)
    others = []
    for one in WRITTEN:
        if one.limit != entry.limit:
            with suppress(Unsupported):  # the others are asked for in the same box, where they can be said
                others.append(_text(box, one, number, way))
    kept, found = ASKED.answer(PARTS[entry.limit], box, tuple(sorted([asked, *others])))
    promise.held("refused")
    promise.require(kept, f"{entry.limit} written as {asked.text!r}", kernel=found, meant=asked.meant)


def _text(box: Box, one: Written, number: int, way: int) -> Text:
    ways = sayable(box, one.limit, lambda: one.ways(number, box))
    return Text(one.limit, *ways[way % len(ways)])
