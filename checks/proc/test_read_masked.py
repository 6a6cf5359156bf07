"""What the kernel shows of the whole machine is masked in the box."""

import errno
import os

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, weaken
from pytest_isolation.agent.shortcuts import listing, read

promise = guarantee(
    "proc.masked-unreadable",
    claim="the files of /proc and /sys that tell of the whole machine give nothing inside",
    sources=("oci:runtime-spec config-linux masked-paths", "moby:oci/defaults.go (defaultMaskedPaths)"),
    falsified_by=weaken.drop("masks"),
    oracle="receipt",
    kind="per-window",
    distinct="what may not be written and what may not be read are two lists",
)
FILES = ("/proc/keys", "/proc/timer_list", "/proc/latency_stats", "/proc/sched_debug", "/proc/kcore")
DIRECTORIES = ("/proc/acpi", "/proc/scsi", "/proc/asound", "/sys/firmware")
"""Those that every container engine masks: moby's defaults are the shortest list."""

JOIN_SESSION_KEYRING = 1
"""keyctl(2)."""


@promise
@given(count=st.integers(1, 4096))
def test_masked_paths_give_nothing(box: Box, count: int) -> None:
    if not box.parts.shares_kernel:
        raise Unsupported("the box has a kernel of its own, and what that shows is not this machine's")
    known = read(box.proc, "/proc/version", count)
    if known.errno == errno.ENOENT:
        raise Unsupported("the box has no /proc")
    promise.receipt(bool(known.data), known)
    with box.outside.process() as holder:
        # /proc/keys shows a user's own keys alone: who has none would be shown none, mask or not.
        holder.proc.keyctl(JOIN_SESSION_KEYRING, 0)
        for path in FILES:
            if holder.proc.faccessat(-100, path, os.R_OK).ok:
                seen = read(box.proc, path, count)
                promise.require(not seen.data, seen)
    for path in DIRECTORIES:
        if listing(box.outside.proc, path):
            names = listing(box.proc, path)
            promise.require(not names, f"{path} has {', '.join(names[:5])}")
