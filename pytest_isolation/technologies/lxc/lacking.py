"""What cannot be had, in lines of lxc.container.conf(5)."""

from __future__ import annotations

from pytest_isolation.technologies.lacking import Words

MAJOR, RATE = 511, 1 << 20
"""Of a disk's number: the last that the kernel gives out; and bytes a second."""

WORDS: Words[list[str]] = {
    "filter": lambda one: [f"lxc.seccomp.profile = /{one.name}"],
    "apparmor": lambda one: [f"lxc.apparmor.profile = {one.name}"],
    "selinux": lambda one: [f"lxc.selinux.context = system_u:system_r:{one.name}_t:s0"],
    "device": lambda one: [f"lxc.mount.entry = /dev/{one.name} dev/{one.name} none bind,create=file 0 0"],
    "rlimit": lambda one: [f"lxc.prlimit.nofile = {one.number}"],
    "processors": lambda one: [f"lxc.cgroup.cpuset.cpus = {one.number}", f"lxc.cgroup2.cpuset.cpus = {one.number}"],
    "disk": lambda one: [f"lxc.cgroup.blkio.throttle.read_bps_device = {MAJOR}:{one.number} {RATE}",
                         f"lxc.cgroup2.io.max = {MAJOR}:{one.number} rbps={RATE}"],
    "network": lambda one: ["lxc.net.1.type = veth", f"lxc.net.1.link = {one.name}"],
    "namespace": lambda one: [f"lxc.namespace.share.ipc = {one.name}"],
    "sysctl": lambda one: [f"lxc.sysctl.net.{one.name} = 1"],
    "capability": lambda one: [f"lxc.cap.drop = {one.name}"],
    "hook": lambda one: [f"lxc.hook.pre-start = /{one.name}"],
}  # fmt: skip
"""Layer -> lines."""
