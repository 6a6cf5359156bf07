"""Names, processes, mounts, networks and objects of System V: rows that namespaces decide."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from secrets import token_hex

from hand.host import came, here, lives, segment, sleeping
from hand.tools import BUSYBOX, Said, inside, pid_of, short, traced
from pytest_isolation import Box


def host_name_unchangeable(box: Box) -> Said:
    before = here("hostname")
    try:
        _, told = inside(box, "hostname", f"by-hand-{token_hex(3)}")
        kept = here("hostname") == before
        words = f"{short(told)}; the host's is {'as before' if kept else 'another'}"
        return Said(kept, "`hostname NAME`; `hostname` on the host", words)
    finally:
        if here("hostname") != before:
            here("hostname", before.strip())


def host_name_hidden(box: Box) -> Said:
    told = inside(box, "hostname")[1]
    hidden = told != here("hostname")
    return Said(hidden, "`hostname`, inside and on the host", short(told) if hidden else "the host's")


def processes_hidden(box: Box) -> Said:
    name = f"by-hand-{token_hex(4)}"
    with sleeping(name):
        its = inside(box, "ps")[1]
        assert name in here("ps", "-ef") and BUSYBOX in its, its
        words = f"{len(its.splitlines()) - 1} processes, the host's sleep {'not ' * (name not in its)}among them"
        return Said(name not in its, "`ps`; `ps -ef` on the host as the receipt", words)


def signals_refused(box: Box) -> Said:
    printed: list[str] = []

    def signalled(number: str) -> None:
        printed.append(inside(box, "kill", "-USR1", number)[1].replace(number, "PID"))

    alive = lives(signalled)
    words = f"{short(printed[0])}; it {'lives' if alive else 'ended'}"
    return Said(alive, "`kill -USR1 PID` of a sleep(1) of the host", words)


def mounts_denied(box: Box) -> Said:
    name, tool = f"by-hand-{token_hex(3)}", "`mount -t tmpfs NAME /mnt`; /proc/mounts"
    with traced(box, "mount") as log:
        _, told = inside(box, "mount", "-t", "tmpfs", name, "/mnt")
    made = name in inside(box, "cat", "/proc/mounts")[1]
    if made:
        inside(box, "umount", "/mnt")
    told = told.replace(name, "NAME")
    if calls := [line for line in log if name in line]:
        assert any(line.endswith("= 0") for line in calls) is made, calls
        tool, told = tool + "; `strace -f -p PID`", f"mount(...) = {calls[-1].rpartition('= ')[2]}"
    return Said(not made, tool, short(told))


def tmp_private(box: Box) -> Said:
    with tempfile.NamedTemporaryFile(dir="/tmp", prefix="by-hand-") as one:
        code, told = inside(box, "ls", one.name)
        return Said(code != 0, "`ls /tmp/NAME` of a file of the host", short(told.replace(one.name, "/tmp/NAME")))


def _addresses(text: str) -> set[str]:
    return set(re.findall(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", text.lower())) - {"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"}


def interfaces_hidden(box: Box) -> Said:
    its, tool = inside(box, "ifconfig", "-a")[1], "`ifconfig -a`: hardware addresses of the host's `ip link`"
    if pid := pid_of(box):
        its, tool = its + here("nsenter", "-t", pid, "-n", "ip", "link"), f"{tool}; `nsenter -n ip link`"
    theirs = _addresses(its) & _addresses(here("ip", "link"))
    return Said(not theirs, tool, f"{len(theirs)} of the host's" if theirs else "none of the host's")


def loopback_unreachable(box: Box) -> Said:
    reached = came(lambda port: inside(box, "timeout", "5", BUSYBOX, "nc", "-w", "2", "127.0.0.1", port))
    return Said(not reached, "`nc 127.0.0.1 PORT` of a listener of the host", "it came" if reached else "nobody came")


def shared_memory_isolated(box: Box) -> Said:
    with segment() as listed:
        shown = listed(inside(box, "cat", "/proc/sysvipc/shm")[1])  # Debian's busybox has no ipcs
    tool, told = "`cat /proc/sysvipc/shm`, of a segment by `ipcmk`", "listed" if shown else "not listed"
    if pid := pid_of(box):
        own = here("lsns", "-n", "-t", "ipc", "-o", "NS", "-p", pid).split()
        the_hosts = own == here("lsns", "-n", "-t", "ipc", "-o", "NS", "-p", "self").split()
        assert the_hosts is shown, own
        tool += "; `lsns -t ipc -p PID`"
        told += f"; in {'the' if the_hosts else 'another'} namespace {'of' if the_hosts else 'than'} the host"
    return Said(not shown, tool, told)


ROWS: dict[str, Callable[[Box], Said]] = {
    "uts.host-name-unchangeable": host_name_unchangeable,
    "uts.host-name-hidden": host_name_hidden,
    "pid.host-processes-hidden": processes_hidden,
    "pid.signal-out-refused": signals_refused,
    "mnt.mount-denied": mounts_denied,
    "mnt.tmp-private": tmp_private,
    "net.host-interfaces-hidden": interfaces_hidden,
    "net.host-loopback-unreachable": loopback_unreachable,
    "ipc.sysv-shm-isolated": shared_memory_isolated,
}
