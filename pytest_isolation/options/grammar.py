"""The grammar of --box: text to a BoxSpec, and back.

    spec   := [ NAME "=" ] TECHNOLOGY [ "@" TECHNOLOGY ] [ ":" item { "," item } ]
                                                       INNER@OUTER: a box in a box; outer.KEY is the outer one's
    item   := [ KEY "=" ] value { "+" value } [ "+" ]   a list is KEY=A+B, or the key repeated;
                                                       a "+" at the end makes a list of one
    quotes as in a shell: 'as it is', "with \\" and \\\\", \\x for one character.

Only what is quoted may contain , + quotes and backslashes; without a key, : and = are quoted too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Char = tuple[str, bool]
"""A character and whether it was quoted; ("", True) marks a pair of quotes, so that '' is not nothing."""

WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
"""A box's name is part of node ids, where ~ and / have a meaning."""
INSIDE = "@"
"""Between the technologies of a box in a box; before the first colon, so that an address may have it, too."""
NESTED = f"INNER{INSIDE}OUTER, such as bubblewrap{INSIDE}docker"
KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)

EXAMPLE = "for example docker, or strict=docker:memory=64M,network=none"


@dataclass(frozen=True, slots=True)
class Item:
    """KEY=value, with an empty key for a bare value; a list when several were given, or the sign of one was."""

    key: str
    values: tuple[str, ...]
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """A spec as it was written: nothing is looked up yet."""

    name: str | None
    technology: str
    items: tuple[Item, ...] = ()


def read(text: str, where: str | None = None) -> Written:
    """`where` it is written, if not after --box.  Raises UsageError, with the place and what was expected."""
    where = where or f"--box {text!r}"
    chars = _unquoted(text, where)
    head, *rest = _split(chars, ":", 1)
    name, technology = None, _joined(head)
    parts = _split(head, "=", 1)
    if len(parts) == 2:
        name, technology = map(_joined, parts)
        if not WORD.fullmatch(name):
            raise UsageError(
                f"{where}: the name before = is {name!r}; expected letters, digits, dots, dashes and underscores, "
                f"{EXAMPLE}"
            )
    if not all(map(WORD.fullmatch, technology.split(INSIDE))):
        form = NESTED if INSIDE in technology else f"[NAME=]TECHNOLOGY[:KEY=VALUE,...], {EXAMPLE}"
        raise UsageError(f"{where}: the technology is {technology!r}; expected {form}")
    if technology.count(INSIDE) > 1:
        raise UsageError(f"{where}: {technology} is more than a box in a box; expected {NESTED}")
    items = [_item(part, where) for part in _split(rest[0], ",")] if rest else []
    return Written(name, technology, tuple(_merged(items)))


def written(spec: Written) -> str:
    """The inverse of `read`."""
    head = spec.technology if spec.name is None else f"{spec.name}={spec.technology}"
    return ":".join(filter(None, (head, ",".join(map(_item_text, spec.items)))))


def _unquoted(text: str, where: str) -> list[Char]:
    found: list[Char] = []
    chars = iter(text)
    for char in chars:
        if char == "\\":
            escaped = next(chars, None)
            if escaped is None:
                raise UsageError(f"{where}: it ends in a backslash; expected a character after it")
            found.append((escaped, True))
        elif char in "'\"":
            found.append(("", True))
            found += [(inner, True) for inner in _quoted(chars, char, where)]
        else:
            found.append((char, False))
    return found


def _quoted(chars: Iterable[str], quote: str, where: str) -> list[str]:
    """What is up to the closing quote; in double quotes a backslash keeps the next quote or backslash."""
    found: list[str] = []
    chars = iter(chars)
    for char in chars:
        if char == quote:
            return found
        if char == "\\" and quote == '"':
            following = next(chars, "")
            found.append(following if following in ('"', "\\") else char + following)
        else:
            found.append(char)
    raise UsageError(f"{where}: the quote {quote} is never closed; close it, or write \\{quote} for the character")


def _split(chars: Sequence[Char], separator: str, times: int = -1) -> list[list[Char]]:
    parts: list[list[Char]] = [[]]
    for char in chars:
        if char == (separator, False) and times != 0:
            parts.append([])
            times -= 1
        else:
            parts[-1].append(char)
    return parts


def _joined(chars: Sequence[Char]) -> str:
    return "".join(char for char, _ in chars)


def _item(chars: Sequence[Char], where: str) -> Item:
    if not chars:
        raise UsageError(f"{where}: there is nothing after a : or beside a comma; expected KEY=VALUE, or leave it out")
    *before, value = _split(chars, "=", 1)
    key = _joined(before[0]) if before else ""
    if before and not KEY.fullmatch(key):
        raise UsageError(f"{where}: the key is {key!r}; expected a word, as in memory=64M")
    values = _split(value, "+")
    if len(values) == 1:
        return Item(key, (_joined(values[0]),))
    if not values[-1]:
        values.pop()
    if not all(values):
        name = f"the list of {key}" if key else "the list"
        raise UsageError(f"{where}: {name} has an empty element; write '' for an empty text, or quote the +")
    return Item(key, tuple(map(_joined, values)), is_list=True)


def _merged(items: Iterable[Item]) -> Iterable[Item]:
    """A key that is repeated is a list."""
    found: dict[str, Item] = {}
    for item in items:
        before = found.get(item.key)
        found[item.key] = Item(item.key, before.values + item.values, is_list=True) if before else item
    return found.values()


def _item_text(item: Item) -> str:
    special = re.compile(r"[,+'\"\\\s]" if item.key else r"[,+'\"\\\s:=]")
    values = "+".join(_value_text(value, special) for value in item.values)
    last = "+" if item.is_list and len(item.values) == 1 else ""
    return f"{item.key}={values}{last}" if item.key else f"{values}{last}"


def _value_text(value: str, special: re.Pattern[str]) -> str:
    if value and not special.search(value):
        return value
    if "'" not in value:
        return f"'{value}'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
