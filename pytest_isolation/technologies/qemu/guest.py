"""Making the guest a box: its root from the image, its mounts and limits, and the agent as the box's user.

All by system calls of the agent in the initramfs, which then becomes the box's first process.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Agent, Proc, Program
from pytest_isolation.agent.constants import AT_FDCWD, CLONE, MS
from pytest_isolation.agent.shortcuts import must, write
from pytest_isolation.boxes.image import Image, whole
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.unpack import unpack
from pytest_isolation.errors import AgentLost, BoxError, Unavailable
from pytest_isolation.technologies import launcher
from pytest_isolation.technologies.qemu import network
from pytest_isolation.technologies.qemu.holes import plan_of
from pytest_isolation.technologies.qemu.machine import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_isolation.technologies.qemu.machine import Machine
    from pytest_isolation.technologies.qemu.vm import Vm

NEW, GROUPS = "/box", "/groups"
"""Of the initramfs: the box's root to be, and the guest's control groups while limits are set."""


def too_slow(machine: Machine) -> Unavailable:
    """The error of a kernel whose agent speaks over a serial line only."""
    return Unavailable(
        f"a box of the kernel {machine.kernel.path} would be too slow to ask: {machine.kernel.why_no_channel(CHANNEL)}",
        "name a kernel with its modules beside it: qemu:kernel=PATH (Debian: linux-image-cloud-amd64)",
    )


def become_box(vm: Vm, spec: BoxSpec, mount_more: Callable[[Proc, str], None]) -> Agent:
    """Turn the initramfs of `vm` into a box of `spec`; returns the agent that is its first process.

    `mount_more`: mounts what else the box is to have below the root that it is given.  Raises BoxError with the call
    that the guest's kernel refused.
    """
    if vm.channel is None or vm.descriptor is None:
        raise too_slow(vm.machine)
    proc = vm.agent.proc
    _root(proc, spec)
    _limits(proc, spec)
    _mounts(proc, spec)
    mount_more(proc, NEW)
    must(proc.sethostname(spec.delivered.hostname), "hostname")
    launcher.loopback_up(proc)
    if spec.network == "user":
        network.configure(proc)
    must(proc.chdir(NEW), "the new root")
    must(proc.mount(".", "/", None, MS.MOVE), "the new root")
    must(proc.chroot("."), "the new root")
    must(proc.chdir("/"), "the new root")
    if spec.read_only and plan_of(spec).read_only:
        must(proc.mount(None, "/", None, MS.REMOUNT | MS.BIND | MS.RDONLY), "making the root read-only")
    return _become(vm, spec, vm.descriptor)


def _root(proc: Proc, spec: BoxSpec) -> None:
    must(proc.mount("root", NEW, "tmpfs", 0, "mode=755"), "the root's tmpfs")
    image = spec.image if isinstance(spec.image, Image) else None
    unpack(whole(image).carried(spec.weakenings), proc, os.fsencode(NEW))


def _limits(proc: Proc, spec: BoxSpec) -> None:
    """In the guest's own control group: what root in the guest could undo, the machine's memory bounds."""
    limits = launcher.limits_of(spec)
    must(proc.mkdirat(AT_FDCWD, GROUPS, 0o755), "control groups")
    must(proc.mount("cgroup2", GROUPS, "cgroup2"), "control groups")
    must(proc.mkdirat(AT_FDCWD, f"{GROUPS}/box", 0o755), "the box's control group")
    for controller, value in (("memory", limits.memory), ("pids", limits.pids)):
        if value is not None:
            doing = f"a limit of {value} on {controller}"
            must(write(proc, f"{GROUPS}/cgroup.subtree_control", f"+{controller}".encode()), doing)
            must(write(proc, f"{GROUPS}/box/{controller}.max", str(value).encode()), doing)
    must(write(proc, f"{GROUPS}/box/cgroup.procs", b"0"), "joining the box's control group")
    must(proc.unshare(CLONE.NEWCGROUP), "a control group namespace")
    must(proc.umount2(GROUPS, 2), "control groups")


def _mounts(proc: Proc, spec: BoxSpec) -> None:
    usual = MS.NOSUID | MS.NODEV | MS.NOEXEC

    def mount(kind: str, target: str, flags: int, data: str | None = None) -> None:
        must(proc.mount(kind, f"{NEW}{target}", kind, flags, data), f"mounting {target}")

    mount("proc", "/proc", usual)
    mount("sysfs", "/sys", usual)
    mount("cgroup2", "/sys/fs/cgroup", usual)
    must(
        proc.mount(None, f"{NEW}/sys/fs/cgroup", None, MS.REMOUNT | MS.BIND | MS.RDONLY | usual),
        "control groups read-only",
    )
    mount("devtmpfs", "/dev", MS.NOSUID)
    for name in ("pts", "shm", "mqueue"):
        proc.mkdirat(AT_FDCWD, f"{NEW}/dev/{name}", 0o755)
    for link, target in launcher.DEV_LINKS.items():
        proc.symlinkat(target, AT_FDCWD, f"{NEW}/dev/{link}")
    if not plan_of(spec).fresh_random:
        # A copy's state is not enough: so young a kernel draws a new seed within seconds, perhaps before a reading.
        program = Program()
        for name in launcher.RANDOM:
            program.unlinkat(AT_FDCWD, f"{NEW}/dev/{name}")
        launcher.same_random(program, f"{NEW}/dev")
        proc.run(program)
    mount("devpts", "/dev/pts", MS.NOSUID | MS.NOEXEC, "ptmxmode=0666,mode=620")
    mount("tmpfs", "/dev/shm", MS.NOSUID | MS.NODEV | MS.NOEXEC, "mode=1777")
    if spec.read_only:
        for path in ("/tmp", "/run"):
            mount("tmpfs", path, MS.NOSUID | MS.NODEV, "mode=1777")


def _become(vm: Vm, spec: BoxSpec, port: int) -> Agent:
    """Execute the agent again in the box's root, on the same port: with the box's environment and as its user."""
    assert vm.channel is not None
    proc, wanted = vm.agent.proc, spec.delivered
    must(proc.chdir(wanted.workdir), f"workdir={wanted.workdir}")
    must(proc.setgroups([]), "dropping groups")
    # One program: after it nobody here answers but the new agent.
    program = Program(stop_on_error=True)
    if wanted.gid:
        program.setresgid(wanted.gid, wanted.gid, wanted.gid)
    if wanted.uid:
        program.setresuid(wanted.uid, wanted.uid, wanted.uid)
    program.dup3(port, 0)
    program.dup3(port, 1)
    program.close_range(2, 0xFFFF_FFFF, launcher.CLOSE_RANGE_CLOEXEC)
    program.execve("/agent", ["/agent"], launcher.environment(spec))
    proc.start(program)
    try:
        agent = Agent(vm.channel)
        vm.speaks(agent)
        return agent
    except AgentLost as error:
        # Instead of a hello, the answer that says which call was refused.
        raise BoxError(f"the guest did not start the agent as uid {wanted.uid}, gid {wanted.gid}: {error}") from None
