"""The files of a submission: listed once, read within limits, never outside its directory."""

from __future__ import annotations

import os
import stat
from bisect import bisect_left
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from pytest_isolation.inception.place import Place, Unreadable

MAX_ENTRIES = 20_000
MAX_DEPTH = 24
MAX_MADE = 20
"""Files that make copies, and that stand in Dockerfiles."""
MAX_FILE = 1 << 20
"""Bytes: no file that the rules read comes near."""
MAX_TOTAL = 64 << 20
MAX_LINE = 10_000
"""Characters: patterns that go back and forth in a line do so within this."""

SKIPPED = frozenset({".git", "node_modules", "wp-includes", "wp-admin", "__pycache__", ".venv", "__MACOSX"})
"""Directories whose contents nobody wrote for this project; `.git` has a reader of its own."""
DROSS = ("~", ".swp", ".swo", ".bak", ".orig", ".DS_Store")
"""Endings of what editors and systems leave behind."""

SPECIAL = {
    stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something in the tree that was not read."""

    kind: str
    """link, special, size, count, depth or access."""
    at: Place
    says: str


@dataclass(slots=True)
class Tree:
    """`files` maps a path, relative and with /, to its size; `directories` are the paths of directories."""

    top: Path
    files: dict[str, int] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)
    oddities: list[Oddity] = field(default_factory=list)
    made: set[str] = field(default_factory=set)
    """Those of `files` that are not there: make copies them, or another file of the stack has their text."""
    executable: set[str] = field(default_factory=set)
    """Those of `files` that somebody may execute."""
    _sorted: list[str] = field(default_factory=list)
    _links: dict[str, str] = field(default_factory=dict)
    _read: dict[str, bytes] = field(default_factory=dict)
    _total: int = 0

    def __contains__(self, path: str) -> bool:
        return path in self.files

    def under(self, directory: str) -> list[str]:
        """Files below `directory` ("" is the top), sorted."""
        if len(self._sorted) != len(self.files):
            self._sorted = sorted(self.files)
        if not directory:
            return list(self._sorted)
        start = bisect_left(self._sorted, f"{directory}/")
        return self._sorted[start : bisect_left(self._sorted, f"{directory}0", start)]  # 0 comes after /

    def find(self, path: str) -> str | None:
        """A file by its path, whatever dots are in it; None when it is not in the tree."""
        plain = normal(path)
        return plain if plain is not None and plain in self.files else None

    def copy(self, source: str, path: str) -> None:
        """From now on `path` is a file like `source`, unless there is one."""
        if path not in self.files and source in self.files and len(self.made) < MAX_MADE:
            self.files[path] = self.files[source]
            self._links[path] = self._links.get(source, source)
            self.made.add(path)

    def write(self, path: str, text: str) -> None:
        """From now on `path` is a file with that text, unless there is one: a build makes it of another's text."""
        if path not in self.files and len(self.made) < MAX_MADE:
            self._read[path] = text.encode()
            self.files[path] = len(self._read[path])
            self.made.add(path)

    def data(self, path: str) -> bytes:
        """Raises Unreadable for what is too large or cannot be opened."""
        if path not in self._read:
            self._read[path] = self._load(path)
        return self._read[path]

    def text(self, path: str) -> str:
        """As UTF-8; Unreadable says where it is not, or which line is longer than any that is written by hand."""
        data = self.data(path)
        try:
            text = data.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise Unreadable(f"not UTF-8 (byte {data[error.start]:#04x})", Place(path, line)) from None
        for number, one in enumerate(text.split("\n"), 1):
            if len(one) > MAX_LINE:
                raise Unreadable(f"a line of {len(one)} characters, more than the {MAX_LINE} this audit reads",
                                 Place(path, number))  # fmt: skip
        return text

    def lenient(self, path: str) -> str:
        """As text with replacement characters, or nothing: for searches that must not stop the audit.

        Of a longer line, the first MAX_LINE characters.
        """
        try:
            return shortened(self.data(path).decode("utf-8", "replace"))
        except Unreadable:
            return ""

    def hidden(self, path: str, limit: int) -> bytes | None:
        """A file of `.git`, whole; None when it is not there, is a link, or has more than `limit` bytes."""
        return hidden(self.top, path, limit)

    def _load(self, path: str) -> bytes:
        at = Place(path)
        if path not in self.files:
            raise Unreadable("there is no such file in the submission", at)
        if self.files[path] > MAX_FILE:
            raise Unreadable(f"{self.files[path]} bytes, more than the {MAX_FILE} this audit reads of a file", at)
        self._total += self.files[path]
        if self._total > MAX_TOTAL:
            raise Unreadable(f"the audit has read its {MAX_TOTAL} bytes", at)
        try:
            return _read_inside(self.top, self._links.get(path, path))
        except OSError as error:
            raise Unreadable(f"cannot be read: {error.strerror}", at) from None


def hidden(top: Path, path: str, limit: int) -> bytes | None:
    """A file below `top`, whole; None when it is not there, is behind a link, or has more than `limit` bytes."""
    try:
        data = _read_inside(top, path, limit + 1)
    except (OSError, ValueError):
        return None
    return data if len(data) <= limit else None


def shortened(text: str) -> str:
    """Every line within MAX_LINE.  No pattern: one would look for the length of a line at each of its characters."""
    return "\n".join(line[:MAX_LINE] for line in text.split("\n")) if len(text) > MAX_LINE else text


def _read_inside(top: Path, path: str, most: int = MAX_FILE) -> bytes:
    """Component by component without following a link: what was swapped meanwhile is refused, not followed."""
    *parents, name = path.split("/")
    here = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parents:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = below
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY, dir_fd=here)
    finally:
        os.close(here)
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(0, "no longer a regular file")
        return file.read(most)


def normal(path: str) -> str | None:
    """Without `.` and `..`; None when it leads out of the tree."""
    parts: list[str] = []
    for part in PurePosixPath(path.lstrip("/")).parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def read_tree(top: Path) -> Tree:
    """List a submission.  Raises Unreadable when `top` is no directory or cannot be listed."""
    tree = Tree(top)
    links: dict[str, str] = {}
    pending = [("", 0)]
    entries = 0
    while pending:
        directory, depth = pending.pop()
        try:
            with os.scandir(top / directory) as listing:
                # One name more than there is room for: a directory of millions is never listed whole.
                found = [entry for _, entry in zip(range(MAX_ENTRIES + 1), listing, strict=False)]
        except OSError as error:
            if not directory:
                raise Unreadable(f"cannot be listed: {error.strerror}", Place(".")) from None
            tree.oddities.append(Oddity("access", Place(directory), f"cannot be listed: {error.strerror}"))
            continue
        for entry in sorted(found, key=lambda one: one.name):
            entries += 1
            if entries > MAX_ENTRIES:
                says = f"more than {MAX_ENTRIES} files and directories; the rest was not looked at"
                tree.oddities.append(Oddity("count", Place(directory or "."), says))
                pending.clear()
                break
            path = f"{directory}/{entry.name}" if directory else entry.name
            _place(tree, entry, path, depth, pending, links)
    for path, target in links.items():
        _follow(tree, path, target, links)
    return tree


def _place(
    tree: Tree, entry: os.DirEntry[str], path: str, depth: int, pending: list[tuple[str, int]], links: dict[str, str]
) -> None:
    if entry.is_symlink():
        try:
            links[path] = os.readlink(entry.path)
        except OSError:
            links[path] = "?"
        return
    try:
        mode = entry.stat(follow_symlinks=False)
    except OSError as error:
        tree.oddities.append(Oddity("access", Place(path), f"cannot be looked at: {error.strerror}"))
        return
    kind = stat.S_IFMT(mode.st_mode)
    if kind == stat.S_IFDIR:
        tree.directories.add(path)
        if depth >= MAX_DEPTH:
            tree.oddities.append(Oddity("depth", Place(path), f"deeper than {MAX_DEPTH} directories; not looked into"))
        elif entry.name not in SKIPPED:
            pending.append((path, depth + 1))
    elif kind == stat.S_IFREG:
        if not entry.name.endswith(DROSS):
            tree.files[path] = mode.st_size
            if mode.st_mode & 0o111:
                tree.executable.add(path)
            if mode.st_size > MAX_FILE:
                tree.oddities.append(Oddity("size", Place(path), f"{mode.st_size} bytes; not read"))
    else:
        tree.oddities.append(Oddity("special", Place(path), SPECIAL.get(kind, "neither a file nor a directory")))


def _follow(tree: Tree, path: str, target: str, links: dict[str, str]) -> None:
    """A link to a file of the tree is that file; any other is only reported."""
    seen = {path}
    at = path
    while True:
        joined = None if target.startswith("/") else normal(f"{at.rpartition('/')[0]}/{target}")
        if joined is None or joined.split("/")[0] == ".git":
            tree.oddities.append(Oddity("link", Place(path), f"a symbolic link out of the submission: {target}"))
            return
        if joined in tree.files:
            tree.files[path] = tree.files[joined]
            tree._links[path] = joined
            if joined in tree.executable:
                tree.executable.add(path)
            return
        if joined not in links or joined in seen:
            return  # to a directory, to nothing, or in a circle: there is nothing to read
        seen.add(joined)
        at, target = joined, links[joined]
