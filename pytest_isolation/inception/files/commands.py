"""Programs that write files, or that print what a script writes into one: what each leaves behind."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial
from itertools import pairwise

from pytest_isolation.inception import sed
from pytest_isolation.inception.files.flow import Held, Output, Pieces, mapped, text_of
from pytest_isolation.inception.files.words import OF_NGINX, unescaped
from pytest_isolation.inception.place import Place
from pytest_isolation.inception.rendered import expanded, in_plain_text
from pytest_isolation.inception.variables import REFERENCE, interpolate

MAX_FILES = 2_000
MAX_WORK = 300_000
"""Pieces of all files: what is written after them is not known."""
MAX_EXPANDED = 1_000_000
"""Characters that variables may add to one text."""
MAX_PRINTED = 500
"""Words that one `printf` goes through."""
TAKES_VALUE = frozenset({"-m", "-o", "-g", "-t", "--mode", "--owner", "--group", "-S"})
"""Options of cp, mv, install and mkdir with a value behind them."""


UNKNOWN = re.compile(r"\$\([^()]*\)|`[^`]*`|\$\{[^{}]*\}|\$\w+")
"""What stands in a path for a value that is not known."""


@dataclass
class Disk:
    """The files of a container while its scripts run."""

    held: dict[str, Held] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)
    here: str = "/"
    """Working directory."""
    work: int = 0
    """Pieces that were read and written."""
    made: set[str] = field(default_factory=set)
    """Directories that a command made: what lies in them is known."""
    unseen: set[str] = field(default_factory=set)
    """Paths at which something lies that is not known, from another image or another stage."""

    def path(self, word: str) -> str:
        """From the working directory; an unknown part stays as it was written."""
        path = posixpath.normpath(posixpath.join(self.here, word))
        return f"/{path[9:]}" if path.startswith("/var/run/") else path

    def is_directory(self, path: str) -> bool:
        """Whether something is known to lie below it."""
        return path in self.directories or any(one.startswith(f"{path}/") for one in self.held)

    def named(self, words: Sequence[str]) -> Iterator[str]:
        """Paths of the files that words name, also by a pattern."""
        for word in words:
            path = UNKNOWN.sub("*", self.path(word))
            if any(char in path for char in "*?["):
                yield from (
                    one for one in list(self.held) if fnmatchcase(one, path) and one.count("/") == path.count("/")
                )
            elif path in self.held:
                yield path

    def below(self, path: str) -> list[str]:
        """Files in a directory and in those below."""
        return [one for one in self.held if one.startswith(f"{path.rstrip('/')}/")]

    def write(self, path: str, pieces: Output, *, more: bool = False) -> None:
        """By `>`, or by `>>`."""
        if path.startswith(("/dev/", "/proc/")):
            return
        if "$" in path or "`" in path:
            self.doubt([path])
        before = self.held.get(path)
        if before is None and len(self.held) >= MAX_FILES:
            return
        self.work += len(pieces or ())
        if self.work > MAX_WORK:
            pieces = None
        self.settle(path)
        # What `>>` finds in a file that is not known stands before what it adds.
        self.held[path] = (before or Held(())).written(pieces, more=more)

    def settle(self, path: str) -> None:
        """`path` is a file, and what it lies in a directory: COPY to a path without / at its end leaves that open."""
        for one in self.below(path):
            del self.held[one]
        above = posixpath.dirname(path)
        while len(above) > 1:
            self.held.pop(above, None)
            above = posixpath.dirname(above)

    def put(self, source: str, target: str) -> None:
        """A copy of one file under another path."""
        if target == source:
            return
        before = self.held.get(target)
        one = self.held[source]
        self.settle(target)
        self.held[target] = replace(one, writes=(before.writes if before else 0) + 1, used=False)
        self.held[source] = replace(one, used=True)

    def doubt(self, words: Sequence[str]) -> None:
        """Something that is not understood is about them."""
        for path in self.named(words):
            self.held[path] = self.held[path].unknown()
        for word in words:
            path = self.path(word)
            for one in self.below(path) if path.count("/") > 1 else ():
                self.held[one] = self.held[one].unknown()

    def doubt_packages(self) -> None:
        """Something that is not understood may be about any file of a package."""
        for path, one in self.held.items():
            if one.shipped:
                self.held[path] = one.unknown()


@dataclass
class Call:
    """One simple command that runs."""

    disk: Disk
    words: list[str]
    fed: Output
    """What it reads; None where that is not known."""
    at: Place
    rows: list[tuple[str, Place]]
    """Its arguments in the pieces that they were written in."""
    values: dict[str, str]
    by_dash: bool = False
    """The shell is Debian's sh, whose echo reads backslashes."""

    @property
    def plain(self) -> list[str]:
        """Arguments that are no options."""
        found, rest = [], self.words[1:]
        while rest:
            word = rest.pop(0)
            if word in TAKES_VALUE:
                rest = rest[1:]
            elif not word.startswith("-") or word == "-":
                found.append(word)
        return found


def echo(call: Call) -> Output:
    """`echo`"""
    words = call.words[1:]
    escapes, end = call.by_dash, "\n"
    while words and re.fullmatch(r"-[neE]+", words[0]):
        end = "" if "n" in words[0] else end
        escapes = escapes or "e" in words[0]
        words = words[1:]
    text = " ".join(words)
    if not escapes and len(words) == 1 and text_of(tuple(call.rows)).endswith(text) and "\n" in text:
        rows = _last(call.rows, text)
        return (*rows, (end, rows[-1][1] if rows else call.at))
    return (((unescaped(text) if escapes else text) + end, call.at),)


def _last(rows: Sequence[tuple[str, Place]], text: str) -> Pieces:
    """The pieces at the end that make up a text."""
    found: list[tuple[str, Place]] = []
    left = len(text)
    for piece, at in reversed(rows):
        if left <= 0:
            break
        found.insert(0, (piece[-left:] if left < len(piece) else piece, at))
        left -= len(piece)
    return tuple(found)


FORMAT = re.compile(r"%(?:%|-?\d*(?:\.\d+)?([sdbiq]))")


def printf(call: Call) -> Output:
    """`printf`: the format once for as many words as it takes, and again for more."""
    words = call.words[1:]
    if words[:1] == ["--"]:
        words = words[1:]
    if not words or words[0] == "-v":
        return ()
    form, given = words[0], words[1 : MAX_PRINTED + 1]
    takes = sum(1 for match in FORMAT.finditer(form) if match[1])
    places = _places(call, given)
    found: list[tuple[str, Place]] = []
    at = 0
    while at == 0 or (takes and at < len(given)):

        def value(match: re.Match[str]) -> str:
            nonlocal at
            if not match[1]:
                return "%"
            word = given[at] if at < len(given) else ""
            at += 1
            return unescaped(word) if match[1] == "b" else word

        place = places[at] if at < len(places) else call.at
        pieces = FORMAT.split(form)[::2]
        kept = list(FORMAT.finditer(form))
        text = unescaped(pieces[0])
        for match, piece in zip(kept, pieces[1:], strict=True):
            text += value(match) + unescaped(piece)
        found.append((text, place))
        if not takes:
            break
        at = max(at, 1)
    return tuple(found)


def _places(call: Call, given: Sequence[str]) -> list[Place]:
    """Where each of the last words begins."""
    ends = [(one, at) for one, at in call.rows if one]
    places: list[Place] = []
    number = len(ends)
    for word in reversed(given):
        left = len(word)
        place = call.at
        while number > 0 and left > 0:
            number -= 1
            left -= len(ends[number][0])
            place = ends[number][1]
        places.insert(0, place)
    return places


def cat(call: Call) -> Output:
    """`cat`, of files or of what it reads."""
    names = call.plain
    if any(word.startswith("-") and word not in ("-", "-u") for word in call.words[1:]):
        return None
    found: list[tuple[str, Place]] = []
    for name in names or ["-"]:
        pieces: Output
        if name == "-":
            pieces = call.fed
        else:
            paths = list(call.disk.named([name]))
            pieces = read_files(call.disk, paths) if paths else None
        if pieces is None:
            return None
        found += pieces
    return tuple(found)


def read_files(disk: Disk, paths: Sequence[str]) -> Output:
    """What files hold, one behind the other; of a package's file those lines that decide."""
    found: list[tuple[str, Place]] = []
    for path in paths:
        one = disk.held[path]
        disk.work += len(one.pieces)
        if not one.certain or disk.work > MAX_WORK:
            return None
        disk.held[path] = replace(one, used=True)
        found += one.pieces
    return tuple(found)


def tee(call: Call) -> Output:
    """`tee`, with -a or without."""
    more = any(word in ("-a", "--append") for word in call.words[1:])
    for word in call.plain:
        call.disk.write(call.disk.path(word), call.fed, more=more)
    return call.fed


def by_sed(call: Call) -> Output:
    """`sed`, in place or from a text to a text."""
    words = call.words
    options = [word for word in words[1:] if word.startswith("-")]
    in_place = any(re.match(r"-[a-zA-Z]*i|--in-place", word) for word in options)
    given = any(re.match(r"-[a-zA-Z]*[ef]$|--expression|--file", word) for word in options)
    behind = re.compile(r"-[a-zA-Z]*[ef]$|--expression$|--file$")
    plain = [word for before, word in pairwise(words) if not word.startswith("-") and not behind.match(before)]
    names = plain if given else plain[1:]
    change = _change(call)
    if in_place:
        call.disk.work += sum(len(one.pieces) for one in map(call.disk.held.__getitem__, call.disk.named(names)))
        change = change if call.disk.work <= MAX_WORK else None
        for path in list(call.disk.named(names)):
            one = call.disk.held[path]
            if change is None or any("$" in name for name in names):
                call.disk.held[path] = one.unknown()
                continue
            made = replace(
                one, pieces=mapped(one.pieces, change), others=tuple(mapped(each, change) for each in one.others),
                writes=one.writes + 1,
            )  # fmt: skip
            if one.shipped:  # the last line of the script that decides
                made = replace(made, shipped=False, pieces=tuple((text, call.at) for text, _ in made.pieces))
            call.disk.held[path] = made
        return ()
    paths = list(call.disk.named(names))
    read = read_files(call.disk, paths) if paths and len(paths) >= len(names) else None if names else call.fed
    return None if read is None or change is None else mapped(read, change)


def _change(call: Call) -> Callable[[list[str]], list[str]] | None:
    replaced = in_plain_text(call.words)
    edits = sed.read(call.words)
    if edits:
        return partial(sed.edited_lines, edits=edits, fill=lambda text: text)
    if not replaced:
        return None

    def change(lines: list[str]) -> list[str]:
        for old, new in replaced:
            lines = [line.replace(old, interpolate(new, call.values).replace("\n", " ")) for line in lines]
        return lines

    return change


def envsubst(call: Call) -> Output:
    """`envsubst`, of all variables or of those that are listed."""
    if call.fed is None:
        return None
    listed = {match["bare"] or match["name"] for word in call.words[1:] for match in REFERENCE.finditer(word)}
    values = {name: value for name, value in call.values.items() if not listed or name in listed}
    if not listed:
        values = dict.fromkeys(OF_NGINX, "") | values
    longest = max(map(len, values.values()), default=0)
    if longest * sum(text.count("$") for text, _ in call.fed) > MAX_EXPANDED:
        return None
    return mapped(call.fed, lambda lines: [expanded(line, values) for line in lines])


def copy(call: Call) -> Output:
    """`cp`, `mv`, `install` and `ln`: files, and directories with what is in them."""
    disk, names = call.disk, call.plain
    into = next((after for word, after in pairwise(call.words) if word == "-t"), None)
    if "-d" in call.words[1:] and call.words[0].endswith("install"):
        disk.directories |= {disk.path(name) for name in names}
        return ()
    if into is not None:
        names = [*names, into]
    if len(names) < 2:
        return ()
    *sources, last = names
    target = disk.path(last)
    directory = last.endswith(("/", "/.")) or into is not None or len(sources) > 1 or disk.is_directory(target)
    moved: list[str] = []
    for word in sources:
        source = disk.path(word)
        whole = word.endswith("/.") or word.endswith("/*")
        top = source.removesuffix("/*")
        found = list(disk.named([word]))
        for path in found:
            disk.put(path, posixpath.join(target, posixpath.basename(path)) if directory else target)
            moved.append(path)
        if not found or whole:
            for path in disk.below(top):
                below = path[len(top.rstrip("/")) + 1 :]
                keep = directory and not whole
                disk.put(path, posixpath.join(target, posixpath.basename(top) if keep else "", below))
                moved.append(path)
            if not moved and not directory and target in disk.held:
                disk.held[target] = disk.held[target].unknown()
    if call.words[0].rpartition("/")[2] == "mv":
        for path in moved:
            disk.held.pop(path, None)
    return ()


def remove(call: Call) -> Output:
    """`rm`"""
    for path in list(call.disk.named(call.plain)):
        call.disk.held.pop(path, None)
    for word in call.plain:
        for path in call.disk.below(call.disk.path(word)):
            call.disk.held.pop(path, None)
    return ()


def make_directory(call: Call) -> Output:
    """`mkdir`"""
    made = {call.disk.path(word) for word in call.plain}
    call.disk.directories |= made
    call.disk.made |= made
    return ()


def touch(call: Call) -> Output:
    """`touch`"""
    for word in call.plain:
        if call.disk.path(word) not in call.disk.held:
            call.disk.write(call.disk.path(word), ())
    return ()


def truncate(call: Call) -> Output:
    """`truncate -s 0`"""
    for path in list(call.disk.named(call.plain)):
        call.disk.write(path, () if "0" in call.words else None)
    return ()


def directory_of(call: Call) -> Output:
    """`dirname` and `basename` of a path."""
    if not call.plain or "$" in call.plain[0]:
        return None
    if call.words[0].endswith("dirname"):
        return ((posixpath.dirname(call.plain[0]) + "\n", call.at),)
    name, *ends = map(posixpath.basename, call.plain)
    return ((name.removesuffix(ends[0] if ends else "") + "\n", call.at),)


def change_directory(call: Call) -> Output:
    """`cd`"""
    if call.plain:
        call.disk.here = call.disk.path(call.plain[0])
    return ()


def listing(call: Call) -> Output:
    """`ls` of files by a pattern."""
    paths = sorted(call.disk.named(call.plain))
    return tuple((f"{path}\n", call.at) for path in paths) if paths and len(call.words) == len(call.plain) + 1 else None


PROGRAMS: dict[str, Callable[[Call], Output]] = {
    "echo": echo, "printf": printf, "cat": cat, "tee": tee, "sed": by_sed, "envsubst": envsubst, "cp": copy,
    "mv": copy, "install": copy, "ln": copy, "rm": remove, "mkdir": make_directory, "touch": touch,
    "truncate": truncate, "dirname": directory_of, "basename": directory_of, "cd": change_directory, "ls": listing,
}  # fmt: skip
SILENT = frozenset({
    "chmod", "chown", "chgrp", "sleep", "set", ":", "true", "false", "test", "[", "wait", "kill", "exit", "return",
    "useradd", "groupadd", "adduser", "usermod", "export", "unset", "trap", "shift", "ulimit", "umask", "read", "local",
})  # fmt: skip
"""They print nothing, and no file is another after them."""
CHANGE = frozenset({
    "perl", "python", "python3", "ed", "ex", "vi", "patch", "crudini", "sponge", "dd", "tar",
    "unzip", "php", "node", "ruby", "eval", "gomplate", "j2", "find", "xargs", "unlink", "rsync",
})  # fmt: skip
"""They may change a file that they name."""
