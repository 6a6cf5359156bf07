"""The numbers by which a machine tells how busy it is are not in the box: every file and call in which one moves."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, family, severity, weaken
from pytest_isolation.outside.machine import leaks


@dataclass(frozen=True)
class Counters:
    slug: str
    what: str
    does: str
    names: tuple[str, ...]
    """What the names of its files and calls begin with."""
    source: str
    distinct: str


COUNTERS = (
    Counters(
        "uptime", "since when its machine runs", "learns since when its machine runs",
        ("/proc/uptime", "clock_gettime(2)", "times(2)"), "man:time_namespaces(7)", "",
    ),
    Counters(
        "activity", "what its machine's processors do, in any file that no other of these has",
        "learns what its machine's processors do", ("/proc/stat", "/proc/schedstat", "/proc/sched_debug"),
        "man:proc_stat(5)", "processor time tells what a neighbour computes, and when",
    ),
    Counters(
        "interrupts-timers", "how often a device interrupted its machine", "counts its machine's interrupts",
        ("/proc/interrupts", "/proc/softirqs", "/proc/irq", "/proc/timer_list"),
        "https://github.com/moby/moby/security/advisories/GHSA-6fw5-f8r9-fgfm",
        "interrupts tell of single keys and packets",
    ),
    Counters(
        "disk-activity", "what its machine's disks do", "counts what its machine's disks read and write",
        ("/proc/diskstats", "/sys/block"), "kernel:admin-guide/iostats", "disks tell of writes of others",
    ),
    Counters(
        "memory-activity", "what its machine does with memory", "counts its machine's pages",
        ("/proc/meminfo", "/proc/vmstat", "/proc/zoneinfo", "/proc/buddyinfo", "/sys/devices/system/node"),
        "man:proc_vmstat(5)",
        "what is done with memory, and not how much there is",
    ),
)  # fmt: skip
OWN = ("/proc/self/", "sysinfo(2)")
"""Of the process that reads, and a call that leak.load and leak.memory ask."""

unknown = family(
    "leak.{entry.slug}",
    over=COUNTERS,
    claim="no number that the box reads tells {entry.what}",
    sources=lambda entry: (entry.source,),
    severity=lambda entry: severity.learns(entry.does),
    falsified_by=weaken.drop("own-kernel"),
    oracle="receipt",
    kind="per-window",
    distinct="{entry.distinct}",
)


@unknown
@given(child=st.booleans())
def test_no_number_of_the_machine_is_followed(box: Box, promise: Guarantee, entry: Counters, child: bool) -> None:
    names = {name for name in leaks.moving(box) if not name.startswith(OWN) and of(name) is entry}
    if not names:
        promise.undecided("nothing that its machine shows of this moves")
    with box.spawn() as other:
        proc = other if child else box.proc
        followed, moved = leaks.followed(box, proc, names)
        promise.receipt(bool(leaks.called(proc)), "clock_gettime(2)")
        if not leaks.can_be_asked(proc, names):
            promise.undecided("the box has neither a /proc nor a /sys where its machine shows this")
    if not moved:
        promise.undecided("nothing that its machine shows of this moved")
    promise.require(not followed, followed=", ".join(followed), of=len(names))


def of(name: str) -> Counters:
    """Whose a file or call is: the second of COUNTERS has what no other has."""
    return next((one for one in COUNTERS if name.startswith(one.names)), COUNTERS[1])
