"""Hypothesis strategies the checks share: harmless by construction."""

from __future__ import annotations

import os
import secrets
import signal
import struct
from dataclasses import replace
from functools import cache
from typing import Any

from hypothesis import strategies as st

from pytest_isolation.boxes.attributes import ADDR_NO_RANDOMIZE, ALL, TIMER_SLACK_NS
from pytest_isolation.boxes.caller import FURTHER, KINDS, LEFT
from pytest_isolation.boxes.image import Entry, Image
from pytest_isolation.boxes.process_limits import RESOURCES
from pytest_isolation.boxes.roads import TREE
from pytest_isolation.outside.limits.process_limits import Steps
from pytest_isolation.outside.start.called import Belongings
from pytest_isolation.outside.start.configured import Configuration
from pytest_isolation.outside.start.handed_on import Habits
from pytest_isolation.outside.start.terminals import Letters
from pytest_isolation.outside.start.told_by_image import Told

__all__ = [
    "Drawn",
    "belongings",
    "byte_names",
    "callers_names",
    "catchable_signals",
    "configurations",
    "file_names",
    "habits",
    "host_names",
    "ids",
    "images",
    "letters",
    "limit_steps",
    "payloads",
    "reserved_names",
    "sequences",
    "text_names",
    "tokens",
    "told",
    "unprivileged_ports",
    "variables",
    "xattrs",
]

CATCHABLE = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
"""SIGKILL and SIGSTOP would end a canary before it could testify."""


def catchable_signals() -> st.SearchStrategy[int]:
    """Numbers of signals, signal(7), that a process can catch: all but SIGKILL and SIGSTOP."""
    return st.sampled_from([int(one) for one in CATCHABLE])


PROCESS = secrets.token_hex(4)
"""In every token: two runs at once, or two workers of one, that both shrink to the letter a, must not meet."""


def _another() -> None:
    """A helper of a run is forked off it, and is a process of its own."""
    global PROCESS
    PROCESS = secrets.token_hex(4)


os.register_at_fork(after_in_child=_another)


def tokens() -> st.SearchStrategy[str]:
    """A word nobody else uses: 16 random letters behind a prefix of this process's own."""
    letters = st.text("abcdefghijklmnopqrstuvwxyz", min_size=16, max_size=16)
    return letters.map(lambda text: f"pytest-isolation-{PROCESS}-{text}")


def file_names() -> st.SearchStrategy[str]:
    """Names for files of our own: never one that is there already."""
    return tokens().map(lambda token: f"{token}.mark")


def payloads() -> st.SearchStrategy[bytes]:
    """Contents, never empty."""
    return st.binary(min_size=1, max_size=200)


def unprivileged_ports() -> st.SearchStrategy[int]:
    """Above what the kernel hands out by itself (32768 to 60999)."""
    return st.integers(61_000, 65_535)


# -- images -----------------------------------------------------------------------------

ODD_NAMES = (
    b"a b", b" ", b"-rf", b"new\nline", b"back\\slash", b"...", b"quo\"te'", b"tab\t", b"\xff\xfe", b"n" * 200,
    "\u00e9".encode(), "e\u0301".encode(),  # one letter to a reader, two names to the kernel
)  # fmt: skip
SINCE_1970, BEFORE_1970 = (0, 2**63 // 10**9 - 1), (-(2**31) + 1, -1)
"""Seconds that a signed 64-bit number of nanoseconds can say, and that every file system with negative ones keeps."""
AFTER_2262 = (2**63 // 10**9 + 1, 2**34 - 2**31 - 2)
"""Seconds that it cannot, up to ext4's last (10 May 2446, kernel:filesystems/ext4 inodes), which has no nanoseconds:

the kernel cuts them off at a file system's first and last second.
"""
OWNERS = (1, 2**32 - 2)
"""Besides root; -1 is nobody's (chown(2))."""
CARELESS = (0o644, 0o755)
"""Modes that anything copied without care has."""
IDS = (1, 2**31 - 2)
"""As OWNERS, of a process: a configuration's USER goes no further (runc, libcontainer/user)."""


def _a_name(name: bytes) -> bool:
    # ".wh." is how a layer says that a name is gone (OCI image-spec, layer.md): such a file it cannot say.
    return b"/" not in name and b"\0" not in name and name not in (b".", b"..") and not name.startswith(b".wh.")


def reserved_names() -> st.SearchStrategy[bytes]:
    """Names that a layer takes for something else, with a capital letter in each."""
    return st.binary(max_size=8).map(lambda end: b".wh.W" + end.replace(b"/", b"").replace(b"\0", b""))


@cache
def byte_names() -> st.SearchStrategy[bytes]:
    """Names of files: any bytes the kernel takes."""
    return st.one_of(st.sampled_from(ODD_NAMES), st.binary(min_size=1, max_size=12).filter(_a_name))


def text_names() -> st.SearchStrategy[str]:
    """Names that a configuration can say: those are texts (OCI image-spec, config.md), names of files are bytes."""
    letters = st.characters(exclude_categories=["Cs"], exclude_characters="/\0")
    return st.text(letters, min_size=1, max_size=12).filter(lambda text: _a_name(text.encode()))


@cache
def xattrs(*, of_file: bool, capable: bool = False) -> st.SearchStrategy[tuple[tuple[str, bytes], ...]]:
    """At least one of user.*; of a file also capabilities, which any user may see: always where it is to be `capable`.

    A PAX record has no "=" in its key, and an empty value unsets it: neither can be said in an archive.
    """
    key = st.text("abcxyz.-_0\u00e9", min_size=1, max_size=12).map(lambda text: f"user.{text}")
    users = st.dictionaries(key, st.binary(min_size=1, max_size=40), min_size=1, max_size=2)
    # capabilities(7), VFS_CAP_REVISION_2: version and effective bit, permitted, inheritable.
    capability = st.integers(0, 31).map(lambda number: struct.pack("<5I", 0x0200_0001, 1 << number, 0, 0, 0))
    security = (
        st.dictionaries(st.just("security.capability"), capability, min_size=int(capable), max_size=1)
        if of_file
        else st.just({})
    )
    return st.builds(lambda one, two: tuple(sorted((one | two).items())), users, security)


@cache
def _status(seconds: tuple[int, int]) -> st.SearchStrategy[dict[str, Any]]:
    """What inode(7) says besides the kind; made once, since that costs more than a draw."""
    owners = st.one_of(st.integers(*OWNERS), st.just(0))
    mtimes = st.builds(lambda s, ns: s * 10**9 + ns, st.integers(*seconds), st.integers(0, 10**9 - 1))
    # Never the modes that a careless carrier gives.
    modes = st.integers(0, 0o7777).filter(lambda mode: mode not in CARELESS)
    return st.fixed_dictionaries({"mode": modes, "uid": owners, "gid": st.integers(*OWNERS), "mtime_ns": mtimes})


@st.composite
def images(draw: st.DrawFn, seconds: tuple[int, int] = SINCE_1970, *, capable: bool = False) -> Image:
    """A tree below /image that has every aspect in it, each time: so one loss of any kind shows at once.

    A directory with a capital letter, a file with a hole, a hard link to it, a file with attributes, a
    symbolic link, a fifo; owners, modes and times on all; of the modes one has each of the three upper bits, as what
    chown(2) takes away: those of a file, and a group's where it may be run.  `seconds`: the range of the times.
    `capable`: a file has capabilities each time.
    """
    names = draw(st.lists(byte_names(), min_size=5, max_size=5, unique_by=bytes.lower))
    capital = Entry(path=TREE + b"/" + names[0] + b"D", kind="dir")
    places = st.sampled_from([TREE, capital.path])
    hole, kept, link, symlink, fifo = (draw(places) + b"/" + name for name in names)
    data = st.binary(max_size=60)
    entries = [
        replace(capital, xattrs=draw(xattrs(of_file=False))),
        Entry(path=hole, kind="file", data=draw(data), hole=draw(st.integers(1 << 16, 1 << 19))),
        Entry(path=kept, kind="file", data=draw(data), xattrs=draw(xattrs(of_file=True, capable=capable))),
        Entry(path=symlink, kind="symlink", data=draw(st.one_of(st.just(names[1]), byte_names()))),
        Entry(path=fifo, kind="fifo"),
    ]
    if draw(st.booleans()):  # differs from the directory by case alone
        entries.append(Entry(path=TREE + b"/" + names[0] + b"d", kind="file"))
    made = []
    for entry in entries:
        status = draw(_status(seconds))
        # In some boxes root has no CAP_DAC_OVERRIDE: it must be able to read what there is to be read.
        readable = 0o555 if entry.kind == "dir" else 0o444 if entry.hole or entry.xattrs else 0
        upper = 0o1000 if entry is entries[0] else 0o4000 if entry.hole else 0o2010 if entry is entries[2] else 0
        status["mode"] |= readable | upper
        status["mode"] ^= 0o1000 if status["mode"] in CARELESS else 0
        made.append(replace(entry, **status))
    links = [
        Entry(path=link + b"L" * more, kind="hardlink", data=draw(st.sampled_from([hole, kept])))
        for more in range(1, draw(st.integers(1, 2)) + 1)
    ]
    return Image((Entry(path=TREE, kind="dir", mode=0o755), *made, *links))


def variables() -> st.SearchStrategy[dict[str, str]]:
    """An environment: texts, as a configuration says them; none that engines set by themselves."""
    name = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True).map(lambda text: f"X{text}")
    value = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
    return st.dictionaries(name, value, min_size=1, max_size=4)


def callers_names() -> st.SearchStrategy[str]:
    """Variables as people have them who start boxes: any name, and those of secrets.

    None that a launcher itself heeds, and no proxy: engines say that they hand those on.
    """
    known = ("AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "SSH_AUTH_SOCK", "PGPASSWORD")
    any_name = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True).map(lambda text: f"X{text}")
    return st.one_of(any_name, st.sampled_from(known))


def ids() -> st.SearchStrategy[int]:
    """User and group ids that are not root's."""
    return st.integers(*IDS)


def configurations() -> st.SearchStrategy[Configuration]:
    """What a box can be started with at once: variables, ids that are not root's, a working directory, 3 to 6 files."""
    modes = st.lists(st.tuples(st.integers(0, 0o777), st.booleans(), st.booleans()), min_size=3, max_size=6)
    # The files have a directory of their own below the root.
    names = st.lists(text_names().filter(lambda name: name.encode() != TREE), min_size=1, max_size=3)
    return st.builds(
        Configuration,
        variables=variables().map(lambda one: tuple(sorted(one.items()))),
        uid=ids(),
        gid=ids(),
        directories=names.map(tuple),
        files=modes.map(tuple),
    )


def belongings() -> st.SearchStrategy[Belongings]:
    """What whoever starts a box can have at once: a variable, proxies, descriptors of all kinds, a key."""
    kinds = st.dictionaries(st.sampled_from(KINDS), st.integers(3, LEFT), min_size=1)
    return st.builds(
        Belongings,
        token=tokens(),
        name=callers_names(),
        arguments=st.text("ab =", max_size=9),
        kinds=kinds.map(lambda one: tuple(one.items())),
        first=st.integers(3, LEFT - 7 * len(FURTHER)),
    )


def host_names() -> st.SearchStrategy[str]:
    """Names that a machine can have, hostname(7): letters, digits and dashes, never the one that boxes have unasked."""
    inner = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", max_size=20)
    return inner.map(lambda text: f"n{text}e")


def told() -> st.SearchStrategy[Told]:
    """What an image can say of where it is: a time zone, names of others and name servers, of addresses of nobody's."""
    word = st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=9)
    last = st.integers(1, 254)
    # RFC 5737: addresses of documents.
    names = st.builds(lambda at, name: (f"192.0.2.{at}", f"n{name}"), last, word)
    return st.builds(
        Told,
        zone=st.builds(lambda area, name: f"A{area}/N{name}", word, word),
        hours=st.integers(-12, 12),
        linked=st.booleans(),
        names=st.lists(names, min_size=1, max_size=3).map(tuple),
        servers=st.lists(last.map(lambda at: f"198.51.100.{at}"), min_size=1, max_size=3, unique=True).map(tuple),
    )


def habits() -> st.SearchStrategy[Habits]:
    """What whoever starts a box can hand on of itself: all that attributes.ATTRIBUTES has."""
    # What it makes itself, launchers' files among it, stays its owner's to read and write.
    umasks = st.integers(0, 0o77).filter(lambda mask: mask != 0o022)
    slack = st.integers(TIMER_SLACK_NS + 1, 20 * TIMER_SLACK_NS)
    known = {"ignored-signals": ALL, "blocked-signals": ALL, "fixed-addresses": ADDR_NO_RANDOMIZE, "huge-pages": 1}
    return st.builds(lambda umask, late: (*known.items(), ("umask", umask), ("timer-slack", late)), umasks, slack)


def limit_steps() -> st.SearchStrategy[Steps]:
    """Limits of processes that a box can be asked to have, of each resource."""
    soft = st.tuples(*[st.integers(1, 500) for _ in RESOURCES])
    return st.builds(Steps, soft=soft, more=st.integers(0, 500))


def letters() -> st.SearchStrategy[Letters]:
    """A word that nobody else uses, and the size of a window."""
    return st.builds(Letters, token=tokens(), rows=st.integers(1, 200), columns=st.integers(1, 300))


Drawn = list[tuple[int, int, int, int]]
"""A sequence of calls as numbers: outside/behaviour/kinds.py, Kind.calls()."""


def sequences() -> st.SearchStrategy[Drawn]:
    """Sequences of calls of whatever kind, of 0 to 48 calls; in three parts, so that most are not short."""
    small = st.integers(0, 7)
    some = st.lists(st.tuples(st.integers(0, 15), small, small, small), max_size=16)
    return st.tuples(some, some, some).map(lambda parts: [call for part in parts for call in part])
