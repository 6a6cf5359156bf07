"""What the box was handed, has open, may open, and learns of its machine; and who enters it."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex

from hand.host import here
from hand.tools import BUSYBOX, Said, inside, pid_of, short, status
from pytest_isolation import Box

USUAL = {"null", "zero", "full", "random", "urandom", "tty", "console", "ptmx"}
AGENTS = {"900", "901", "902"}
"""Where the agent, which is no part of what is measured, has its own channel."""
LEFT_OPEN = 40
"""A descriptor that whoever starts the box has not closed."""
MASKED = ("/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/latency_stats", "/proc/sched_debug", "/proc/acpi")


def only_stdio(box: Box) -> Said:
    if pid := pid_of(box):
        tool, told = "`ls /proc/PID/fd` on the host", here("ls", f"/proc/{pid}/fd")
    else:
        tool, told = "`ls /proc/1/fd`", inside(box, "ls", "/proc/1/fd")[1]
    numbers = [one for one in told.split() if one.isdigit() and one not in AGENTS]
    tool += f", less the agent's channel, where whoever starts the box has {LEFT_OPEN} open"
    return Said(set(numbers) <= {"0", "1", "2"}, tool, " ".join(numbers))


def no_secret(box: Box) -> Said:
    names = [line.partition("=")[0] for line in inside(box, "env")[1].splitlines()]
    odd = [name for name in names if re.search(r"pass|secret|token|key|credential", name, re.IGNORECASE)]
    return Said(not odd, "`env`: names of secrets", f"{' '.join(names[:6])}")


def _numbers(paths: str) -> set[str]:
    """The numbers of devices of the host, MAJOR:MINOR in hexadecimal."""
    found = (Path("/dev", name).stat().st_rdev for name in paths.split())
    return {f"{(number >> 8) & 0xFFF:x}:{number & 0xFF:x}" for number in found}


def node_not_given(box: Box) -> Said:
    listed = inside(box, "find", "/dev", "-type", "c", "-exec", BUSYBOX, "stat", "-c", "%n %t:%T", "{}", "+")[1]
    pairs = [line.split() for line in listed.splitlines() if line.startswith("/dev/")]
    usual = _numbers(" ".join(USUAL))
    odd = [path for path, number in pairs if number not in usual and not 136 <= int(number.split(":")[0], 16) <= 143]
    words = f"{len(pairs)} nodes, " + (f"{' '.join(sorted(odd)[:2])} and others" if odd else "none besides")
    return Said(not odd, "`find /dev -type c -exec stat`: none but the usual", words)


def disk_unreadable(box: Box) -> Said:
    """A disk of the machine: its first sector is read into /dev/null."""
    found = next((line.split()[0] for line in here("lsblk", "-n", "-d", "-o", "MAJ:MIN,SIZE").splitlines()), None)
    disks = [p for p in Path("/dev").iterdir() if stat.S_ISBLK(p.stat().st_mode)]
    if found is None or not disks:
        return Said(None, "`lsblk`", "no disk")
    told = []
    for place in ("/tmp", "/dev/shm", "/dev", ""):  # one may be mounted nodev, and the next not
        path = f"{place}/by-hand-{token_hex(3)}"
        inside(box, "mknod", path, "b", *found.split(":"))
        told.append(inside(box, "dd", f"if={path}", "of=/dev/null", "bs=512", "count=1")[1].replace(path, "NODE"))
        inside(box, "rm", "-f", path)
    read = [one for one in told if "1+0 records in" in one]
    tool = "`mknod NODE b MAJOR MINOR` of a disk in `lsblk`; `dd if=NODE of=/dev/null count=1`"
    return Said(not read, tool, short((read or told)[0]))


def masked(box: Box) -> Said:
    told = {path: inside(box, "head", "-c", "1", path) for path in MASKED if Path(path).exists()}
    shown = [path for path, (code, text) in told.items() if code == 0 and text]
    return Said(not shown, "`head -c 1` of /proc/kcore, keys, timer_list …", short(" ".join(shown) or "no byte"))


def settings_unwritable(box: Box) -> Said:
    """Opened for appending, and nothing written."""
    script = f"for one in $({BUSYBOX} find /proc/sys/kernel -type f); do (: >> $one) 2>/dev/null && echo $one; done"
    opened = inside(box, "sh", "-c", script)[1].split()
    words = f"{len(opened)} open" + (f", such as {opened[0]}" if opened else "")
    return Said(not opened, "`: >> FILE` of each in `find /proc/sys/kernel`", words)


def boot_id(box: Box) -> Said:
    path = "/proc/sys/kernel/random/boot_id"
    hidden = inside(box, "cat", path)[1].strip() != here("cat", path).strip()
    return Said(hidden, f"`cat {path}`, inside and on the host", "another" if hidden else "the same")


def same_filter(box: Box) -> Said:
    return _entered(box, "Seccomp")


def same_capabilities(box: Box) -> Said:
    return _entered(box, "CapEff")


def _entered(box: Box, field: str) -> Said:
    """By the engine's own command."""
    engine = box.spec.technology
    if engine not in ("docker", "podman") or box.parts.name is None:
        return Said(None, "`docker exec`, `podman exec`", "no such command")
    first, _ = status(box, field)
    told = here(engine, "exec", box.parts.name, BUSYBOX, "cat", "/proc/self/status")
    found = re.search(rf"^{field}:\s*(\S+)", told, re.MULTILINE)
    assert found is not None, told
    words = f"{found[1]}; {first} of the first process"
    return Said(found[1] == first, f"`{field}` of `docker exec BOX cat /proc/self/status`", words)


ROWS: dict[str, Callable[[Box], Said]] = {
    "fd.only-stdio": only_stdio,
    "env.secret-not-given": no_secret,
    "dev.node-not-given": node_not_given,
    "dev.block-unreadable": disk_unreadable,
    "proc.masked-unreadable": masked,
    "proc.kernel-unwritable": settings_unwritable,
    "leak.boot-id": boot_id,
    "exec.same-filter": same_filter,
    "exec.same-caps": same_capabilities,
}
