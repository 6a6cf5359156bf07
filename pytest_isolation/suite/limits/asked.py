"""What is asked for: each limit in the ways that somebody may write it."""

from __future__ import annotations

from collections.abc import Mapping

ASKED: Mapping[str, tuple[str, ...]] = {
    "memory": (
        "0", "-1", "33554432", "33554432b", "32768k", "32m", "32M", "32mb", "32MB", "32MiB", "32.5m", "0.03125g",
        "33554433", "33558527", "4194304", "1t",
    ),
    "memory-swap": ("0", "-1", "33554432", "67108864", "64m", "67108865", "16777216"),
    "memory-swap-alone": ("67108864", "-1"),
    "memory-reservation": ("0", "-1", "16777216", "16m", "16777217"),
    "memory-swappiness": ("0", "-1", "10", "100", "101", "200", "201"),
    "oom-kill-disable": ("true", "false"),
    "oom-score-adj": ("0", "-1", "321", "1000", "-1000", "1001"),
    "pids": ("0", "-1", "-2", "64", "64k", "4194305"),
    "cpus": ("0", "-1", "0.5", ".5", "1", "1.25", "0.001", "0.01", "0.015625", "64"),
    "cpu-quota": ("0", "-1", "-2", "50000", "25001", "1000", "999"),
    "cpu-period": ("0", "-1", "100000", "50000", "1000", "999", "1000001"),
    "cpu-quota-of-period": ("25000/50000", "-1/50000", "0/50000"),
    "cpu-shares": ("0", "1", "2", "-1", "512", "1024", "262144", "262145"),
    "cpuset-cpus": ("0", "0-1", "0,1", "1,0", "0-0", "0,0", "1-0", "0,", "", "0-", "1023", "0-1023"),
    "cpuset-mems": ("0", "1", "0-1", ""),
    "blkio-weight": ("0", "9", "10", "500", "1000", "1001"),
    "device-read-bps": ("0", "-1", "1048576", "1m", "1mb", "1MiB"),
    "shm-size": ("0", "-1", "16777216", "16m", "16M", "16mb", "16MiB", "16777217", "0.5g", "1%"),
    "nofile": ("1024", "1024:2048", "2048:1024", "0", "-1", "unlimited", "infinity", "1024:-1", "1048577", "1k"),
    "nproc": ("4096", "-1", "unlimited"),
    "core": ("0", "-1", "unlimited", "1m", "18446744073709551615"),
    "fsize": ("67108864", "64m", "-1", "18446744073709551615"),
    "memlock": ("65536", "65537", "64k", "-1"),
    "stack": ("8388608", "8m", "-1"),
}  # fmt: skip
"""Limit -> texts.

Memory: 33554432 is 32 MiB, one more is no whole page, 33558527 a byte less than the next; 4194304 is below the 6 MiB
that Docker wants.  Processors: a machine has 0, few have 1023.  A quota has at least 1000 microseconds, and a period
1000 to 1000000; a weight on disks is 10 to 1000, and one on processors 2 to 262144 (kernel Documentation/scheduler,
admin-guide/cgroup-v1).
"""
