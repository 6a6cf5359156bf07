"""A sequence of ordinary calls ends in the box as it does on the box's machine."""

from hypothesis import given

from pytest_isolation import Box, Guarantee, family, severity
from pytest_isolation.outside.behaviour.compared import compared
from pytest_isolation.outside.behaviour.kinds import KINDS, Kind
from pytest_isolation.strategies import Drawn, sequences

alike = family(
    "port.behaviour-{entry.name}",
    over=[kind for kind in KINDS if not kind.on_image],
    claim="each call of a sequence on {entry.what} has, in the box, the result that it has on the box's machine: the "
    "same number, the same bytes, or the same errno",
    sources=("{entry.source}",),
    severity=lambda entry: severity.portability(f"has other results of calls on {entry.what}"),
    falsified_by=lambda entry: entry.hole,
    kind="per-window",
    distinct="{entry.what}: other calls, which another layer may refuse, or answer otherwise",
)


@alike
@given(drawn=sequences())
def test_calls_end_alike(box: Box, promise: Guarantee, entry: Kind, drawn: Drawn) -> None:
    found = compared(box, entry, entry.whole(drawn))
    other = found.first
    promise.require(other is None, *found.program[-3:], box=other and other[1], machine=other and other[0])
