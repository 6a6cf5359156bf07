"""What a program sees of where it is: of the plainest box, and of one with limits."""

from __future__ import annotations

import os
import re
import signal
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.shortcuts import listing, read
from pytest_isolation.boxes.mount_table import parse
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import BoxError, IsolationError, Undecided
from pytest_isolation.outside.behaviour.devices import wrong
from pytest_isolation.outside.transfer.carried import environment
from pytest_isolation.suite.behaviour.layers import file_system

if TYPE_CHECKING:
    from pytest_isolation.outside.box import Box

RLIMIT_NOFILE = 7
MEMORY, PROCESSORS = 64 * MIB, 1.0
"""Of the box with limits."""
GRND_NONBLOCK = 1
LANGUAGE = ("LANG", "LANGUAGE", "LC_ALL")
STATUS, KILLED = 42, 128 + signal.SIGKILL
NONE, UNSEEN = "none", "cannot be seen"


def _variables(box: Box) -> str:
    return " ".join(sorted(name for name, _ in environment(box) if name not in LANGUAGE and name != "TZ")) or NONE


def _value(*names: str) -> Callable[[Box], str]:
    def seen(box: Box) -> str:
        return " ".join(f"{name}={value}" for name, value in environment(box) if name in names) or NONE

    return seen


def _user(box: Box) -> str:
    groups = box.proc.getgroups()
    return f"{box.proc.getuid().value}:{box.proc.getgid().value}, {groups.value} further groups"


def _directory(box: Box) -> str:
    return os.fsdecode(box.proc.getcwd().data.rstrip(b"\0"))


def _umask(box: Box) -> str:
    before = box.proc.umask(0o022).value
    box.proc.umask(before)
    return f"{before:04o}"


def _files(box: Box) -> str:
    return ":".join(map(str, struct.unpack("<2Q", box.proc.prlimit64(0, RLIMIT_NOFILE).data)))


def _signals(which: str) -> Callable[[Box], str]:
    def seen(box: Box) -> str:
        found = re.search(rf"^{which}:\s+([0-9a-f]+)$".encode(), _status(box), re.M)
        if found is None:
            return UNSEEN
        mask = int(found[1], 16)
        return " ".join(signal.Signals(bit + 1).name for bit in range(31) if mask >> bit & 1) or NONE

    return seen


def _status(box: Box) -> bytes:
    return read(box.proc, "/proc/self/status").data


def _zone(box: Box) -> str:
    reply = box.proc.readlinkat(AT_FDCWD, "/etc/localtime")
    return os.fsdecode(reply.data) if reply.ok else NONE


def processors(box: Box) -> str:
    """By sched_getaffinity(2), /proc/cpuinfo and /sys, which programs count by."""
    told = sum(byte.bit_count() for byte in box.proc.sched_getaffinity(0).data)
    listed = len(re.findall(rb"^processor\s*:", read(box.proc, "/proc/cpuinfo").data, re.M))
    online = read(box.proc, "/sys/devices/system/cpu/online").data.decode().strip()
    return f"{told}, {listed or UNSEEN}, {online or UNSEEN}"


def memory(box: Box) -> str:
    """MiB by sysinfo(2) and by /proc/meminfo."""
    told = box.proc.sysinfo().data
    total = struct.unpack_from("<Q", told, 32)[0] * struct.unpack_from("<I", told, 104)[0] // MIB
    found = re.search(rb"^MemTotal: +(\d+) kB", read(box.proc, "/proc/meminfo").data, re.M)
    return f"{total}, {int(found[1]) // 1024 if found else UNSEEN}"


def _entropy(box: Box) -> str:
    first, then = (box.proc.getrandom(32, GRND_NONBLOCK) for _ in range(2))
    return "at once" if len(first.data) == len(then.data) == 32 and first.data != then.data else str(first)


def _devices(box: Box) -> str:
    """Their names; those that differ in a number are one."""
    return " ".join(sorted({re.sub("[0-9]+", "N", name) for name in listing(box.proc, "/dev")})) or NONE


def _usual_devices(box: Box) -> str:
    found = wrong(box.proc, 64)
    return "; ".join(f"{name}: {said}" for name, said in found.items()) or "as they should be"


def _proc(box: Box) -> str:
    """The options of the last mount at /proc, man:proc_pid_mountinfo(5)."""
    table = parse(read(box.proc, "/proc/self/mountinfo").data.decode(errors="replace"))
    found = [mount.flags for mount in table if (mount.point, mount.fstype) == ("/proc", "proc")]
    return found[-1] if found else NONE


def _pid(box: Box) -> str:
    return "1" if box.proc.getpid().value == 1 else "another"


def _kernel(box: Box) -> str:
    """uname(2): release is the third of six fields of 65 bytes."""
    release = box.proc.uname().data[130:195].rstrip(b"\0").decode()
    return "the machine's" if box.parts.shares_kernel else f"its own, {release.split('-')[0]}"


SEEN: Mapping[str, Callable[[Box], str]] = {
    "kernel": _kernel,
    "file system of /": file_system,
    "variables": _variables,
    "language": _value(*LANGUAGE),
    "TZ": _value("TZ"),
    "/etc/localtime": _zone,
    "user and group": _user,
    "working directory": _directory,
    "umask": _umask,
    "open files, soft:hard": _files,
    "signals ignored": _signals("SigIgn"),
    "signals blocked": _signals("SigBlk"),
    "number of the first process": _pid,
    "processors: affinity, /proc/cpuinfo, /sys": processors,
    "memory, MiB: sysinfo, /proc/meminfo": memory,
    "random bytes": _entropy,
    "usual devices": _usual_devices,
    "/dev": _devices,
    "/proc, mounted": _proc,
}
"""Of a box that was asked for nothing."""
LIMITED: Mapping[str, Callable[[Box], str]] = {
    "processors, limited to 1": processors,
    "memory, limited to 64 MiB": memory,
}


def seen(box: Box) -> dict[str, str]:
    """Row -> what a program in the box sees; or why it could not be asked."""
    found = {row: _asked(look, box) for row, look in SEEN.items()}
    try:
        with box.fresh(memory=MEMORY, cpus=PROCESSORS) as limited:
            found |= {row: _asked(look, limited) for row, look in LIMITED.items()}
    except (IsolationError, OSError):
        found |= dict.fromkeys(LIMITED, "no such limits")
    found["SIGTERM to itself, no handler"] = _term(box)
    found["exits with 42: told"], found["killed: told"] = _told(box, STATUS), _told(box, KILLED)
    return found


def _asked(look: Callable[[Box], str], box: Box) -> str:
    try:
        return look(box)
    except (BoxError, Undecided, struct.error, ValueError):
        return UNSEEN


def _term(box: Box) -> str:
    """Of the first process; of number 1 the kernel keeps what has no handler: pid_namespaces(7)."""
    try:
        with box.fresh() as other:
            with suppress(BoxError):
                other.init.kill(other.init.getpid().value, signal.SIGTERM)
            return "goes on" if other.alive else "ends"
    except (IsolationError, OSError):
        return UNSEEN


def _told(box: Box, status: int) -> str:
    """What whoever started it is told of the end of its first process."""
    try:
        with box.fresh(stop_signal="SIGTERM") as other:
            if (tell := other.parts.life.status) is None:
                return "no way to tell"
            with suppress(BoxError):
                if status == STATUS:
                    other.init.exit_group(STATUS)
                elif other.parts.init_pid is None:
                    return "cannot be killed from outside"
                else:
                    other.outside.kill(other.parts.init_pid, signal.SIGKILL)
            return str(tell())
    except (IsolationError, OSError):
        return UNSEEN
