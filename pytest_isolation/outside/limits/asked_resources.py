"""Limits on other resources that a box was asked to have, and what the host has of them: places, weights, swap, disks.

As asked.py: what the user, or the owner of the box, asked for, never what a check brings.
"""

from __future__ import annotations

import math
import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.boxes import cgroups, resources
from pytest_isolation.boxes.cgroups import memberships
from pytest_isolation.boxes.procfs import status_of, text_of
from pytest_isolation.errors import Unsupported
from pytest_isolation.outside.limits.asked import NOTHING_ASKED, PAGES
from pytest_isolation.outside.limits.exercised import MAP_PRIVATE_ANON, PROT_RW

if TYPE_CHECKING:
    from pytest_isolation.boxes.cgroups import Group
    from pytest_isolation.outside.box import Box


def need_asked(box: Box, name: str) -> str:
    """What the box was asked to have of `name`, as resources.py writes it.

    Raises Unsupported where nothing was asked for, and where the technology keeps it in no file of the host.
    """
    asked = dict(box.spec.resources) | dict(box.parts.resources)
    if name not in asked:
        raise Unsupported(f"{NOTHING_ASKED} by the name of {name}", "start it with one")
    if box.parts.memory_overhead is not None or not box.parts.shares_kernel:
        raise Unsupported("the box has a kernel of its own, and its limits are in a control group of that, or nowhere")
    return asked[name]


def group_on_host(box: Box) -> Group | None:
    """The group that the box is in; None in the root.  Raises Unsupported where the host sees none of it."""
    if box.parts.group is not None:
        return box.parts.group
    if box.parts.init_pid is None:
        raise Unsupported("no control group of the host counts this box")
    return cgroups.group_of_process(box.parts.init_pid, box.parts.host)


def counted_by_v2(box: Box, controller: str) -> bool:
    """Whether `controller` counts the box in version 2.  Raises Unsupported where the host sees no group of it."""
    group = group_on_host(box)
    return group is not None and controller not in group.places


def on_host(box: Box, name: str) -> str | None:
    """What the host has of `name` for this box, in the words of its own file; None: nothing, or no such file."""
    if name in resources.OTHERS:
        return _elsewhere(box, name)
    group = group_on_host(box)
    if group is None:
        return None
    texts = [text_of(file).strip() for file in resources.files(group, name)]
    return ", ".join(" ".join(text.split("\n")) for text in texts) if texts else None


def _elsewhere(box: Box, name: str) -> str | None:
    pid = box.parts.init_pid
    if pid is None:
        raise Unsupported("no process of the box is one of its machine's: nobody outside sees what it was given")
    if name == resources.OOM_SCORE:
        return text_of(box.outside.path(f"/proc/{pid}/oom_score_adj")).strip()
    if name == resources.PARENT:
        told = memberships(text_of(box.outside.path(f"/proc/{pid}/cgroup")))
        return " ".join(sorted({path for controllers, path in told if {"memory", "unified"} & {*controllers}}))
    size = resources.shm_size(text_of(box.outside.path(f"/proc/{pid}/mountinfo")))
    return None if size is None else str(size)


def is_as_asked(box: Box, name: str, asked: str, found: str | None) -> bool:
    """Whether what is `found` on the host is what was asked for, in the words of either version of control groups."""
    if found is None:
        return False
    if name in resources.OF_IO_MAX:
        return all(one in _limits_on_disks(name, found) for one in asked.split(", "))
    if name == resources.PROCESSORS:
        return listed(found) == listed(asked)
    if name == resources.PARENT:
        return any(f"/{asked.strip('/')}/" in f"{path}/" for path in found.split())
    if name == resources.OOM_KILL:
        return "oom_kill_disable 1" in found
    if name == resources.DISK_WEIGHT:
        numbers = {int(number) for number in map(_default_weight, found.split(", ")) if number is not None}
        return bool(numbers & disk_weights_of(int(asked)))
    if name == resources.WEIGHT and counted_by_v2(box, "cpu"):
        return int(found) in weights_of(int(asked))
    if name == resources.SWAP and counted_by_v2(box, "memory"):
        # Version 2 counts swap by itself.
        group = group_on_host(box)
        memory = group.limits().memory if group is not None else None
        return memory is not None and found.isdigit() and abs(int(found) - (int(asked) - memory)) < PAGES
    if name in (resources.SWAP, resources.RESERVATION, resources.SHM):
        return found.isdigit() and abs(int(found) - int(asked)) < PAGES
    return found == asked


def _limits_on_disks(name: str, found: str) -> set[str]:
    """MAJOR:MINOR NUMBER for each disk: "8:0 1048576" of version 1, "8:0 rbps=1048576 wbps=max" of version 2."""
    if "=" not in found:
        return {f"{disk} {number}" for disk, number in re.findall(r"([0-9]+:[0-9]+) ([0-9]+)", found)}
    lines = re.findall(r"([0-9]+:[0-9]+)((?: \w+=\w+)+)", found)
    return {
        f"{disk} {number}"
        for disk, keys in lines
        for number in re.findall(rf" {resources.OF_IO_MAX[name]}=([0-9]+)", keys)
    }


def listed(text: str) -> set[int]:
    """cpuset(7), List format: 0-3,7.  Raises ValueError."""
    found: set[int] = set()
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def weights_of(shares: int) -> set[int]:
    """What engines write to cpu.weight for so many shares of version 1.

    The straight line of runc before 1.3.2, and the curve of runc and crun since, by which 1024 is 100:
    github.com/opencontainers/cgroups, ConvertCPUSharesToCgroupV2Value.
    """
    line = 1 + (shares - 2) * 9999 // 262142
    power = math.log2(max(shares, 2))
    curve = math.ceil(10 ** ((power * power + 125 * power) / 612 - 7 / 34))
    return {line, min(curve, 10_000)}


def _default_weight(text: str) -> str | None:
    """The number behind `default`, or one alone: what a file says of all disks but those that it names."""
    found = re.match(r"(?:default )?([0-9]+)\b(?!:)", text.strip())
    return found[1] if found else None


def disk_weights_of(weight: int) -> set[int]:
    """What engines write for such a weight of version 1, 10 to 1000.

    As it is, to the file of BFQ; without that to io.weight by a straight line, 1 to 10000:
    github.com/opencontainers/cgroups, ConvertBlkIOToIOWeightValue; crun's convert_weight_to_io_weight is the same.
    """
    return {weight, 1 + (weight - 10) * 9999 // 990}


# -- whether it bites --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pace:
    """What a box moved to or from a disk, by the host's account of its group, and how long that took."""

    amount: int
    """Bytes, or operations."""
    seconds: float


ACCOUNTS = {
    resources.READ_BYTES: ("blkio.throttle.io_service_bytes", "Read", "rbytes"),
    resources.WRITE_BYTES: ("blkio.throttle.io_service_bytes", "Write", "wbytes"),
    resources.READS: ("blkio.throttle.io_serviced", "Read", "rios"),
    resources.WRITES: ("blkio.throttle.io_serviced", "Write", "wios"),
}
"""Name -> file of version 1 and its word there, and the key in io.stat of version 2."""


def moved(box: Box, name: str, disk: str) -> int:
    """Bytes or operations of the box on `disk` (MAJOR:MINOR), by the host's account.  Raises Unsupported without it."""
    group = group_on_host(box)
    old, word, new = ACCOUNTS[name]
    file = group.file("blkio", old, "io.stat") if group is not None else None
    if file is None or not file.is_file():
        raise Unsupported("the host keeps no account of what this box reads and writes")
    text = text_of(file)
    pattern = rf"^{disk} {word} ([0-9]+)$" if file.name == old else rf"^{disk} .*\b{new}=([0-9]+)"
    found = re.search(pattern, text, re.MULTILINE)
    return int(found[1]) if found else 0


MOST = {
    resources.READ_BYTES: 4 << 20, resources.WRITE_BYTES: 4 << 20, resources.READS: 1024, resources.WRITES: 1024,
}  # fmt: skip
"""A limit a second up to this is pressed against: more would keep the disk from others."""
LEAST = {resources.READ_BYTES: 1024, resources.WRITE_BYTES: 1024, resources.READS: 1, resources.WRITES: 1}
"""And from this on: four pieces at less take longer than anybody waits."""
PIECE = 4096
"""Bytes of one read or write: a multiple of what disks want of who passes the page cache by (open(2), O_DIRECT)."""
FEW = 4
"""Directories in which a file without a name is tried."""
PRESS_S = 0.5
"""So long should what is asked for take at the pace of the limit."""


def press_disk(box: Box, name: str, disk: str, limit: int) -> Pace | None:
    """Read or write past the page cache as fast as it goes, as much as the limit lets through in PRESS_S.

    None where that decides nothing: the limit is large, or so small that one waits for minutes, the box is somebody
    else's, or it has no file on that disk that may be so used, as the host's account of the box tells.
    """
    if not LEAST[name] <= limit <= MOST[name] or (box.spec.attached and not box.spec.intrusive):
        return None
    # A file without a name leaves nothing behind; the agent's own is on a disk wherever it was put there by name.
    places = box.writable[:FEW] if name in (resources.WRITE_BYTES, resources.WRITES) else ("/proc/self/exe",)
    paces = (_pressed(box, name, disk, limit, place) for place in places)
    return next((pace for pace in paces if pace is not None), None)


def _pressed(box: Box, name: str, disk: str, limit: int, place: str) -> Pace | None:
    unit = PIECE if name in (resources.READ_BYTES, resources.WRITE_BYTES) else 1
    times = max(4, round(limit * PRESS_S / unit))
    how = os.O_RDONLY if place == "/proc/self/exe" else os.O_WRONLY | os.O_TMPFILE
    before = moved(box, name, disk)
    with box.spawn() as proc:
        program = Program(stop_on_error=True)
        fd = program.openat(AT_FDCWD, place, how | os.O_DIRECT, 0o600)
        room = program.mmap(0, PIECE, PROT_RW, MAP_PRIVATE_ANON)
        moving = program.call("pread64" if how == os.O_RDONLY else "pwrite64", fd, room, PIECE, 0)
        program.loop(moving, times=times)
        began = time.monotonic()
        proc.run(program, timeout=60)
        seconds = time.monotonic() - began
    amount = moved(box, name, disk) - before
    return Pace(amount, seconds) if amount >= times * unit // 2 else None


def elsewhere(box: Box, processors: set[int]) -> dict[int, set[int]]:
    """Pid on the host -> processors beyond these on which a thread of the box may run, for each that has any.

    Asked for before: every processor that sched_setaffinity(2) has a bit for, by a process of the box, which lives on.
    """
    group = group_on_host(box)
    found = {}
    for pid in group.pids() if group is not None else ():
        for thread in box.outside.path(f"/proc/{pid}/task").glob("*"):
            with suppress(OSError):  # it has ended
                allowed = listed(status_of(thread)["Cpus_allowed_list"])
                if allowed - processors:
                    found[pid] = allowed - processors
    return found
