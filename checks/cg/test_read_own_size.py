"""What the box is told of its machine's size is not more than its limit."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from pytest_isolation import Box, Guarantee, family, severity, weaken
from pytest_isolation.agent.shortcuts import listing, read
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.outside.limits.asked import What
from pytest_isolation.outside.limits.exercised import LIMITED, memory_ceiling
from pytest_isolation.outside.start.handed_in import the_machines


def _memory(box: Box) -> dict[str, int]:
    """In MiB."""
    told = box.proc.sysinfo()
    found = {"sysinfo(2)": int.from_bytes(told.data[32:40], "little") * _unit(told.data) // MIB} if told.ok else {}
    if line := re.search(rb"^MemTotal: +(\d+) kB", read(box.proc, "/proc/meminfo").data, re.M):
        found["/proc/meminfo"] = int(line[1]) // 1024
    return found


def _unit(data: bytes) -> int:
    return int.from_bytes(data[104:108], "little")


def _processors(box: Box) -> dict[str, int]:
    told = box.proc.sched_getaffinity(0)
    found = {"sched_getaffinity(2)": sum(byte.bit_count() for byte in told.data)} if told.ok else {}
    if text := read(box.proc, "/proc/cpuinfo").data:
        found["/proc/cpuinfo"] = len(re.findall(rb"^processor\s*:", text, re.M))
    if names := [name for name in listing(box.proc, "/sys/devices/system/cpu") if re.fullmatch(r"cpu\d+", name)]:
        found["/sys/devices/system/cpu"] = len(names)
    return found


@dataclass(frozen=True)
class Size:
    slug: str
    name: str
    unit: str
    most: Callable[[Box], int]
    told: Callable[[Box], dict[str, int]]
    of: What
    per: int
    """How many bytes, or processors, the unit has."""
    sources: tuple[str, ...]
    why: str


SIZES = (
    Size("mem.size", "memory", "MiB", lambda box: memory_ceiling(box) // MIB, _memory,
         "memory", MIB,
         ("man:sysinfo(2)", "man:proc_meminfo(5)", "https://linuxcontainers.org/lxcfs/"),
         "programs that know nothing of control groups choose the size of their caches by it"),
    Size("cpu.size", "processors", "processors", lambda _: 1, _processors,
         "cpus", 1,
         ("man:sched_setaffinity(2)", "man:proc_cpuinfo(5)", "https://linuxcontainers.org/lxcfs/"),
         "programs that know nothing of control groups choose the number of their threads by it"),
)  # fmt: skip

told = family(
    "cg.{entry.slug}-as-limited",
    over=SIZES,
    claim="no call and no file of the usual ones tells the box of more {entry.name} than its limit lets it use",
    sources=lambda entry: entry.sources,
    severity=lambda entry: severity.portability(f"is told of more {entry.name} than it may use"),
    falsified_by=weaken.drop("own-kernel"),
    box=LIMITED,
    distinct="{entry.why}",
)


@told
def test_size_is_the_limit(box: Box, promise: Guarantee, entry: Size) -> None:
    found = entry.told(box)
    if not found:
        promise.undecided(f"nothing in the box tells how much {entry.name} there is")
    most, there = entry.most(box), int(the_machines(box, entry.of)) // entry.per
    if there <= most:
        promise.undecided(f"its machine has {there} {entry.unit}, which is no more than the limit")
    more = {source: number for source, number in found.items() if number > most}
    promise.require(not more, *(f"{source}: {number} {entry.unit}" for source, number in more.items()), most=most)
