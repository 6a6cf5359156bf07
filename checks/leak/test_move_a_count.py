"""What its machine counts is not counted in the box: some are taken on the machine, and given back."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, family, severity, weaken
from pytest_isolation.outside.machine import answering, leaks
from pytest_isolation.outside.machine.counted import COUNTS

unmoved = family(
    "leak.{entry.slug}",
    over=COUNTS,
    claim="no number that the box reads goes up and down with the {entry.what} of its machine",
    sources=lambda entry: entry.sources,
    severity=lambda entry: severity.learns(entry.does),
    falsified_by=weaken.drop("own-kernel"),
    oracle="receipt",
    kind="per-window",
    distinct="{entry.what}: how many there are tells what others do",
)


@unmoved
@given(data=st.data())
def test_no_number_goes_up_and_down(box: Box, promise: Guarantee, entry: answering.Count, data: st.DataObject) -> None:
    amount = data.draw(st.integers(entry.least, entry.most))
    answered, there = answering.answered(box, box.proc, entry, amount, COUNTS)
    promise.receipt(bool(leaks.called(box.proc)), "sysinfo(2)")
    known = there or answering.known(box, entry)
    if known and not leaks.can_be_asked(box.proc, known):
        promise.undecided("the box has neither a /proc nor a /sys where its machine shows this")
    if not there and not answered:
        promise.undecided("nothing that its machine shows went up and down with what was taken")
    promise.require(not answered, taken=amount, moved=answered, on_the_machine=", ".join(there))
