"""Privileges, the filter, capabilities, users, the clock and keys: rows of who a process is and what it may ask."""

from __future__ import annotations

import re
from collections.abc import Callable
from secrets import token_hex

from hand.host import here
from hand.tools import BUSYBOX, Said, inside, keyctl, pid_of, short, status
from pytest_isolation import Box


def no_new_privileges(box: Box) -> Said:
    value, tool = status(box, "NoNewPrivs")
    return Said(None if value == "none" else value == "1", tool, value)


def filtered(box: Box) -> Said:
    value, tool = status(box, "Seccomp")
    return Said(None if value == "none" else value == "2", tool, value)


def _has(box: Box, name: str) -> tuple[bool | None, str]:
    """Whether the first process has a capability, by capsh(1) on the host; and the words for it."""
    if pid_of(box) is None:
        return None, ""
    value, _ = status(box, "CapEff")
    held = name in here("capsh", f"--decode={value}")
    return held, f"; {name} {'in' if held else 'not in'} {value}"


def chroot_denied(box: Box) -> Said:
    code, told = inside(box, "chroot", "/", BUSYBOX, "true")
    held, words = _has(box, "cap_sys_chroot")
    assert held in (None, code == 0), (held, told)
    tool = "`chroot / true`" + "; `capsh --decode` of CapEff" * (held is not None)
    return Said(code != 0, tool, f"exit status {code}{words}")


def mknod_denied(box: Box) -> Said:
    path, places = f"/by-hand-{token_hex(3)}", ("/tmp", "/dev/shm", "")
    told = {place: inside(box, "mknod", f"{place}{path}", "c", "1", "3") for place in places}
    for place in places:
        inside(box, "rm", "-f", f"{place}{path}")
    words = short(told["/tmp"][1].replace(path, "/NAME")) if told["/tmp"][0] else "made"
    return Said(all(code for code, _ in told.values()), "`mknod NAME c 1 3` in /tmp, /dev/shm and /", words)


def clock_denied(box: Box) -> Said:
    """The rate of ticks is set to what it is: this changes nothing, and takes the right to set the clock."""
    now = re.search(r"\.?tick:\s+(\d+)", inside(box, "adjtimex")[1])
    tick = now[1] if now else "10000"
    code, told = inside(box, "adjtimex", "-t", tick)
    held, words = _has(box, "cap_sys_time")
    tool = "`adjtimex -t TICK` of its own tick" + "; `capsh --decode` of CapEff" * (held is not None)
    return Said(code != 0, tool, (short(told, 40) if code else "done") + words)


def not_host_root(box: Box) -> Said:
    """Whose number root in the box has outside, as the host says."""
    if (pid := pid_of(box)) is None:
        return Said(None, "`cat /proc/self/uid_map`", short(inside(box, "cat", "/proc/self/uid_map")[1]))
    map_of = here("cat", f"/proc/{pid}/uid_map").split()
    user = here("ps", "-o", "uid=", "-p", pid).strip()
    return Said(user != "0", "`ps -o uid= -p PID` on the host; `/proc/PID/uid_map`", f"{user}; {' '.join(map_of[:3])}")


def namespace_denied(box: Box) -> Said:
    code, told = inside(box, "unshare", "-U", BUSYBOX, "readlink", "/proc/self/ns/user")
    mine = inside(box, "readlink", "/proc/self/ns/user")[1]
    made = code == 0 and told.strip() != mine.strip()
    return Said(not made, "`unshare -U readlink /proc/self/ns/user`", "another namespace" if made else short(told))


def key_unreadable(box: Box) -> Said:
    token = f"by-hand-{token_hex(4)}"
    number = here("keyctl", "add", "user", token, f"secret-{token}", "@u").strip()
    try:
        here("keyctl", "setperm", number, "0x3f3f3f3f")
        assert token in here("keyctl", "print", number)
        _, told = keyctl(box, "print", number)
        read = f"secret-{token}" in told
        words = "its secret" if read else short(told.replace(number, "NUMBER"))
        return Said(not read, "`keyctl print NUMBER` of a key by `keyctl add` on the host", words)
    finally:
        here("keyctl", "unlink", number, "@u")


def keys_hidden(box: Box) -> Said:
    token = f"by-hand-{token_hex(4)}"
    number = here("keyctl", "add", "user", token, "nothing", "@u").strip()
    try:
        here("keyctl", "setperm", number, "0x3f3f3f3f")
        assert token in here("cat", "/proc/keys")
        told = inside(box, "cat", "/proc/keys")[1]
        words = f"{len(told.splitlines())} lines, " + (
            "that key among them" if token in told else "that key not among them"
        )
        return Said(token not in told, "`cat /proc/keys`, of a key by `keyctl add` on the host", words)
    finally:
        here("keyctl", "unlink", number, "@u")


def add_key_refused(box: Box) -> Said:
    code, told = keyctl(box, "add", "user", f"by-hand-{token_hex(4)}", "nothing", "@p")
    return Said(code != 0, "`keyctl add user NAME nothing @p`", short(told) if code else "the number of a key")


ROWS: dict[str, Callable[[Box], Said]] = {
    "nnp.set": no_new_privileges,
    "sec.filter-in-force": filtered,
    "sec.add-key-refused": add_key_refused,
    "cap.sys-chroot-denied": chroot_denied,
    "cap.mknod-denied": mknod_denied,
    "user.root-not-host-root": not_host_root,
    "user.namespace-denied": namespace_denied,
    "time.settime-denied": clock_denied,
    "key.host-key-unreadable": key_unreadable,
    "key.proc-keys-hidden": keys_hidden,
}
