"""Objects of the kernel that the host has and a box may come to: IPC, keys, locks, devices, mounts, file handles."""
