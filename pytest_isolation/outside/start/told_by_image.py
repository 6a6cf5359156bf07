"""Files of an image that tell a program where it is: its time zone, names of other machines, and who knows more."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program, Reply
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.boxes.image import Entry, Image
from pytest_isolation.outside.behaviour.play import outcome, shown
from pytest_isolation.outside.together import once

if TYPE_CHECKING:
    from pytest_isolation.outside.box import Box

ZONES = "/usr/share/zoneinfo"
LOCALTIME, TIMEZONE, HOSTS, RESOLVER = "/etc/localtime", "/etc/timezone", "/etc/hosts", "/etc/resolv.conf"
MOST = 65536


@dataclass(frozen=True, slots=True)
class Told:
    """What the image says; engines that give a box its machine's zone look for that among the image's (nspawn)."""

    zone: str
    """AREA/NAME, of letters."""
    hours: int
    """West of Greenwich, -12 to 12, without a summer time."""
    linked: bool
    """Whether /etc/localtime is a link to the zone's file, as Debian makes it; else it is a copy."""
    names: tuple[tuple[str, str], ...]
    """Address and name of other machines."""
    servers: tuple[str, ...]
    """Addresses of name servers."""

    @property
    def rules(self) -> bytes:
        """The file of the zone."""
        return _zone("XXX", self.hours)

    def image(self) -> Image:
        """Its files; no text ends with a line end, so that what is put behind it changes its last word."""
        area, _, _ = self.zone.partition("/")
        directories = ["usr", "usr/share", ZONES[1:], f"{ZONES[1:]}/Etc", f"{ZONES[1:]}/{area}"]
        entries = [Entry(path=path.encode(), kind="dir", mode=0o755) for path in directories]
        files = {
            f"{ZONES}/Etc/UTC": _zone("UTC", 0),
            f"{ZONES}/{self.zone}": self.rules,
            TIMEZONE: self.zone.encode(),
            HOSTS: "\n".join(f"{address} {name}" for address, name in self.names).encode(),
            RESOLVER: "\n".join(f"nameserver {address}" for address in self.servers).encode(),
        }
        if self.linked:
            entries.append(Entry(path=LOCALTIME[1:].encode(), kind="symlink", data=f"{ZONES}/{self.zone}".encode()))
        else:
            files[LOCALTIME] = self.rules
        made = (Entry(path=path[1:].encode(), kind="file", data=data) for path, data in files.items())
        return Image((*entries, *made))


def _zone(name: str, hours: int) -> bytes:
    """A zone that is `hours` west of Greenwich: tzfile(5), version 2, which has all of it twice."""
    head = b"TZif2" + bytes(15) + struct.pack(">6I", 0, 0, 0, 0, 1, len(name) + 1)
    body = struct.pack(">iBB", -hours * 3600, 0, 0) + name.encode() + b"\0"
    return (head + body) * 2 + f"\n<{name}>{hours}\n".encode()


@dataclass(frozen=True, slots=True)
class Seen:
    """The same files, as a process of the box finds them."""

    link: Reply
    """readlink(2) of /etc/localtime."""
    files: Mapping[str, Reply]


def seen(box: Box, told: Told) -> Seen:
    """In a box like `box` that is started from the image, as root; once for the latest: once().

    Raises Unsupported where boxes have no image, BoxError.
    """
    return once(box, told, lambda: _seen(box, told))


def _seen(box: Box, told: Told) -> Seen:
    # With the network that it has: it is by that, or for want of one, that engines write some of these files.
    with box.fresh(awaited=False, image=told.image(), uid=0, gid=0, workdir="/") as fresh:
        program = Program()
        link = program.readlinkat(AT_FDCWD, LOCALTIME)
        opened = {path: program.openat(AT_FDCWD, path, os.O_RDONLY | os.O_CLOEXEC) for path in PATHS}
        asked = {path: program.read(fd, MOST) for path, fd in opened.items()}
        replies = fresh.proc.run(program)
        found = {path: replies[asked[path]] if replies[fd].ok else replies[fd] for path, fd in opened.items()}
        return Seen(replies[link], found)


PATHS = (LOCALTIME, TIMEZONE, HOSTS, RESOLVER)


def _zone_lost(told: Told, found: Seen) -> dict[str, str]:
    wanted = {LOCALTIME: told.rules, TIMEZONE: told.zone.encode()}
    lost = {path: _shown(found.files[path]) for path, data in wanted.items() if found.files[path].data != data}
    target = f"{ZONES}/{told.zone}" if told.linked else ""
    if (to := os.fsdecode(found.link.data)) != target:
        lost["link"] = f"to {to!r}, expected {target!r}"
    return lost


def _names_lost(told: Told, found: Seen) -> dict[str, str]:
    lines = [line.partition("#")[0].split() for line in os.fsdecode(found.files[HOSTS].data).splitlines()]
    known = {(address, name) for address, *names in filter(None, lines) for name in names}
    missing = [" ".join(pair) for pair in told.names if pair not in known]
    lost = {"missing": "; ".join(missing), HOSTS: _shown(found.files[HOSTS])} if missing else {}
    lines = [line.split() for line in os.fsdecode(found.files[RESOLVER].data).splitlines()]
    servers = tuple(words[1] for words in lines if words[:1] == ["nameserver"] and len(words) > 1)
    return lost if servers == told.servers else lost | {RESOLVER: _shown(found.files[RESOLVER])}


def _shown(reply: Reply) -> str:
    return outcome(reply, lambda one: shown(one.data))


@dataclass(frozen=True, slots=True)
class File:
    """One, or one with what belongs to it.  `lost`: what is not as in the image, by name."""

    slug: str
    what: str
    does: str
    why: str
    source: str
    lost: Callable[[Told, Seen], dict[str, str]]


FILES = (
    File("time-zone", "time zone, /etc/localtime with the link that it may be, and /etc/timezone",
         "has another time zone than its image", "which time of day programs tell", "man:localtime(5)", _zone_lost),
    File("names", "names of other machines, in /etc/hosts with their addresses, and name servers, in /etc/resolv.conf",
         "lacks names or name servers of its image", "who is found by which name",
         "man:hosts(5), resolv.conf(5)", _names_lost),
)  # fmt: skip
