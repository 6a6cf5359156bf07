"""Programs that start others: with another user or limit, for each file that is found, for each word that is read."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pytest_isolation.inception.files.flow import Output, text_of

if TYPE_CHECKING:
    from pytest_isolation.inception.files.commands import Disk

WITH_USER = frozenset({"gosu", "su-exec", "s6-setuidgid", "chroot", "setuidgid"})
OPTIONS_FIRST = frozenset({"setpriv", "nice", "ionice", "stdbuf", "timeout", "tini", "dumb-init", "catatonit", "chrt"})
MAX_CALLS = 200
"""Commands that one `find` or `xargs` starts."""
MAX_AROUND = 6
"""One around the other."""


def within(words: Sequence[str]) -> list[str]:
    """The words of the program that is started in the end."""
    found = list(words)
    for _ in range(MAX_AROUND):
        name = posixpath.basename(found[0]) if found else ""
        if name in WITH_USER:
            found = found[2:]
        elif name in OPTIONS_FIRST and len(found) > 1:
            found = found[1:]
            while found and (
                found[0].startswith("-") or (name == "timeout" and re.fullmatch(r"[\d.]+[smhd]?", found[0]))
            ):
                found = found[1:] if found[0].startswith("--") or len(found[0]) != 2 or name == "tini" else found[2:]
        elif name in ("su", "runuser") and "-c" in found[:-1]:
            return ["sh", "-c", found[found.index("-c") + 1]]
        elif name == "runuser" and ("--" in found or "-u" in found[:-2]):
            at = found.index("--") if "--" in found else found.index("-u") + 1
            found = found[at + 1 :]
        else:
            break
    return found


PLAIN = frozenset({"-print", "-print0", "-follow", "-xdev", "-L"})


def found_by(words: Sequence[str], disk: Disk) -> tuple[list[str], list[str]] | None:
    """(paths that `find` finds, words of what it starts for them); None where a test of it is not understood."""
    rest, tops = list(words[1:]), []
    while rest and not rest[0].startswith(("-", "!", "(", "\\")):
        tops.append(rest.pop(0))
    if any("$" in top or "`" in top for top in tops):
        return None
    names: list[str] = []
    inner: list[str] = []
    while rest:
        word = rest.pop(0)
        if word in ("-name", "-iname") and rest:
            names.append(rest.pop(0))
        elif word in ("-maxdepth", "-mindepth", "-type") and rest:
            if rest.pop(0) == "d":
                return None
        elif word in ("-exec", "-execdir"):
            end = next((at for at, one in enumerate(rest) if one in (";", "\\;", "+")), len(rest))
            inner, rest = rest[:end], rest[end + 1 :]
        elif word == "-delete":
            inner = ["rm", "-f", "{}"]
        elif word not in PLAIN:
            return None
    paths = [
        path for top in tops or ["."] for path in [*disk.named([top]), *disk.below(disk.path(top))]
        if all(fnmatchcase(posixpath.basename(path), name) for name in names)
    ]  # fmt: skip
    return sorted(dict.fromkeys(paths)), inner


def calls(words: Sequence[str], paths: Sequence[str]) -> list[list[str]]:
    """What `find -exec` starts."""
    return [[path if word == "{}" else word.replace("{}", path) for word in words] for path in paths[:MAX_CALLS]]


def by_xargs(words: Sequence[str], fed: Output) -> list[list[str]] | None:
    """What `xargs` starts; None where that is not known."""
    if fed is None:
        return None
    rest = list(words[1:])
    put = ""
    one_by_one = False
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word.startswith("-I"):
            put = word[2:] or (rest.pop(0) if rest else "")
        elif word in ("-n", "-L", "-P", "-d") and rest:
            one_by_one = one_by_one or (word in ("-n", "-L") and rest[0] == "1")
            rest.pop(0)
        elif re.fullmatch(r"-[n L]1", word):
            one_by_one = True
        elif not re.fullmatch(r"-[0rt]+|--null|--no-run-if-empty", word):
            return None
    text = text_of(fed)
    if put:
        return [[word.replace(put, line.strip()) for word in rest] for line in text.splitlines()[:MAX_CALLS]]
    items = [item for item in re.split(r"[\s\0]+", text) if item][:MAX_CALLS]
    return [[*rest, item] for item in items] if one_by_one else [[*rest, *items]]
