"""The kinds of namespace: namespaces(7)."""

CLONE = {
    "mnt": 0x0002_0000,
    "cgroup": 0x0200_0000,
    "uts": 0x0400_0000,
    "ipc": 0x0800_0000,
    "user": 0x1000_0000,
    "pid": 0x2000_0000,
    "net": 0x4000_0000,
    "time": 0x0000_0080,
}
"""The flag of each, for clone(2), unshare(2) and setns(2)."""
