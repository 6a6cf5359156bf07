"""Constants of system calls, by the names of the kernel's headers: CLONE.NEWNS is CLONE_NEWNS.

What Python has itself is not here: os.O_*, signal.*, socket.*, resource.RLIMIT_*.  Source: include/uapi/linux.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

AT_FDCWD = -100
"""In place of a descriptor: the working directory (fcntl.h)."""


class AT(IntFlag):
    """Of calls that take a path below a descriptor (fcntl.h)."""

    SYMLINK_NOFOLLOW = 0x100
    REMOVEDIR = 0x200
    EMPTY_PATH = 0x1000
    RECURSIVE = 0x8000


class CLONE(IntFlag):
    """clone(2), unshare(2), setns(2) (sched.h)."""

    NEWTIME = 0x0000_0080
    NEWNS = 0x0002_0000
    NEWCGROUP = 0x0200_0000
    NEWUTS = 0x0400_0000
    NEWIPC = 0x0800_0000
    NEWUSER = 0x1000_0000
    NEWPID = 0x2000_0000
    NEWNET = 0x4000_0000


class MS(IntFlag):
    """mount(2) (mount.h)."""

    RDONLY = 1
    NOSUID = 2
    NODEV = 4
    NOEXEC = 8
    REMOUNT = 32
    BIND = 4096
    MOVE = 8192
    REC = 16384
    PRIVATE = 1 << 18
    SHARED = 1 << 20


class MNT(IntFlag):
    """umount2(2); of the C library's sys/mount.h."""

    DETACH = 2


class OPEN_TREE(IntFlag):  # as the header's
    """open_tree(2) (mount.h)."""

    CLONE = 1
    CLOEXEC = 0o2000000


LSMT_ROOT = 0xFFFFFFFFFFFFFFFF
"""listmount(2): below the root of the mount namespace."""


class MOVE_MOUNT(IntFlag):
    """move_mount(2) (mount.h)."""

    F_EMPTY_PATH = 4


class F(IntEnum):
    """fcntl(2): its commands, and the kinds of locks (fcntl.h: F_SETLK, F_RDLCK ...).  Equal numbers are one member."""

    RDLCK = 0
    WRLCK = 1
    SETFD = 2
    UNLCK = 2
    SETFL = 4
    SETLK = 6
    OFD_GETLK = 36
    OFD_SETLK = 37


class LOCK(IntFlag):
    """flock(2) (fcntl.h)."""

    SH = 1
    EX = 2
    NB = 4


class DT(IntEnum):
    """Types of an entry of a directory, getdents64(2); of the C library's dirent.h."""

    UNKNOWN = 0
    CHR = 2
    DIR = 4
    REG = 8
    LNK = 10


class PR(IntEnum):
    """prctl(2) (prctl.h)."""

    SET_PDEATHSIG = 1
    SET_DUMPABLE = 4
    SET_NAME = 15
    GET_NAME = 16
    CAPBSET_DROP = 24
    GET_SECUREBITS = 27
    SET_SECUREBITS = 28
    SET_TIMERSLACK = 29
    GET_TIMERSLACK = 30
    SET_CHILD_SUBREAPER = 36
    SET_NO_NEW_PRIVS = 38
    GET_NO_NEW_PRIVS = 39
    SET_THP_DISABLE = 41
    GET_THP_DISABLE = 42
    CAP_AMBIENT = 47


class PTRACE(IntEnum):
    """ptrace(2) (ptrace.h)."""

    PEEKDATA = 2
    POKEDATA = 5
    DETACH = 17
    SEIZE = 0x4206
    INTERRUPT = 0x4207
    SECCOMP_GET_FILTER = 0x420C
    SECCOMP_GET_METADATA = 0x420D


class PTRACE_O(IntFlag):
    """Options of PTRACE.SEIZE (ptrace.h)."""

    SUSPEND_SECCOMP = 1 << 21


class IPC(IntEnum):
    """Commands of shmctl(2), semctl(2) and msgctl(2) (ipc.h)."""

    RMID = 0
    STAT = 2
    INFO = 3


IPC_PRIVATE = 0
"""As the key of shmget(2), semget(2) and msgget(2): an object without one (ipc.h)."""


class IPC_GET(IntFlag):
    """Flags of shmget(2), semget(2) and msgget(2), and of the calls that use what those make (ipc.h: IPC_CREAT ...)."""

    CREAT = 0o1000
    EXCL = 0o2000
    NOWAIT = 0o4000


class KEYCTL(IntEnum):
    """keyctl(2) (keyctl.h)."""

    JOIN_SESSION_KEYRING = 1
    SETPERM = 5
    DESCRIBE = 6
    LINK = 8
    UNLINK = 9
    SEARCH = 10
    READ = 11


class W(IntFlag):
    """wait4(2) (wait.h: WNOHANG, __WALL)."""

    NOHANG = 1
    ALL = 0x4000_0000


class LOOP(IntEnum):
    """ioctl(2) of loop devices and of /dev/loop-control (loop.h)."""

    SET_FD = 0x4C00
    SET_STATUS64 = 0x4C04
    CONFIGURE = 0x4C0A
    CTL_REMOVE = 0x4C81
    CTL_GET_FREE = 0x4C82


class LO_FLAGS(IntFlag):
    """Of a loop device (loop.h)."""

    READ_ONLY = 1
    AUTOCLEAR = 4
