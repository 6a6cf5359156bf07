"""A program in the box can find out what limits it: in the files of its own control group."""

from dataclasses import dataclass

from pytest_isolation import Box, Guarantee, Unsupported, family, severity, weaken
from pytest_isolation.agent.shortcuts import read
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.boxes.weakenings import Weakening
from pytest_isolation.outside.limits.exercised import LIMITED, group_of
from pytest_isolation.outside.shared.groups import own_places


@dataclass(frozen=True)
class Limit:
    slug: str
    name: str
    controller: str
    files: tuple[str, str]
    """Of control groups v1 and v2."""
    asked: str
    """As the file has it where the limit that the check brings is there: of v2 its first word."""
    hole: Weakening
    why: str


LIMITS = (
    Limit("mem", "memory", "memory", ("memory.limit_in_bytes", "memory.max"), str(LIMITED["memory"]),
          weaken.unlimited("memory"), "runtimes choose the size of their heap by this file, not by trying"),
    Limit("pids", "processes", "pids", ("pids.max", "pids.max"), str(LIMITED["pids"]),
          weaken.unlimited("pids"), "pools choose the number of their workers by this file, not by trying"),
    Limit("cpu", "processor time", "cpu", ("cpu.cfs_quota_us", "cpu.max"), str(int(LIMITED["cpus"] * 100_000)),
          weaken.unlimited("cpu"), "runtimes choose the number of their threads by this file, not by trying"),
)  # fmt: skip

readable = family(
    "cg.{entry.slug}.limit-readable",
    over=LIMITS,
    claim="a file of the box's own control group tells the box the limit on its {entry.name}",
    sources=("man:cgroups(7)", "kernel:admin-guide/cgroup-v2", "man:cgroup_namespaces(7)"),
    severity=lambda entry: severity.portability(f"does not tell programs its limit on {entry.name}"),
    falsified_by=lambda entry: entry.hole,
    box=LIMITED,
    distinct="{entry.why}",
)


@readable
def test_limit_is_told(box: Box, promise: Guarantee, entry: Limit) -> None:
    """By every path in the box that may be its own group's.  The host's number is evidence alone."""
    group = group_of(box)
    if not box.parts.shares_kernel:
        raise Unsupported("a machine's size is its limit, and its kernel knows that without a file")
    outside = group.file(entry.controller, *entry.files)
    found = text_of(outside).split()[0] if outside is not None else ""
    paths = [f"{place}/{name}" for place in own_places(box, group, entry.controller) for name in entry.files]
    told = [read(box.proc, path) for path in dict.fromkeys(paths)]
    words = [reply.data.split()[0].decode(errors="replace") for reply in told if reply.data.split()]
    promise.require(entry.asked in words, *told, on_host=found or "none", inside=", ".join(words) or "nothing")
