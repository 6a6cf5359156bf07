"""What turns each feature off, alone: data, and how each kind of switch is thrown.

A control is thrown in a VM where nothing else changes, so the feature that was seen to work just before is off because
of that, and its cause must say so.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from pytest_isolation.agent import numbers
from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.agent.constants import CLONE
from pytest_isolation.agent.memory import In
from pytest_isolation.agent.shortcuts import read, write
from pytest_isolation.support.explain import As
from pytest_isolation.support.kernel import Kernel
from pytest_isolation.support.trial import MS_REC_PRIVATE, ROOM, need
from pytest_isolation.technologies import capabilities

Kind = Literal[
    "module",  # it is left out
    "boot",  # a word of the command line
    "without",  # a word of the command line that is not there: with it, it works
    "built",  # an option of the kernel's configuration that is n
    "sysctl",  # KEY=VALUE, written in the VM
    "call",  # answered ENOSYS by a filter; "mount/3=0" or "mount/3&1": where argument 3 is 0, or has that bit
    "capability",  # dropped
    "hide",  # a tmpfs lies over the directory, in a mount namespace
    "read-only",  # the directory, in a mount namespace
    "unmount",  # in a mount namespace
    "limit",  # RESOURCE=VALUE, of setrlimit(2)
    "cover",  # an empty file lies over it, on this machine
]


@dataclass(frozen=True, slots=True)
class Control:
    feature: str
    kind: Kind
    switch: str
    as_: As = "root"
    on: str = ""
    """A sysctl, KEY=VALUE, with which it works, where it is off by itself."""
    says: str = ""
    """What the cause must name; empty: what its kind names."""

    @property
    def status(self) -> str:
        return {"module": "missing-module", "capability": "refused", "built": "not-built"}.get(self.kind, "off")

    @property
    def named(self) -> tuple[str, ...]:
        """Words of the cause."""
        if self.says:
            return (self.says,)
        match self.kind:
            case "module":
                return (self.switch.replace("|", " or "), "neither loaded nor in")
            case "boot":
                return (f"boot parameter {self.switch.partition('=')[0]}", self.switch.partition("=")[2])
            case "sysctl":
                return (self.switch.partition("=")[0], self.switch.partition("=")[2])
            case "call":
                return (f"{self.switch.partition('/')[0]}(", "ENOSYS", "a system call filter (seccomp) answers for it")
            case "capability":
                return (f"refused to root without CAP_{self.switch}",)
            case "read-only":
                return ("EROFS", "mounted read-only here")
            case "limit":
                return (f"hard limit is {self.switch.partition('=')[2]}",)
            case "unmount":
                return ("no control groups are mounted",)
            case _:
                return (self.switch,)


def _table(kind: Kind, text: str) -> list[Control]:
    """Lines "FEATURE SWITCH [user] [on KEY=VALUE] [says WORDS]"."""
    found = []
    for line in text.strip().splitlines():
        head, _, says = line.partition(" says ")
        head, _, on = head.partition(" on ")
        feature, switch, *as_ = head.split()
        found.append(Control(feature, kind, switch, "user" if as_ else "root", on.strip(), says.strip()))
    return found


CONTROLS = (
    *_table(
        "sysctl",
        """
        ns.mnt user.max_mnt_namespaces=0
        ns.pid user.max_pid_namespaces=0
        ns.net user.max_net_namespaces=0
        ns.ipc user.max_ipc_namespaces=0
        ns.uts user.max_uts_namespaces=0
        ns.cgroup user.max_cgroup_namespaces=0
        ns.time user.max_time_namespaces=0
        ns.user user.max_user_namespaces=0
        ns.user user.max_user_namespaces=0 user
        ns.user kernel.unprivileged_userns_clone=0 user
        ns.user-mapped user.max_user_namespaces=0
        ns.user-usable user.max_mnt_namespaces=0
        ns.user-nested user.max_user_namespaces=1 says user.max_*_namespaces
        ns.user-net user.max_net_namespaces=0
        ns.proc-mount user.max_pid_namespaces=0
        sec.yama kernel.yama.ptrace_scope=0 on kernel.yama.ptrace_scope=1
        sec.keyring-quota kernel.keys.root_maxkeys=20
        fs.protected-links fs.protected_symlinks=0
        call.io-uring kernel.io_uring_disabled=2
        call.io-uring kernel.io_uring_disabled=1 user on kernel.io_uring_disabled=0
        call.userfaultfd vm.unprivileged_userfaultfd=0 user on vm.unprivileged_userfaultfd=1
        call.bpf kernel.unprivileged_bpf_disabled=2 user on kernel.unprivileged_bpf_disabled=0
        call.bpf-jit net.core.bpf_jit_enable=0
        call.perf kernel.perf_event_paranoid=3 user on kernel.perf_event_paranoid=2
        call.perf-kernel kernel.perf_event_paranoid=2 user on kernel.perf_event_paranoid=1
        virt.hugepages vm.nr_hugepages=0 on vm.nr_hugepages=8 says no huge page is reserved
        limit.pid-max kernel.pid_max=400
        limit.threads-max kernel.threads-max=2000
        limit.user-namespaces user.max_user_namespaces=50
        limit.net-namespaces user.max_net_namespaces=50
        limit.inotify-instances fs.inotify.max_user_instances=50
        limit.inotify-watches fs.inotify.max_user_watches=50
        limit.files fs.file-max=5000
        limit.mounts fs.mount-max=500
        limit.ptys kernel.pty.max=50
        limit.map-count vm.max_map_count=5000
        limit.aio fs.aio-max-nr=50
        limit.somaxconn net.core.somaxconn=50
        limit.shm kernel.shmmax=5000
        limit.overcommit vm.overcommit_memory=2 says it is 2
        """,
    ),
    *_table(
        "call",
        """
        ns.setns setns
        ns.setns-pidfd pidfd_open
        cg.devices bpf
        cg.bpf bpf
        cg.delegation fchownat
        sec.seccomp seccomp
        sec.seccomp-kill seccomp
        sec.seccomp-log seccomp says the actions are none
        sec.seccomp-notify seccomp
        sec.no-new-privs prctl/0=38
        sec.ambient prctl/0=47
        sec.keyring add_key
        sec.ptrace ptrace
        sec.syscall-dispatch prctl/0=59
        fs.tmpfs mount/3=0
        fs.tmpfs-xattr lsetxattr
        fs.bind-readonly mount/3&0x1000
        fs.pivot-root pivot_root
        fs.propagation mount/3&0x100000
        fs.new-mount-api fsopen
        fs.mount-setattr mount_setattr
        fs.idmap open_tree
        fs.ext4 mount/3&1
        fs.virtiofs mount/3&1
        fs.devpts mount/3=0
        fs.mqueue mq_open
        fs.handles name_to_handle_at
        fs.statmount listmount
        net.packet socket/0=17
        net.abstract-unix socket/0=1
        call.clone3 clone3
        call.close-range close_range
        call.openat2 openat2
        call.pidfd pidfd_send_signal
        call.pidfd-getfd pidfd_getfd
        call.memfd-seal memfd_create
        call.execveat execveat
        call.io-uring io_uring_setup
        call.userfaultfd userfaultfd
        call.bpf bpf
        call.perf perf_event_open
        call.perf-kernel perf_event_open
        call.kcmp kcmp
        call.soft-dirty pread64
        call.sysvipc shmget
        call.epoll epoll_create1
        call.fanotify fanotify_init
        call.membarrier membarrier
        virt.ksm madvise
        """,
    ),
    *_table(
        "capability",
        """
        fs.chroot SYS_CHROOT
        sec.capabilities SETPCAP
        sec.file-capabilities SETFCAP
        call.module-load SYS_MODULE
        call.kexec SYS_BOOT
        """,
    ),
    *_table("unmount", "\n".join(f"{one} /sys/fs/cgroup" for one in ("cg.group", "cg.freezer", "cg.kill"))),
    *_table("hide", "fs.fuse /dev\nnet.tun /dev\ncall.map-files /proc says there is no /proc/self/map_files"),
    *_table(
        "read-only",
        """
        net.forward /proc/sys
        net.low-ports /proc/sys
        net.ping-groups /proc/sys
        call.checkpoint-restore /proc/sys
        """,
    ),
    *_table("limit", "limit.nofile 7=512\nlimit.nproc 6=100"),
    *_table(
        "boot",
        """
        cg.memory cgroup_disable=memory
        cg.swap cgroup_disable=memory
        cg.memory-peak cgroup_disable=memory
        cg.memory-v1 cgroup_disable=memory
        cg.pids cgroup_disable=pids
        cg.cpu cgroup_disable=cpu
        cg.cpu-weight cgroup_disable=cpu
        cg.cpuset cgroup_disable=cpuset
        cg.io cgroup_disable=io
        cg.hugetlb cgroup_disable=hugetlb
        cg.perf-event cgroup_disable=perf_event
        cg.net-cls cgroup_disable=net_cls
        cg.net-prio cgroup_disable=net_prio
        cg.rdma cgroup_disable=rdma
        cg.misc cgroup_disable=misc
        cg.psi psi=0
        cg.v1 cgroup_no_v1=all
        sec.apparmor apparmor=0
        sec.file-capabilities no_file_caps says boot parameter no_file_caps
        sec.landlock lsm=lockdown,yama
        sec.memory-secret secretmem.enable=0
        sec.ptrace sysctl.kernel.yama.ptrace_scope=3 says sysctl kernel.yama.ptrace_scope = 3
        net.ipv6 ipv6.disable=1
        call.kcore lockdown=confidentiality says lockdown = confidentiality
        call.kexec lockdown=confidentiality says lockdown = confidentiality
        call.module-load nomodule
        call.compat-32bit ia32_emulation=0
        """,
    ),
    *_table(
        "without",
        """
        sec.lockdown lockdown=confidentiality says no level is in force
        sec.selinux selinux=1 says selinux is not among the active security modules
        virt.iommu intel_iommu=on says there are no IOMMU groups
        """,
    ),
    *_table("built", "cg.cpu-realtime RT_GROUP_SCHED\nsec.core-scheduling SCHED_CORE"),
    *_table("without", "fs.quota-project prjquota says counts nothing by project"),
    *_table(
        "cover",
        """
        ns.uid-helpers newuidmap says is neither setuid root nor has file capabilities
        ns.subuid /etc/subuid says /etc/subuid has no range of 65536 ids
        """,
    ),
    Control("cg.v2", "unmount", "/sys/fs/cgroup", says="mount("),
)


@contextmanager
def thrown(kernel: Kernel, control: Control) -> Iterator[Kernel]:
    """`kernel` as a process sees it for which the switch is off; then it is as before."""
    with ExitStack() as undo:
        proc = kernel.root
        if control.kind == "sysctl":
            undo.enter_context(sysctl(kernel, control.switch))
        else:
            proc = undo.enter_context(kernel.root.spawn())
            throw(proc, control)
        yield replace(kernel, root=proc, _read={})


def throw(proc: Proc, control: Control) -> None:
    switch = control.switch
    match control.kind:
        case "call":
            refuse(proc, switch)
        case "capability":
            header = struct.pack("<Ii", 0x20080522, 0)
            program = Program()
            room = program.place(In(bytes(24)))
            program.call("capget", In(header), room)
            step = program.peek(room, 24)
            sets = list(struct.unpack("<6I", proc.run(program)[step].data))
            number = capabilities.NAMES.index(switch)
            for at in range(3):
                sets[number // 32 * 3 + at] &= ~(1 << number % 32)
            need(proc.call("capset", In(header), In(struct.pack("<6I", *sets))))
        case "hide" | "read-only" | "unmount":
            need(proc.unshare(CLONE.NEWNS))
            need(proc.mount(None, "/", None, MS_REC_PRIVATE))
            if control.kind == "hide":
                need(proc.mount("none", switch, "tmpfs"))
            elif control.kind == "read-only":
                need(proc.mount(switch, switch, None, 0x1000))
                need(proc.mount(None, switch, None, 0x1000 | 0x20 | 0x1))
            else:
                need(proc.umount2(switch, 2))
                if control.feature == "cg.v2":
                    refuse(proc, "mount/3=0")  # else the trial mounts its own
        case "limit":
            resource, _, value = switch.partition("=")
            need(proc.call("prlimit64", 0, int(resource), In(struct.pack("<2Q", int(value), int(value))), 0))
        case "cover":
            need(proc.unshare(CLONE.NEWNS))
            need(proc.mount(None, "/", None, MS_REC_PRIVATE))
            need(proc.mount("none", ROOM, "tmpfs"))
            need(write(proc, f"{ROOM}/empty", b"\n", os.O_CREAT | os.O_WRONLY))
            need(proc.mount(f"{ROOM}/empty", switch, None, 0x1000))


def refuse(proc: Proc, switch: str) -> None:
    """A filter that answers ENOSYS to a call, or to those with one argument."""
    call, _, condition = switch.partition("/")
    ours = []
    if condition:
        op = "=" if "=" in condition else "&"
        at, _, value = condition.partition(op)
        jump = {"=": 0x15, "&": 0x45}[op]  # jeq, jset
        ours = [(0x20, 0, 0, 16 + 8 * int(at)), (jump, 0, 1, int(value, 0))]
    lines = [(0x20, 0, 0, 0), (0x15, 0, 1 + len(ours), numbers.number(call, proc.agent.machine)), *ours]
    lines += [(0x06, 0, 0, 0x50000 | errno.ENOSYS), (0x06, 0, 0, 0x7FFF0000)]
    need(proc.prctl(38, 1))
    program = Program()
    header = program.place(In(struct.pack("<HxxxxxxQ", len(lines), 0)))
    program.store(header, program.place(In(b"".join(struct.pack("<HBBI", *line) for line in lines))), offset=8)
    step = program.seccomp(1, 0, header)
    need(proc.run(program)[step])


@contextmanager
def sysctl(kernel: Kernel, switch: str) -> Iterator[None]:
    """KEY=VALUE, for a while."""
    key, _, value = switch.partition("=")
    path = f"/proc/sys/{key.replace('.', '/')}"
    before = need(read(kernel.root, path)).data
    need(write(kernel.root, path, value.encode()))
    kernel._read.clear()
    try:
        yield
    finally:
        need(write(kernel.root, path, before))
        kernel._read.clear()
