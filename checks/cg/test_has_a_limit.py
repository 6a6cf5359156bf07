"""The box has a limit, whoever asked for it: on memory, on memory and swap, on processes, on processor time."""

from dataclasses import dataclass

from pytest_isolation import Box, Guarantee, family, severity, weaken
from pytest_isolation.outside.limits.asked import Bounded
from pytest_isolation.outside.start.handed_in import bound, the_machines


@dataclass(frozen=True)
class Bound:
    slug: str
    what: Bounded
    hole: str
    name: str


BOUNDS = (
    Bound("mem", "memory", "memory", "memory"),
    Bound("swap", "swap", "memory", "memory and swap together"),
    Bound("pids", "pids", "pids", "the number of processes"),
    Bound("cpu", "cpus", "cpu", "processor time"),
)

bounded = family(
    "cg.{entry.slug}.bounded",
    over=BOUNDS,
    claim="the box's control group has a limit on {entry.name}, below what its machine has",
    sources=("kernel:admin-guide/cgroup-v2", "CIS Docker Benchmark 1.6.0, 5.10, 5.11 and 5.28"),
    severity=lambda entry: severity.use(f"was given no limit on {entry.name}"),
    falsified_by=lambda entry: weaken.unlimited(entry.hole),
    kind="per-box",
    distinct="that there is a limit on {entry.name} at all: as-asked is of one that was asked for, enforced brings one",
)


@bounded
def test_there_is_a_limit(box: Box, promise: Guarantee, entry: Bound) -> None:
    found, most = bound(box, entry.what), the_machines(box, entry.what)
    promise.held("refused")
    promise.require(found is not None and found < most, on_host=str(found), machine=most)
