"""The words of a shell script with the values that are known; what is not known stays as it was written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pytest_isolation.inception.files.flow import Output
from pytest_isolation.inception.files.flow import text_of as text_of_pieces
from pytest_isolation.inception.nodes import text_of
from pytest_isolation.inception.variables import interpolate

if TYPE_CHECKING:
    from tree_sitter import Node

EXPANSIONS = frozenset({"simple_expansion", "expansion", "command_substitution"})
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "a": "", "b": "", "e": "", "f": "", "v": ""}
IN_DOUBLE = re.compile(r"\\([$`\"\\\n])")
IN_DOCUMENT = re.compile(r"\\([$`\\\n])")
BARE = re.compile(r"\\(.)", re.DOTALL)
PLAIN = re.compile(r"\$(?:\{(\w+)\}|(\w+)|([@*#?!$-])|\{([@*#])\})")
DEFAULT = re.compile(r"\$\{(\w+):?=([^{}]*)\}")
REPLACED = re.compile(r"\$\{(\w+)(//?)((?:\\.|[^/{}])+)(?:/([^{}]*))?\}")
INDIRECT = re.compile(r"\$\{!(\w+)\}")
TRIMMED = re.compile(r"\$\{(\w+)(%%?|##?)([^{}]*)\}")
LIST = re.compile(r"\$(?:[@*]|\{[@*]\}|\{(\w+)\[[@*]\]\})")

OF_NGINX = frozenset({
    "uri", "args", "is_args", "query_string", "document_root", "realpath_root", "document_uri", "request_uri",
    "fastcgi_script_name", "fastcgi_path_info", "request_method", "http_host", "http_upgrade", "remote_addr",
    "proxy_add_x_forwarded_for", "request_filename",
})  # fmt: skip
"""NGINX's variables: a shell that nobody gave one puts nothing in its place."""

MAX_SPENT = 3_000_000
"""Characters of all values that are put in; after them words stay as they were written."""

MAX_TRIMMED = 500
"""Characters of a value of which a pattern takes its begin or its end."""

Segments = list[tuple[str, int]]
"""(text, row of the script's tree)"""


class Words:
    """Values of a shell, and what they make of its words."""

    def __init__(self, values: dict[str, str], capture: Callable[[Node], Output]) -> None:
        self.values = values
        self.arrays: dict[str, list[str]] = {}
        self.assigned: set[str] = set()
        """Names that a script gave a value, known or not."""
        self.arguments: list[str] | None = None
        """Of the function that is called; None outside: those of the script are not known."""
        self.capture = capture
        self.spent = 0
        """Characters of the values that were put in."""

    def word(self, node: Node) -> str:
        """One word, its quotes taken off."""
        return "".join(text for text, _ in self.segments(node))

    def is_list(self, node: Node) -> bool:
        """Whether a shell may make several words of it."""
        return node.type in EXPANSIONS or _as_list(text_of(node)) is not None

    def many(self, node: Node) -> list[str]:
        """The words that a shell makes of one."""
        written = text_of(node)
        if match := _as_list(written):
            if match[1]:
                return self.arrays.get(match[1], [written])
            return list(self.arguments) if self.arguments is not None else [written]
        if node.type in EXPANSIONS:
            word = self.word(node)
            return [word] if word.startswith("$") else word.split()
        return [self.word(node)]

    def segments(self, node: Node) -> Segments:
        """Its text, line of the script by line."""
        row = node.start_point[0]
        if node.type == "string":
            return list(self._inside(node, 1, IN_DOUBLE))
        if node.type == "raw_string":
            return _lines(text_of(node)[1:-1], row)
        if node.type == "ansi_c_string":
            return [(unescaped(text_of(node)[2:-1]), row)]
        if node.type in EXPANSIONS:
            return [(self._value(node), row)]
        if node.type in ("concatenation", "command_name") and node.children:
            return [one for child in node.children for one in self.segments(child)]
        if node.type == "heredoc_body":
            return list(self._inside(node, 0, IN_DOCUMENT))
        return _lines(BARE.sub(lambda match: "" if match[1] == "\n" else match[1], text_of(node)), row)

    def _inside(self, node: Node, quotes: int, escaped: re.Pattern[str]) -> Iterator[tuple[str, int]]:
        """Between quotes, or in a here-document: texts, and expansions."""
        whole = node.text or b""
        begin, end = node.start_byte + quotes, node.end_byte - quotes
        row = node.start_point[0]

        def plain(until: int) -> Segments:
            raw = whole[begin - node.start_byte : until - node.start_byte].decode("utf-8", "replace")
            return _lines(escaped.sub(lambda match: "" if match[1] == "\n" else match[1], raw), row)

        for child in node.children:
            if child.type not in EXPANSIONS:
                continue
            # The grammar counts white space before a dollar as the expansion's.
            text = child.text or b""
            space = len(text) - len(text.lstrip())
            yield from plain(child.start_byte + space)
            row = child.end_point[0]
            yield self._value(child), row
            begin = child.end_byte
        yield from plain(end)

    def _value(self, node: Node) -> str:
        value = self._known(node)
        self.spent += len(value)
        return value if self.spent < MAX_SPENT else text_of(node).strip()

    def _known(self, node: Node) -> str:
        written = text_of(node).strip()
        if node.type == "command_substitution":
            printed = self.capture(node)
            return written if printed is None else text_of_pieces(printed).rstrip("\n")
        if match := DEFAULT.fullmatch(written):
            self.values.setdefault(match[1], interpolate(match[2].strip("\"'"), self.values))
            return self.values[match[1]]
        if match := PLAIN.fullmatch(written):
            name = match[1] or match[2] or match[3] or match[4]
            if (name.isdigit() or name in "@*#") and self.arguments is not None and name != "0":
                if name == "#":
                    return str(len(self.arguments))
                if not name.isdigit():
                    return " ".join(self.arguments)
                return self.arguments[int(name) - 1] if int(name) <= len(self.arguments) else ""
            eaten = name in OF_NGINX and name not in self.assigned
            return self.values.get(name, "" if eaten else written)
        if (match := INDIRECT.fullmatch(written)) and (name := self.values.get(match[1])) is not None:
            return self.values.get(name, f"${{{name}}}")
        if (match := REPLACED.fullmatch(written)) and (value := self._named(match[1])) is not None:
            old, new = (interpolate(one.replace("\\/", "/"), self.values) for one in (match[3], match[4] or ""))
            if not re.search(r"[*?\[\\$]", old):
                return value.replace(old, new, -1 if match[2] == "//" else 1)
        if (match := TRIMMED.fullmatch(written)) and (value := self._named(match[1])) is not None:
            return trimmed(value, match[2], interpolate(match[3], self.values).strip("\"'"))
        if re.match(r"\$\{\w+:?[-+?]", written):
            made = interpolate(written, {**self.values, **self._positions()})
            return made if made == written else re.sub(r"^([\"'])(.*)\1$", r"\2", made, flags=re.DOTALL)
        return written

    def _named(self, name: str) -> str | None:
        return self._positions().get(name) if name.isdigit() else self.values.get(name)

    def _positions(self) -> dict[str, str]:
        return {str(at): word for at, word in enumerate(self.arguments or (), 1)}


def trimmed(value: str, how: str, pattern: str) -> str:
    """`${NAME%PATTERN}` and its like."""
    ends = [value[at:] if how[0] == "%" else value[:at] for at in range(len(value) + 1)]
    fits = sorted((one for one in ends if fnmatchcase(one, pattern)), key=len) if len(value) < MAX_TRIMMED else []
    if not fits:
        return value
    cut = len(fits[0] if len(how) == 1 else fits[-1])
    return value[: len(value) - cut] if how[0] == "%" else value[cut:]


def _lines(text: str, row: int) -> Segments:
    return [(line, row + number) for number, line in enumerate(text.splitlines(keepends=True))] if text else []


def _as_list(written: str) -> re.Match[str] | None:
    """`"$*"` and `"${NAME[*]}"` are one word, whatever is in them."""
    return None if written.startswith('"') and "*" in written else LIST.fullmatch(written.strip('"'))


def unescaped(text: str) -> str:
    """As `printf` and `echo -e` read backslashes; one before another sign stays."""
    return re.sub(r"\\(.)", lambda match: ESCAPES.get(match[1], match[0]), text)
