"""What narrows a process: system call filters, capabilities, security modules, keys."""

from __future__ import annotations

import errno
import os
import struct

from pytest_isolation.agent import numbers, shortcuts
from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.agent.constants import AT_FDCWD, CLONE, PR
from pytest_isolation.agent.memory import In, OutBuffer, Step
from pytest_isolation.errors import BoxError
from pytest_isolation.support import programs
from pytest_isolation.support.feature import feature, parameter, sysctl
from pytest_isolation.support.trial import NOBODY, Absent, Trial, check, need

SECBIT_NOROOT = 1
VFS_CAP_EFFECTIVE_2, CAP_SYS_CHROOT = 0x02000001, 18  # linux/capability.h
ALLOW, ERRNO, KILL_THREAD, TRAP, LOG, NOTIFY = 0x7FFF0000, 0x00050000, 0, 0x00030000, 0x7FFC0000, 0x7FC00000


def install(proc: Proc, call: int, action: int, flags: int = 0) -> int:
    """seccomp(2): a filter that answers `action` to system call number `call`; raises Refused."""
    filter_ = b"".join(
        struct.pack("<HBBI", *line)
        for line in ((0x20, 0, 0, 0), (0x15, 0, 1, call), (0x06, 0, 0, action), (0x06, 0, 0, ALLOW))
    )
    need(proc.prctl(PR.SET_NO_NEW_PRIVS, 1))
    program = Program()
    header = program.place(In(struct.pack("<HxxxxxxQ", 4, 0)))
    program.store(header, program.place(In(filter_)), offset=8)
    step: Step = program.seccomp(1, flags, header)
    return need(proc.run(program)[step]).value


def number(t: Trial, name: str) -> int:
    """Of a system call on the kernel's architecture."""
    return numbers.number(name, t.proc.agent.machine)


@feature("sec.seccomp", "a filter on the system calls of a box", config="SECCOMP SECCOMP_FILTER", since="3.17")
def seccomp_filter(t: Trial) -> None:
    """a filter that answers EXDEV to getppid, and getppid"""
    install(t.proc, number(t, "getppid"), ERRNO | errno.EXDEV)
    check(t.proc.getppid().errno == errno.EXDEV, "getppid was not filtered")


@feature("sec.seccomp-kill", "a filter that ends what breaks its rules", config="SECCOMP_FILTER", since="4.14")
def seccomp_kill(t: Trial) -> None:
    """a filter that kills the process at getppid, and getppid"""
    with t.child() as child:
        install(child, number(t, "getppid"), 0x80000000)
        try:
            child.getppid()
        except BoxError:
            return
        check(False, "the process lives")


@feature("sec.seccomp-log", "filtered calls in the audit log", config="SECCOMP_FILTER", since="4.14")
def seccomp_log(t: Trial) -> str:
    """ask seccomp(2) for its actions, one by one"""
    known = {
        "kill_process": 0x80000000,
        "kill_thread": 0,
        "trap": TRAP,
        "errno": ERRNO,
        "user_notif": NOTIFY,
        "trace": 0x7FF00000,
        "log": LOG,
        "allow": ALLOW,
    }
    found = [name for name, value in known.items() if t.proc.seccomp(2, 0, In(struct.pack("<I", value))).ok]
    if "log" not in found:
        raise Absent(f"the actions are {', '.join(found) or 'none'}")
    return ", ".join(found)


@feature("sec.seccomp-notify", "a supervisor that answers system calls of a box", config="SECCOMP_FILTER", since="5.0")
def seccomp_notify(t: Trial) -> None:
    """a filter with a listener: getppid in a child is answered 77 by its parent"""
    with t.child(0x400) as child:  # CLONE_FILES: the listener is the parent's too
        listener = install(child, number(t, "getppid"), NOTIFY, 8)
        ask = Program()
        step = ask.getppid()
        asked = child.start(ask)
        program = Program()
        room = program.place(In(bytes(80)))
        received = program.ioctl(listener, 0xC0502100, room)  # SECCOMP_IOCTL_NOTIF_RECV
        cookie = program.peek(room, 8)
        replies = t.proc.run(program)
        need(replies[received])
        answer = replies[cookie].data + struct.pack("<qiI", 77, 0, 0)
        need(t.proc.ioctl(listener, 0xC0182101, In(answer)))  # SECCOMP_IOCTL_NOTIF_SEND
        value = asked.result()[step].value
        check(value == 77, f"getppid answered {value}")


@feature("sec.no-new-privs", "a process that exec can never make more powerful", since="3.5")
def no_new_privileges(t: Trial) -> None:
    """prctl(PR_SET_NO_NEW_PRIVS), and read it back"""
    need(t.proc.prctl(PR.SET_NO_NEW_PRIVS, 1))
    check(need(t.proc.prctl(39)).value == 1, "it did not stay")


@feature("sec.capabilities", "root's power in pieces", config="MULTIUSER")
def capabilities(t: Trial) -> str:
    """root of a user namespace, or of this kernel, drops CAP_SYS_CHROOT from its bounding set"""
    if t.as_ == "user":
        t.own(CLONE.NEWUSER)
    need(t.proc.prctl(24, 18))  # PR_CAPBSET_DROP
    check(need(t.proc.prctl(23, 18)).value == 0, "the capability is still in the set")
    return f"last: {t.read('/proc/sys/kernel/cap_last_cap')}"


@feature("sec.ambient", "capabilities for programs that are not root's", since="4.3")
def ambient(t: Trial) -> None:
    """prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET)"""
    need(t.proc.prctl(47, 1, 0))


@feature(
    "sec.file-capabilities",
    "programs with capabilities of their own",
    config="MULTIUSER",
    switches=(parameter("no_file_caps"),),
    user="setting file capabilities takes CAP_SETFCAP",
)
def file_capabilities(t: Trial) -> None:
    """a process without capabilities starts a program that calls chroot, and a copy with CAP_SYS_CHROOT on its file"""
    if "NoNewPrivs:\t1" in t.read("/proc/self/status"):
        raise Absent("no_new_privs is set here: no program gains a capability")
    room, program = t.room(), programs.calls_chroot(t.proc.agent.machine)
    for name in ("plain", "capable"):
        need(shortcuts.write(t.proc, f"{room}/{name}", program, os.O_CREAT | os.O_WRONLY))
        need(t.proc.fchmodat(AT_FDCWD, f"{room}/{name}", 0o755))
    capability = struct.pack("<5I", VFS_CAP_EFFECTIVE_2, 1 << CAP_SYS_CHROOT, 0, 0, 0)
    need(t.proc.lsetxattr(f"{room}/capable", "security.capability", capability))
    for name, expected in (("plain", errno.EPERM), ("capable", 0)):
        with t.child() as child:
            _give_up_capabilities(t, child)
            code = programs.exit_code(t, child, f"{room}/{name}")
        check(code == expected, f"chroot in the {name} program gave {errno.errorcode.get(code, code)}")


def _give_up_capabilities(t: Trial, child: Proc) -> None:
    """As a user who is not root; in a user's namespace there is no other id, but root's need not be special."""
    if t.as_ == "root":
        need(child.setresgid(NOBODY, NOBODY, NOBODY))
        need(child.setresuid(NOBODY, NOBODY, NOBODY))
        return
    need(child.prctl(PR.SET_SECUREBITS, SECBIT_NOROOT))
    need(child.call("capset", In(struct.pack("<Ii", 0x20080522, 0)), In(bytes(24))))


@feature(
    "sec.landlock",
    "a process that gives up access to files",
    config="SECURITY_LANDLOCK",
    since="5.13",
    remedy="add landlock to the boot parameter lsm=",
)
def landlock(t: Trial) -> str:
    """ask for the version, and deny oneself every directory"""
    asked = t.proc.landlock_create_ruleset(None, 1)
    if asked.errno == errno.EOPNOTSUPP:
        raise Absent(f"landlock is not among the active security modules ({_active(t)})")
    version = need(asked).value
    rules = need(t.proc.landlock_create_ruleset(struct.pack("<Q", 1 << 3))).value  # READ_DIR
    need(t.proc.prctl(PR.SET_NO_NEW_PRIVS, 1))
    need(t.proc.call("landlock_restrict_self", rules, 0))
    check(not t.proc.openat(AT_FDCWD, "/", 0o200000).ok, "/ can still be listed")
    return f"ABI {version}"


def _module(t: Trial, name: str, path: str) -> None:
    loaded = (t.kernel.text("/sys/kernel/security/lsm") or "").split(",")
    if name not in loaded and not t.exists(path):
        raise Absent(
            f"{name} is not among the active security modules ({_active(t)})", f"add {name} to the boot parameter lsm="
        )


def _active(t: Trial) -> str:
    """The security modules in force, and the boot parameter that chose them."""
    loaded = (t.kernel.text("/sys/kernel/security/lsm") or "none").replace(",", ", ")
    chosen = next((word for word in t.kernel.parameters if word.startswith(("lsm=", "security="))), None)
    return f"{loaded}; boot parameter {chosen}" if chosen else loaded


@feature(
    "sec.apparmor",
    "profiles for boxes: docker-default, lxc-container-default",
    config="SECURITY_APPARMOR",
    switches=(parameter("apparmor=0"),),
)
def apparmor(t: Trial) -> None:
    """AppArmor is active and answers for this process"""
    _module(t, "apparmor", "/sys/kernel/security/apparmor")
    check(t.read("/proc/self/attr/current"), "it says nothing of this process")


@feature(
    "sec.selinux",
    "labels for boxes",
    config="SECURITY_SELINUX",
    switches=(parameter("selinux=0", built="SECURITY_SELINUX_BOOTPARAM"),),
)
def selinux(t: Trial) -> str:
    """SELinux is active"""
    _module(t, "selinux", "/sys/fs/selinux/enforce")
    return "enforcing" if (t.kernel.text("/sys/fs/selinux/enforce") == "1") else "permissive"


@feature(
    "sec.yama",
    "tracing of strangers refused",
    config="SECURITY_YAMA",
    switches=(sysctl("kernel.yama.ptrace_scope", "0", to="1"),),
)
def yama(t: Trial) -> str:
    """kernel.yama.ptrace_scope is above 0"""
    if t.kernel.sysctl("kernel/yama/ptrace_scope") is None:
        raise Absent("there is no sysctl kernel.yama.ptrace_scope")
    scope = t.read("/proc/sys/kernel/yama/ptrace_scope")
    check(scope != "0", "it is 0: any process of a user may trace the others")
    return f"scope {scope}"


@feature(
    "sec.lockdown",
    "root kept out of the kernel's memory",
    config="SECURITY_LOCKDOWN_LSM",
    since="5.4",
    remedy="boot with lockdown=integrity",
)
def lockdown_module(t: Trial) -> str:
    """a level of lockdown is in force"""
    level = t.kernel.lockdown()
    if level == "none":
        raise Absent("no level is in force")
    return level


@feature(
    "sec.keyring",
    "a session keyring of its own for a box",
    config="KEYS",
    remedy="raise kernel.keys.maxkeys and kernel.keys.maxbytes",
)
def keyring(t: Trial) -> None:
    """join a new session keyring, add a key to it and read it"""
    need(t.proc.keyctl(1, None))
    key = need(t.proc.add_key("user", "pytest-isolation-support", b"secret", -3)).value
    program = Program()
    step = program.keyctl(11, key, OutBuffer(6), 6)
    check(need(t.proc.run(program)[step]).data == b"secret", "the key reads back otherwise")
    need(t.proc.keyctl(21, key))  # KEYCTL_INVALIDATE


@feature(
    "sec.keyring-quota",
    "keys enough for many boxes",
    config="KEYS",
    remedy="sysctl -w kernel.keys.maxkeys=2000 kernel.keys.root_maxkeys=1000000",
)
def keyring_quota(t: Trial) -> str:
    """read how many keys the user may have, and add a ring until 16 are there"""
    name = "root_maxkeys" if t.as_ == "root" else "maxkeys"
    most = int(t.read(f"/proc/sys/kernel/keys/{name}"))
    check(most >= 200, f"kernel.keys.{name} is {most}: too few for ten boxes")
    need(t.proc.keyctl(1, None))
    for index in range(16):
        key = need(t.proc.add_key("user", f"pytest-isolation-{index}", b"x", -3)).value
        need(t.proc.keyctl(21, key))
    return f"{name} {most}"


@feature(
    "sec.core-scheduling", "processors whose siblings run one box's threads only", config="SCHED_CORE", since="5.14"
)
def core_scheduling(t: Trial) -> None:
    """prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE)"""
    answer = t.proc.prctl(62, 1, 0, 0)
    if answer.errno == errno.ENODEV:
        raise Absent("the processor has no sibling threads to keep apart", "nothing: there is nothing to keep apart")
    need(answer)


@feature(
    "sec.ptrace",
    "debugging inside a box; gVisor's ptrace platform",
    switches=(sysctl("kernel.yama.ptrace_scope", "3", to="1 (only a reboot can)"),),
)
def ptrace(t: Trial) -> None:
    """PTRACE_SEIZE a child, which then has a tracer"""
    with t.child() as child:
        need(t.proc.call("ptrace", 0x4206, child.pid, 0, 0))
        tracer = t.read(f"/proc/{child.pid}/status").partition("TracerPid:")[2].split()[0]
        check(tracer != "0", "it has no tracer")


@feature(
    "sec.syscall-dispatch",
    "system calls caught inside a process: gVisor's systrap, wine",
    since="5.11",
    config="GENERIC_ENTRY",
)
def dispatch(t: Trial) -> None:
    """prctl(PR_SET_SYSCALL_USER_DISPATCH), off"""
    need(t.proc.prctl(59, 0, 0, 0, 0))


@feature(
    "sec.memory-secret",
    "memory not even the kernel maps",
    config="SECRETMEM",
    since="5.14",
    switches=(parameter("secretmem.enable=0"),),
    remedy="boot with secretmem.enable=1",
)
def memory_secret(t: Trial) -> None:
    """memfd_secret(2), closed again"""
    fd = t.proc.call("memfd_secret", 0)
    if fd.errno == errno.ENOSYS and t.kernel.version < (6, 5):
        raise Absent("before Linux 6.5 it is off unless secretmem.enable=1 is booted with")
    need(t.proc.close(need(fd).value))
