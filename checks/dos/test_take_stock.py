"""What the box takes of a thing of which its machine has a number for everybody, the machine has not less of."""

from errno import ENOENT, ENOTDIR

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, family
from pytest_isolation import severity as reach
from pytest_isolation.outside.limits.quotas import USED_UP
from pytest_isolation.outside.limits.stocks import STOCKS, Stock, risen

kept = family(
    "dos.{entry.slug}-not-used-up",
    over=STOCKS,
    claim="the machine does not have fewer {entry.what} to give while a process of the box has some",
    sources=lambda entry: entry.sources,
    severity=lambda entry: reach.neighbour(entry.does),
    falsified_by=lambda entry: entry.hole,
    kind="per-window",
    intrusive=True,
    distinct="{entry.what}: {entry.why}",
)


@kept
@given(data=st.data())
def test_machine_has_as_many(box: Box, promise: Guarantee, entry: Stock, data: st.DataObject) -> None:
    amount = data.draw(st.integers(entry.least, entry.most))
    replies, seen = risen(box, entry, amount)
    promise.tried(*replies[:1], vain=(ENOENT, ENOTDIR, *USED_UP))
    promise.require(not seen, *replies[:1], taken=amount, seen=f"the machine's account moved with {seen}")
