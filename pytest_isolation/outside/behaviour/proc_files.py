"""The files of /proc that programs read: what they say, beside what system calls say of the same."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program, Reply
from pytest_isolation.agent.constants import AT_FDCWD, PR
from pytest_isolation.agent.shortcuts import listing, must, read
from pytest_isolation.outside.behaviour.play import outcome, shown

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc

CLOCK_BOOTTIME = 7
TOLD_APART_S = 2.0
"""Between two readings of one clock."""
TOLD_APART_MIB = 1
UNLIMITED = (1 << 64) - 1
AT_PAGESZ, AT_RANDOM = 6, 25
"""getauxval(3)."""
PAGES = (4096, 16384, 65536)
LIMITS = {
    "Max stack size": 3, "Max core file size": 4, "Max open files": 7, "Max locked memory": 8, "Max address space": 9,
}  # fmt: skip
"""Lines of /proc/self/limits, and the numbers of the resources: getrlimit(2)."""
UUID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n")


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the process has set of itself before it reads."""

    name: str
    """1 to 15 letters, PR_SET_NAME."""
    offset: int
    """Of an open file: lseek(2)."""


class _Missing(Exception):
    """A file that is not read: its message is the errno's name."""


def _text(proc: Proc, path: str) -> str:
    return os.fsdecode(_bytes(proc, path))


def _bytes(proc: Proc, path: str) -> bytes:
    return _got(read(proc, path)).data


def _link(proc: Proc, path: str) -> str:
    return os.fsdecode(_got(proc.readlinkat(AT_FDCWD, path)).data)


def _got(reply: Reply) -> Reply:
    if not reply.ok:
        raise _Missing(outcome(reply, str))
    return reply


def _line(proc: Proc, path: str, name: str) -> str:
    """What is behind `name:` in a file of lines."""
    found = re.search(rf"^{re.escape(name)}:\t?(.*)$", _text(proc, path), re.M)
    return found[1] if found else f"no line {name}"


def _same(found: object, expected: object) -> str:
    return "" if found == expected else f"{found!r:.100}, expected {expected!r:.100}"


def _ids(reply: Reply) -> list[int]:
    return [struct.unpack("<I", one)[0] for one in reply.outs]


# -- of the process --------------------------------------------------------------------


def _self(proc: Proc, drawn: Drawn) -> str:
    return _same(_link(proc, "/proc/self"), str(proc.getpid().value))


def _exe(proc: Proc, drawn: Drawn) -> str:
    _link(proc, "/proc/self/exe")
    return _same(_bytes(proc, "/proc/self/exe")[:4], b"\x7fELF")


def _comm(proc: Proc, drawn: Drawn) -> str:
    return _same(_text(proc, "/proc/self/comm"), f"{drawn.name}\n")


def _cmdline(proc: Proc, drawn: Drawn) -> str:
    found = _bytes(proc, "/proc/self/cmdline")
    return "" if len(found) > 1 and found.endswith(b"\0") else f"{shown(found)}, expected words that each end with 0"


def _cwd(proc: Proc, drawn: Drawn) -> str:
    return _same(_link(proc, "/proc/self/cwd"), os.fsdecode(proc.getcwd().data.rstrip(b"\0")))


def _status(proc: Proc, drawn: Drawn) -> str:
    """Of the user and the group the first three of four: /proc has that for files as well, and no call tells it."""
    said = {name: _line(proc, "/proc/self/status", name) for name in ("Name", "Pid", "PPid", "Uid", "Gid")}
    found = {name: " ".join(text.split()[:3]) if name in ("Uid", "Gid") else text for name, text in said.items()}
    expected = {
        "Name": drawn.name,
        "Pid": str(proc.getpid().value),
        "PPid": str(proc.getppid().value),
        "Uid": " ".join(map(str, _ids(proc.getresuid()))),
        "Gid": " ".join(map(str, _ids(proc.getresgid()))),
    }
    return "; ".join(f"{name}: {_same(found[name], one)}" for name, one in expected.items() if found[name] != one)


def _stat(proc: Proc, drawn: Drawn) -> str:
    text = _text(proc, "/proc/self/stat")
    found = [text.partition("(")[0].strip(), text.partition("(")[2].rpartition(")")[0]]
    found += text.rpartition(")")[2].split()[1:4]
    numbers = (proc.getppid().value, proc.getpgid().value, proc.getsid().value)
    return _same(found, [str(proc.getpid().value), drawn.name, *map(str, numbers)])


def _limits(proc: Proc, drawn: Drawn) -> str:
    text = _text(proc, "/proc/self/limits")
    wrong = []
    for name, number in LIMITS.items():
        line = re.search(rf"^{name} +(\S+) +(\S+)", text, re.M)
        kept = struct.unpack("<2Q", proc.prlimit64(0, number).data)
        wanted = ["unlimited" if one == UNLIMITED else str(one) for one in kept]
        if said := _same(list(line.groups()) if line else "no line", wanted):
            wrong.append(f"{name}: {said}")
    return "; ".join(wrong)


def _descriptors(proc: Proc, drawn: Drawn) -> str:
    fd = _got(proc.openat(AT_FDCWD, "/proc/self/exe", os.O_RDONLY | os.O_CLOEXEC)).value
    try:
        _got(proc.lseek(fd, drawn.offset, os.SEEK_SET))
        if str(fd) not in listing(proc, "/proc/self/fd"):
            return f"{fd} is open and not listed"
        return _same(_link(proc, f"/proc/self/fd/{fd}"), _link(proc, "/proc/self/exe")) or _same(
            _line(proc, f"/proc/self/fdinfo/{fd}", "pos"), str(drawn.offset)
        )
    finally:
        proc.close(fd)


def _maps(proc: Proc, drawn: Drawn) -> str:
    places = [range(*(int(one, 16) for one in line.split()[0].split("-"))) for line in _lines(proc, "/proc/self/maps")]
    program = Program()
    address = program.mmap(0, 4096, 3, 0x22)  # PROT_READ | PROT_WRITE; MAP_PRIVATE | MAP_ANONYMOUS
    made = must(proc.run(program)[address], "memory").value
    after = [range(*(int(one, 16) for one in line.split()[0].split("-"))) for line in _lines(proc, "/proc/self/maps")]
    proc.munmap(made, 4096)
    if any(made in place for place in places):
        return f"{made:#x} was listed before it was there"
    return "" if any(made in place for place in after) else f"{made:#x} is mapped and not listed"


def _lines(proc: Proc, path: str) -> list[str]:
    return _text(proc, path).splitlines()


def _auxiliary(proc: Proc, drawn: Drawn) -> str:
    """AT_RANDOM is where 16 random bytes are, which a C library makes its canaries of."""
    found = dict(struct.iter_unpack("<2Q", _bytes(proc, "/proc/self/auxv")[: 16 * 40]))
    if found.get(AT_PAGESZ) not in PAGES:
        return f"AT_PAGESZ is {found.get(AT_PAGESZ)}, expected one of {PAGES}"
    return "" if found.get(AT_RANDOM) else "no AT_RANDOM"


# -- of the machine, or what stands for one ------------------------------------------------


def _processors(proc: Proc, drawn: Drawn) -> str:
    """nproc(1) and the like count by one, or by the other."""
    may = sum(byte.bit_count() for byte in _got(proc.sched_getaffinity(0)).data)
    listed = len(re.findall(r"^processor\s*:", _text(proc, "/proc/cpuinfo"), re.M))
    return "" if listed >= may else f"{listed}, and the process may run on {may}"


def _counted(proc: Proc, drawn: Drawn) -> str:
    may = sum(byte.bit_count() for byte in _got(proc.sched_getaffinity(0)).data)
    listed = len(re.findall(r"^cpu\d+ ", _text(proc, "/proc/stat"), re.M))
    return "" if listed >= may else f"{listed}, and the process may run on {may}"


def _memory(proc: Proc, drawn: Drawn) -> str:
    told = _got(proc.sysinfo()).data
    total = struct.unpack_from("<Q", told, 32)[0] * struct.unpack_from("<I", told, 104)[0] >> 20
    found = _line(proc, "/proc/meminfo", "MemTotal").strip().removesuffix(" kB")
    near = found.isdigit() and abs((int(found) >> 10) - total) <= TOLD_APART_MIB
    return "" if near else f"{found} kB, and {total} MiB by sysinfo(2)"


def _uptime(proc: Proc, drawn: Drawn) -> str:
    seconds, nanoseconds = struct.unpack("<2q", _got(proc.clock_gettime(CLOCK_BOOTTIME)).data[:16])
    found = float(_text(proc, "/proc/uptime").split()[0])
    near = abs(found - seconds - nanoseconds / 1e9) < TOLD_APART_S
    return "" if near else f"{found:.0f} s, and {seconds} s by clock_gettime(2)"


def _named(path: str, field: int) -> Callable[[Proc, Drawn], str]:
    """A field of uname(2), 65 bytes each."""

    def look(proc: Proc, drawn: Drawn) -> str:
        found = _got(proc.uname()).data[65 * field : 65 * (field + 1)].partition(b"\0")[0]
        return _same(_bytes(proc, path).rstrip(b"\n"), found)

    return look


def _uuid(proc: Proc, drawn: Drawn) -> str:
    first, then = (_bytes(proc, "/proc/sys/kernel/random/uuid") for _ in range(2))
    return "" if first != then and UUID.fullmatch(first) and UUID.fullmatch(then) else f"{first!r}, then {then!r}"


def _boot_id(proc: Proc, drawn: Drawn) -> str:
    first, then = (_bytes(proc, "/proc/sys/kernel/random/boot_id") for _ in range(2))
    return "" if first == then and UUID.fullmatch(first) else f"{first!r}, then {then!r}"


def _file_systems(proc: Proc, drawn: Drawn) -> str:
    return "" if any(line.split()[-1:] == ["proc"] for line in _lines(proc, "/proc/filesystems")) else "no proc"


def _mounts(proc: Proc, drawn: Drawn) -> str:
    return "" if any(line.split()[1:2] == ["/"] for line in _lines(proc, "/proc/mounts")) else "nothing at /"


FILES: Mapping[str, Callable[[Proc, Drawn], str]] = {
    "self": _self,
    "self/exe": _exe,
    "self/comm": _comm,
    "self/cmdline": _cmdline,
    "self/cwd": _cwd,
    "self/status": _status,
    "self/stat": _stat,
    "self/limits": _limits,
    "self/fd": _descriptors,
    "self/maps": _maps,
    "self/auxv": _auxiliary,
    "cpuinfo": _processors,
    "stat": _counted,
    "meminfo": _memory,
    "uptime": _uptime,
    "filesystems": _file_systems,
    "mounts": _mounts,
    "sys/kernel/ostype": _named("/proc/sys/kernel/ostype", 0),
    "sys/kernel/hostname": _named("/proc/sys/kernel/hostname", 1),
    "sys/kernel/osrelease": _named("/proc/sys/kernel/osrelease", 2),
    "sys/kernel/random/uuid": _uuid,
    "sys/kernel/random/boot_id": _boot_id,
}
"""Below /proc: what is wrong with each, in words; empty where nothing is."""


def wrong(proc: Proc, drawn: Drawn) -> Mapping[str, str]:
    """What says otherwise than the calls do, or is not there: path -> words."""
    must(proc.prctl(PR.SET_NAME, drawn.name), "a name of its own")
    found = {}
    for name, look in FILES.items():
        try:
            said = look(proc, drawn)
        except _Missing as error:
            said = str(error)
        except (ValueError, IndexError, struct.error) as error:
            said = f"is not as it should be: {error}"
        if said:
            found[f"/proc/{name}"] = said
    return found
