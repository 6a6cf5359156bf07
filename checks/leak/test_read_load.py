"""How busy its machine is on average is not in the box."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.machine import leaks

promise = guarantee(
    "leak.load",
    claim="neither sysinfo(2) nor /proc/loadavg gives the box its machine's load averages",
    sources=("man:proc_loadavg(5)", "man:sysinfo(2)"),
    severity=severity.learns("learns how busy its machine is"),
    falsified_by=weaken.drop("own-kernel"),
    oracle="receipt",
    kind="per-window",
    distinct="averages do not only go up: they are the same, or not",
)
NAMES = ("/proc/loadavg", "sysinfo(2)")


@promise
@given(child=st.booleans())
def test_averages_are_not_the_machines(box: Box, child: bool) -> None:
    with box.spawn() as other:
        proc = other if child else box.proc
        # They change every five seconds: in between, all three are the same or they are not the machine's.
        before, inside, after = (
            _averages(leaks.shown(one, NAMES)) for one in (box.outside.proc, proc, box.outside.proc)
        )
        promise.receipt(bool(leaks.called(proc)), "sysinfo(2)")
    if before != after:
        promise.undecided("its machine's averages changed in between")
    if not any(any(three) for three in before.values()):
        promise.undecided("its machine's averages are zero")
    same = [name for name, three in inside.items() if three == before.get(name) and any(three)]
    promise.require(not same, same=", ".join(same), averages=str(inside))


def _averages(shown: leaks.Shown) -> dict[str, list[int]]:
    words = {(name.encode(), 0, 0) for name in leaks.SYSINFO if name.startswith("load")}
    return {
        name: [number for place, number in said.items() if place in words or (name[0] == "/" and place[2] < 3)]
        for name, said in shown.items()
    }
