"""The index and the history of a submission, read as data: no git program, no hook, no configuration, no alternates.

The repository may begin above the submission: then of all that is in it, the part below the submission is looked at,
and the .gitignore files on the way to it.

dulwich decodes the formats; which bytes it gets, and how many, is decided here.  Every object is compared with its
name: one that lies is a problem, not content.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
import zlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.inception.place import Place
from pytest_isolation.inception.tree import Tree, hidden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_INDEX = 16 << 20
MAX_OBJECT = 8 << 20
MAX_PACK = 512 << 20
MAX_PACKS = 50
MAX_COMMITS = 2_000
MAX_OBJECTS = 30_000
MAX_ABOVE = 16
"""Directories above the submission in which a repository is looked for."""
MAX_IGNORE = 1 << 16
"""Bytes of a .gitignore above the submission."""
TYPES = {b"commit": 1, b"tree": 2, b"blob": 3, b"tag": 4}


@dataclass(frozen=True, slots=True)
class Past:
    """A file as some commit had it."""

    path: str
    blob: str
    commit: str


@dataclass(slots=True)
class Git:
    """`tracked` maps a path, relative to the submission, to the blob the index has."""

    tracked: dict[str, str]
    head: str | None
    prefix: str = ""
    """Of the submission in its repository, with a / at the end; "" where the submission is the whole of it."""
    ignores: list[tuple[str, str]] = field(default_factory=list)
    """(directory, text) of each .gitignore above the submission; directories are relative to the repository."""
    problems: list[tuple[Place, str]] = field(default_factory=list)
    executable: set[str] = field(default_factory=set)
    """Those of `tracked` that a clone may execute."""
    _store: _Store | None = None

    def blob(self, sha: str) -> bytes | None:
        """None when it is not there, too large, or not what its name says."""
        return self._store.get(sha, "blob") if self._store else None

    def close(self) -> None:
        """Closes the object store's files; nothing can be read afterwards."""
        if self._store is not None:
            self._store.close()

    def commits(self) -> Iterator[tuple[str, Any]]:
        """(id, commit), newest first, from HEAD and every branch and tag."""
        assert self._store is not None
        pending = [sha for sha in self._store.heads() if sha]
        seen: set[str] = set()
        while pending and len(seen) < MAX_COMMITS:
            sha = pending.pop(0)
            if sha in seen:
                continue
            seen.add(sha)
            commit = self._store.parsed(sha)
            if commit is None:
                continue
            if commit.type_name == b"tag":
                pending.append(commit.object[1].decode("ascii", "replace"))
            elif commit.type_name == b"commit":
                yield sha, commit
                pending += [parent.decode("ascii", "replace") for parent in commit.parents]

    def past(self, wanted: Callable[[str], bool]) -> list[Past]:
        """Every version of every wanted file of the submission in the history."""
        assert self._store is not None
        found: dict[tuple[str, str], Past] = {}
        seen: set[tuple[str, str]] = set()
        for sha, commit in self.commits():
            pending = [("", commit.tree.decode("ascii", "replace"))]
            while pending:
                prefix, tree = pending.pop()
                if (prefix, tree) in seen or prefix.count("/") > 24:
                    continue
                seen.add((prefix, tree))
                for name, mode, blob in self._store.entries(tree):
                    path = prefix + name
                    if stat.S_ISDIR(mode) and self._leads(f"{path}/"):
                        pending.append((f"{path}/", blob))
                    elif stat.S_ISREG(mode) and (own := self._own(path)) is not None and wanted(own):
                        found.setdefault((own, blob), Past(own, blob, sha[:9]))
        return list(found.values())

    def _leads(self, directory: str) -> bool:
        """Whether a directory of the repository, with a / at the end, is on the way to the submission or in it."""
        return directory.startswith(self.prefix) or self.prefix.startswith(directory)

    def _own(self, path: str) -> str | None:
        """A path of the repository as the submission's; None when it is not below it."""
        return path[len(self.prefix) :] if path.startswith(self.prefix) else None

    def last_change(self, wanted: Callable[[str], bool]) -> date | None:
        """The day of the last commit, along first parents, that changed a wanted file."""
        if self.head is None or self._store is None:
            return None
        sha: str | None = self.head
        newest: tuple[frozenset[tuple[str, str]], date] | None = None
        for _ in range(200):
            commit = self._store.parsed(sha) if sha else None
            if commit is None or commit.type_name != b"commit":
                break
            files = frozenset(
                (path, blob)
                for path, blob in self._store.files(commit.tree.decode("ascii", "replace"), self._leads)
                if (own := self._own(path)) is not None and wanted(own)
            )
            if newest is not None and files != newest[0]:
                return newest[1]
            newest = files, _day(commit.commit_time)
            sha = commit.parents[0].decode("ascii", "replace") if commit.parents else None
        return newest[1] if newest else None


def _day(seconds: int) -> date:
    try:
        return datetime.fromtimestamp(seconds, UTC).date()
    except (OverflowError, ValueError, OSError):
        return date(1970, 1, 1)


def read_git(tree: Tree) -> Git | None:
    """None when the submission is in no repository, or in one that tracks nothing of it."""
    top = tree.top
    prefix = ""
    if ".git" not in tree.directories:
        if ".git" in tree or (above := _above(tree.top)) is None:
            return None
        top, prefix = above
    git = _read(top, prefix)
    if prefix and not git.tracked:
        git.close()
        return None
    parts = prefix.split("/")[:-1]
    for directory in ("/".join(parts[:depth]) for depth in range(len(parts))):
        data = hidden(top, f"{directory}/.gitignore".lstrip("/"), MAX_IGNORE)
        if data is not None:
            git.ignores.append((directory, data.decode("utf-8", "replace")))
    return git


def _above(top: Path) -> tuple[Path, str] | None:
    """(top of the repository, the submission's prefix in it) of the nearest one above; None where there is none."""
    real = Path(os.path.realpath(top))
    for parent in real.parents[:MAX_ABOVE]:
        git = parent / ".git"
        if git.is_dir() and not git.is_symlink():
            return parent, f"{real.relative_to(parent).as_posix()}/"
        if os.path.lexists(git):
            return None  # of a worktree or a submodule: its repository is elsewhere
    return None


def _read(top: Path, prefix: str) -> Git:
    from dulwich.index import read_index

    git = Git({}, None, prefix)
    git._store = _Store(top, git.problems)
    data = hidden(top, ".git/index", MAX_INDEX)
    if data is not None:
        try:
            for entry in read_index(io.BytesIO(data)):
                if (own := git._own(entry.name.decode("utf-8", "replace"))) is not None:
                    git.tracked[own] = entry.sha.decode("ascii", "replace")
                    if entry.mode & 0o111:
                        git.executable.add(own)
        except Exception as error:  # dulwich raises what struct, assert and its own checks raise
            git.problems.append((Place(".git/index"), f"not a git index: {type(error).__name__}"))
    git.head = git._store.head()
    return git


class _Store:
    def __init__(self, top: Path, problems: list[tuple[Place, str]]) -> None:
        self._top = top
        self._problems = problems
        self._packs: list[Any] | None = None
        self._left = MAX_OBJECTS
        self._parsed: dict[str, Any] = {}

    def close(self) -> None:
        for pack in self._packs or ():
            pack.close()
        self._packs = None

    def head(self) -> str | None:
        data = hidden(self._top, ".git/HEAD", 4096)
        if data is None:
            return None
        text = data.decode("utf-8", "replace").strip()
        if text.startswith("ref:"):
            return self._refs().get(text[4:].strip())
        return text if _is_sha(text) else None

    def heads(self) -> list[str]:
        head = self.head()
        return list(dict.fromkeys([*([head] if head else []), *self._refs().values()]))

    def _refs(self) -> dict[str, str]:
        found: dict[str, str] = {}
        packed = hidden(self._top, ".git/packed-refs", 4 << 20) or b""
        for line in packed.decode("utf-8", "replace").splitlines():
            sha, _, name = line.partition(" ")
            if _is_sha(sha):
                found[name] = sha
        pending = ["refs"]
        while pending and len(found) < 2_000:
            directory = pending.pop()
            for name, is_directory in self._list(directory):
                if is_directory and directory.count("/") < 8:
                    pending.append(f"{directory}/{name}")
                elif not is_directory:
                    text = (hidden(self._top, f".git/{directory}/{name}", 4096) or b"").decode("ascii", "replace")
                    if _is_sha(text.strip()):
                        found[f"{directory}/{name}"] = text.strip()
        return found

    def _list(self, directory: str) -> list[tuple[str, bool]]:
        """Directories and files, not links."""
        path = self._top / ".git"
        for part in directory.split("/"):
            path = path / part
            if path.is_symlink():
                return []
        try:
            with os.scandir(path) as listing:
                found = [entry for _, entry in zip(range(2_000), listing, strict=False)]
                return [
                    (entry.name, entry.is_dir(follow_symlinks=False))
                    for entry in sorted(found, key=lambda one: one.name)
                    if not entry.is_symlink()
                ]
        except OSError:
            return []

    # -- objects ---------------------------------------------------------------------------

    def get(self, sha: str, kind: str) -> bytes | None:
        found = self._raw(sha)
        return found[1] if found is not None and found[0] == TYPES[kind.encode()] else None

    def parsed(self, sha: str) -> Any:
        """A commit, tree or tag, or None."""
        from dulwich.objects import ShaFile

        if sha not in self._parsed:
            found = self._raw(sha)
            made = None
            if found is not None and found[0] != TYPES[b"blob"]:
                try:
                    made = ShaFile.from_raw_string(found[0], found[1])
                    made.check()
                except Exception as error:
                    self._lie(sha, f"not what git writes: {type(error).__name__}")
                    made = None
            self._parsed[sha] = made
        return self._parsed[sha]

    def entries(self, sha: str) -> list[tuple[str, int, str]]:
        tree = self.parsed(sha)
        if tree is None or tree.type_name != b"tree":
            return []
        return [
            (one.path.decode("utf-8", "replace"), one.mode, one.sha.decode("ascii", "replace"))
            for one in tree.iteritems()
        ]

    def files(self, sha: str, leads: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
        """(path, blob) below a tree, in directories for which `leads` is true."""
        pending = [("", sha)]
        for _ in range(5_000):
            if not pending:
                return
            prefix, tree = pending.pop()
            for name, mode, blob in self.entries(tree):
                if stat.S_ISDIR(mode) and prefix.count("/") < 24 and leads(f"{prefix}{name}/"):
                    pending.append((f"{prefix}{name}/", blob))
                elif stat.S_ISREG(mode):
                    yield prefix + name, blob

    def _raw(self, sha: str) -> tuple[int, bytes] | None:
        """(type, content); None when it is not there or not what its name says."""
        self._left -= 1
        if self._left < 0 or not _is_sha(sha):
            if self._left == -1:
                self._problems.append((Place(".git"), f"more than {MAX_OBJECTS} objects; the rest was not looked at"))
            return None
        found = self._loose(sha) or self._packed(sha)
        if found is None:
            return None
        name = {number: word for word, number in TYPES.items()}.get(found[0], b"?")
        if hashlib.sha1(name + b" %d\0" % len(found[1]) + found[1], usedforsecurity=False).hexdigest() != sha:
            self._lie(sha, "its content is not what its name says")
            return None
        return found

    def _lie(self, sha: str, says: str) -> None:
        if len(self._problems) < 20:
            self._problems.append((Place(f".git/objects/{sha[:2]}/{sha[2:]}"), says))

    def _loose(self, sha: str) -> tuple[int, bytes] | None:
        data = hidden(self._top, f".git/objects/{sha[:2]}/{sha[2:]}", MAX_OBJECT)
        if data is None:
            return None
        try:
            unpacker = zlib.decompressobj()
            content = unpacker.decompress(data, MAX_OBJECT)
        except zlib.error:
            self._lie(sha, "not compressed as git does")
            return None
        if unpacker.unconsumed_tail:
            self._lie(sha, f"more than {MAX_OBJECT} bytes when unpacked; not read")
            return None
        header, _, body = content.partition(b"\0")
        return TYPES.get(header.split(b" ")[0], 0), body

    def _packed(self, sha: str) -> tuple[int, bytes] | None:
        for pack in self._open_packs():
            try:
                kind, content = pack.get_raw(bytes.fromhex(sha))
            except KeyError:
                continue
            except (MemoryError, Exception) as error:
                self._lie(sha, f"cannot be unpacked: {type(error).__name__}")
                return None
            joined = content if isinstance(content, bytes) else b"".join(content)
            return kind, joined
        return None

    def _open_packs(self) -> list[Any]:
        if self._packs is None:
            from dulwich.object_format import SHA1
            from dulwich.pack import Pack

            self._packs = []
            names = [name for name, is_directory in self._list("objects/pack") if not is_directory]
            for name in names[: 3 * MAX_PACKS]:
                base = self._top / ".git/objects/pack" / name.removesuffix(".idx")
                if not name.endswith(".idx") or f"{name[:-4]}.pack" not in names:
                    continue
                try:
                    if base.with_name(base.name + ".pack").lstat().st_size > MAX_PACK:
                        raise ValueError("too large")
                    self._packs.append(Pack(os.fspath(base), object_format=SHA1))
                except Exception as error:
                    place = Place(f".git/objects/pack/{name}")
                    self._problems.append((place, f"not a pack: {type(error).__name__}"))
        return self._packs


def _is_sha(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{40}", text) is not None
