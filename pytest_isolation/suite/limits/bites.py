"""Whether a limit that the kernel has bites: tried where it is small, and hurts nobody."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping

from pytest_isolation.boxes.process_limits import ProcessLimit
from pytest_isolation.boxes.procfs import stat_of
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import AgentLost
from pytest_isolation.outside.box import Box
from pytest_isolation.outside.limits import process_limits
from pytest_isolation.outside.limits.asked import MOST
from pytest_isolation.outside.limits.exercised import burn_against, crowd, group_of, memory_to_be_had, times_throttled

FEW = {"nofile": 4096, "fsize": 128 * MIB}
ONE = 1.0
"""Processor: a quota up to it is pressed against by one process."""


def _memory(box: Box, kernel: str) -> str:
    limit = int(kernel) if kernel.isdigit() else 0
    if not 16 * MIB <= limit <= MOST["memory"]:
        return ""
    filled = memory_to_be_had(box, limit + 8 * MIB)
    return f"{'yes' if filled <= limit else 'no'}: {filled // MIB} MiB were filled"


def _pids(box: Box, kernel: str) -> str:
    limit = int(kernel) if kernel.isdigit() else 0
    if not 8 <= limit <= MOST["pids"]:
        return ""
    with crowd(box, limit + 8) as number:
        return f"{'yes' if number < limit else 'no'}: {number} processes were made"


def _quota(box: Box, kernel: str) -> str:
    found = re.fullmatch(r"([0-9]+) of ([0-9]+)", kernel)
    share = int(found[1]) / int(found[2]) if found else 0.0
    if not 0.1 <= share <= ONE or (found and int(found[2]) > 100_000):
        return ""  # less, or in long periods, takes longer than anybody waits
    group = group_of(box)
    before = times_throttled(group)
    charged, allowed, window = burn_against(box, share, 2)
    if charged <= allowed and times_throttled(group) == before:
        return ""  # a busy machine had less to give: nothing pressed against the quota
    return f"{'yes' if charged <= allowed else 'no'}: {charged / window:.1f} processors were had"


def _process(name: str) -> Callable[[Box, str], str]:
    def tried(box: Box, kernel: str) -> str:
        soft, _, hard = kernel.partition(":")
        if not soft.isdigit() or not 64 <= int(soft) <= FEW[name]:
            return ""
        limit = ProcessLimit(name, int(soft), int(hard) if hard.isdigit() else (1 << 64) - 1)
        return "".join(f"{'yes' if one.kept else 'no'}: {one.beyond}" for one in process_limits.bites(box, (limit,)))

    return tried


TRIED: Mapping[str, Callable[[Box, str], str]] = {
    "memory": _memory,
    "pids": _pids,
    "cpus": _quota,
    "cpu-quota": _quota,
    "cpu-quota-of-period": _quota,
    "nofile": _process("nofile"),
    "fsize": _process("fsize"),
}
"""Limit -> a trial, given what the kernel has: `yes` or `no`, and what came of it; empty where it was not tried, or the
limit was not reached."""
ENDING_S = 2.0
"""A channel is closed before the process whose it was is gone."""


def bites(box: Box, limit: str, kernel: str) -> str:
    """As TRIED; a box that ended whole says so.  Raises BoxError where it stands, and answers no longer."""
    try:
        return TRIED[limit](box, kernel) if limit in TRIED else ""
    except AgentLost:
        if not _first_has_ended(box):
            raise
        return "yes: the first process was ended"


def _first_has_ended(box: Box) -> bool:
    """Whether the first process has, by its machine's /proc, or its kernel; it may be waited for still."""
    pid = box.parts.init_pid or box.parts.kernel_pid
    if pid is None:
        return False
    process = box.parts.host.path(f"/proc/{pid}")
    deadline = time.monotonic() + ENDING_S
    while time.monotonic() < deadline:
        try:
            if stat_of(process)[0] in "ZX":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False
