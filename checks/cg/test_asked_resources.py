"""The limits on other resources that this box was asked to have are there: places, weights, swap, limits on disks."""

from dataclasses import dataclass

from pytest_isolation import Box, Guarantee, Unsupported, family, severity, weaken
from pytest_isolation.boxes import resources
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.outside.limits.asked_resources import (
    elsewhere,
    is_as_asked,
    listed,
    need_asked,
    on_host,
    press_disk,
)
from pytest_isolation.outside.start.handed_in import the_machines


@dataclass(frozen=True)
class Asked:
    slug: str
    limit: str
    """Of resources.RESOURCES."""
    what: str
    consequence: str
    source: str
    example: str
    """What the control is asked to have, and has not."""


DISK = "kernel:admin-guide/cgroup-v1/blkio-controller, Throttling/Upper Limit policy"
ASKED = (
    Asked("cpuset.cpus", resources.PROCESSORS, "the set of processors", "runs on others than it was given",
          "man:cpuset(7)", "0"),
    Asked("cpu.weight", resources.WEIGHT, "the weight among who wants processors",
          "has another weight than it was given", "kernel:scheduler/sched-design-CFS", "512"),
    Asked("mem.swap", resources.SWAP, "the limit on memory and swap together", "takes more swap than it was given",
          "kernel:admin-guide/cgroup-v1/memory, Swap Extension", str(96 * MIB)),
    Asked("mem.reservation", resources.RESERVATION, "the soft limit on memory",
          "keeps more than its soft limit when memory is short",
          "kernel:admin-guide/cgroup-v1/memory, Soft limits", str(32 * MIB)),
    Asked("mem.swappiness", resources.SWAPPINESS, "the tendency to swap", "swaps otherwise than it was told to",
          "kernel:admin-guide/cgroup-v1/memory, swappiness", "10"),
    Asked("mem.oom-kill", resources.OOM_KILL, "that nobody is killed for its memory",
          "has processes killed that were to wait", "kernel:admin-guide/cgroup-v1/memory, OOM Control", "off"),
    Asked("oom-score", resources.OOM_SCORE, "the score for running out of memory",
          "is killed before or after others, against its order", "man:proc_pid_oom_score_adj(5)", "321"),
    Asked("io.weight", resources.DISK_WEIGHT, "the weight among who wants disks",
          "has another weight at the disks than it was given",
          "kernel:block/bfq-iosched, 4. BFQ group scheduling", "300"),
    Asked("io.read-bytes", resources.READ_BYTES, "the bytes it may read from a disk in a second",
          "reads faster than it was given to", DISK, "1:0 1048576"),
    Asked("io.write-bytes", resources.WRITE_BYTES, "the bytes it may write to a disk in a second",
          "writes faster than it was given to", DISK, "1:0 1048576"),
    Asked("io.reads", resources.READS, "the reads from a disk in a second", "reads more often than it was given to",
          DISK, "1:0 100"),
    Asked("io.writes", resources.WRITES, "the writes to a disk in a second",
          "makes more writes a second than it was given", DISK, "1:0 100"),
    Asked("parent", resources.PARENT, "the group that its own is in", "is in another group than it was put into",
          "oci:runtime-spec config-linux control-groups", "pytest-isolation-elsewhere"),
)  # fmt: skip

asked_for = family(
    "cg.{entry.slug}-as-asked",
    over=ASKED,
    claim="{entry.what} that this box was asked to have, the host has for it",
    sources=("{entry.source}", "oci:runtime-spec config-linux"),
    severity=lambda entry: severity.use(entry.consequence),
    falsified_by=lambda entry: weaken.unlimited(entry.limit),
    kind="per-box",
    control_box=lambda entry: {"resources": {entry.limit: entry.example}},
    distinct="{entry.what}: another file of the host's, which an engine can pass over by itself",
)


@asked_for
def test_it_is_there(box: Box, promise: Guarantee, entry: Asked) -> None:
    asked = need_asked(box, entry.limit)
    if entry.limit == resources.PROCESSORS and the_machines(box, "cpus") < 2:
        raise Unsupported("the machine has one processor, which every box has")
    found = on_host(box, entry.limit)
    promise.held("refused")
    promise.require(
        is_as_asked(box, entry.limit, asked, found), f"{entry.limit}={asked} was asked for", on_host=str(found)
    )
    if entry.limit == resources.PROCESSORS:
        stay_in_place(box, promise, asked)
    for one in asked.split(", ") if entry.limit in resources.OF_IO_MAX else ():
        disk, _, number = one.partition(" ")
        if (pace := press_disk(box, entry.limit, disk, int(number))) is not None:
            # Half of the time: what a limit lets through at once, before it begins to count, is no more than that.
            promise.require(
                pace.seconds >= pace.amount / int(number) / 2, moved=pace.amount, seconds=round(pace.seconds, 3)
            )


def stay_in_place(box: Box, promise: Guarantee, asked: str) -> None:
    """A process of the box asks for every processor there is: the host says where it may run."""
    with box.spawn() as proc:
        reply = proc.sched_setaffinity(0, b"\xff" * 128)
        found = elsewhere(box, listed(asked))
    promise.require(not found, reply, elsewhere=str({pid: sorted(each) for pid, each in found.items()}))
