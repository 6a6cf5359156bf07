"""YAML 1.2 whose scalars know their lines.

Scalars stay texts (`Text`), whatever a resolver would make of them: `21:21`, `no` and `3.8` are what was written.
`plain` gives the typed values a JSON schema wants.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from pytest_isolation.inception.place import Broken, Place, Text, Unreadable

MAX_NODES = 20_000
"""After aliases are followed: a document of a thousand lines has about five thousand."""
BREAKS = "\r\n\x85\u2028\u2029"
END = f"\0{BREAKS}"


class Map(dict[str, Any]):
    """A mapping; `at` is where it starts.  Its keys are Texts."""

    at: Place

    def key(self, name: str) -> Text:
        """The key as it was written, with its place."""
        return next(key for key, _ in self.entries() if key == name)

    def entries(self) -> Iterator[tuple[Text, Any]]:
        """`items`, with keys that know their places."""
        for key, value in self.items():
            assert isinstance(key, Text)
            yield key, value


class Seq(list[Any]):
    at: Place


class Typed(Text):
    """A scalar whose tag makes it more than a string (null, bool, int, float)."""

    value: Any


def load(text: str, file: str) -> Any:
    """The first document.  Raises Broken for what is no YAML, Unreadable for what grows past MAX_NODES."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 2)
    reader.Scanner = _scanner()
    reader.composer.warn_double_anchors = False
    try:
        node = reader.compose(text)
        return _Builder(file).build(node) if node is not None else None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Place(file, mark.line + 1 if mark else 0)
        several = "another document" in str(error.problem)  # of which compose reads each
        kind = Unreadable if several else Broken
        raise kind(f"not YAML: {error.problem or error.context}", at) from None
    except YAMLError as error:
        raise Broken(f"not YAML: {' '.join(str(error).split())[:200]}", Place(file)) from None
    except RecursionError:
        raise Unreadable("nested too deep to be a compose file", Place(file)) from None


@cache
def _scanner() -> type[Any]:
    """ruamel's, with tabs where libyaml and go-yaml (so compose) take them; ruamel takes none outside of flows.

    Source: yaml_parser_scan_to_next_token, yaml_parser_scan_plain_scalar, yaml_parser_scan_block_scalar in scanner.c.
    """
    from ruamel.yaml.scanner import Scanner, ScannerError

    class Tabs(Scanner):
        def scan_to_next_token(self) -> None:
            """A tab is white space but where a key may begin: at a line's start, behind `-` and `?`."""
            peek, forward = self.reader.peek, self.reader.forward
            if self.reader.index == 0 and peek() == "\ufeff":
                forward()
            while True:
                while peek() == " " or (peek() == "\t" and (self.flow_level > 0 or not self.allow_simple_key)):
                    forward()
                if peek() == "#":
                    while peek() not in END:
                        forward()
                if not self.scan_line_break():
                    return
                if not self.flow_level:
                    self.allow_simple_key = True

        def scan_plain_spaces(self, indent: int, start_mark: Any) -> list[str] | None:
            peek, forward = self.reader.peek, self.reader.forward
            length = 0
            while peek(length) in " \t":
                length += 1
            between = self.reader.prefix(length)
            forward(length)
            if peek() not in BREAKS:
                return [between] if between else []
            first = self.scan_line_break()
            self.allow_simple_key = True
            breaks: list[str] = []
            while True:
                if self.reader.prefix(3) in ("---", "...") and self.reader.column == 0 and peek(3) in END + " \t":
                    return None
                if peek() == "\t" and self.reader.column < indent:
                    raise ScannerError(
                        "while scanning a plain scalar", start_mark, "found a tab that violates the indentation",
                        self.reader.get_mark(),
                    )  # fmt: skip
                if peek() in " \t":
                    forward()
                elif peek() in BREAKS:
                    breaks.append(self.scan_line_break())
                else:
                    break
            return [*([first] if first != "\n" else [] if breaks else [" "]), *breaks]

        def scan_block_scalar_indentation(self) -> tuple[list[str], int, Any]:
            """Blank lines before the first line of a block: with fewer spaces than that line, too."""
            chunks: list[str] = []
            most, end = 0, self.reader.get_mark()
            while True:
                while self.reader.peek() == " ":
                    self.reader.forward()
                most = max(most, self.reader.column)
                if self.reader.peek() not in BREAKS:
                    self._refuse_tab()
                    return chunks, most, end
                chunks.append(self.scan_line_break())
                end = self.reader.get_mark()

        def scan_block_scalar_indicators(self, start_mark: Any) -> tuple[bool | None, int | None]:
            """What is behind `|` and `>`, up to the first blank."""
            found = ""
            while self.reader.peek() not in END + " \t#":
                found += self.reader.peek()
                self.reader.forward()
            match = re.fullmatch(r"([+-]?)([1-9]?)|([1-9])([+-])", found)
            if match is None:
                says = f"expected chomping or indentation indicators, but found {found!r}"
                raise ScannerError("while scanning a block scalar", start_mark, says, self.reader.get_mark())
            sign, digit = match[1] or match[4], match[2] or match[3]
            return (sign == "+" if sign else None), (int(digit) if digit else None)

        def scan_block_scalar_ignored_line(self, start_mark: Any) -> Any:
            while self.reader.peek() in " \t":
                self.reader.forward()
            return super().scan_block_scalar_ignored_line(start_mark)

        def scan_block_scalar_breaks(self, indent: int) -> Any:
            found = super().scan_block_scalar_breaks(indent)
            if self.reader.column < indent:
                self._refuse_tab()
            return found

        def _refuse_tab(self) -> None:
            if self.reader.peek() == "\t":
                says, mark = "found a tab where an indentation space is expected", self.reader.get_mark()
                raise ScannerError("while scanning a block scalar", mark, says, mark)

    return Tabs


def plain(value: Any) -> Any:
    """What JSON has."""
    if isinstance(value, Map):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Seq):
        return [plain(item) for item in value]
    return value.value if isinstance(value, Typed) else None if value is None else str(value)


class _Builder:
    def __init__(self, file: str) -> None:
        self.file = file
        self.nodes = 0
        self.open: set[int] = set()

    def build(self, node: Any) -> Any:
        from ruamel.yaml.nodes import MappingNode, SequenceNode

        self.nodes += 1
        at = Place(self.file, node.start_mark.line + 1)
        if self.nodes > MAX_NODES:
            raise Unreadable(f"more than {MAX_NODES} values once its aliases are followed", at)
        if not isinstance(node, MappingNode | SequenceNode):
            return self.scalar(node, at)
        if id(node) in self.open:
            raise Broken("an alias contains itself", at)
        self.open.add(id(node))
        made = self.mapping(node, at) if isinstance(node, MappingNode) else self.sequence(node, at)
        self.open.discard(id(node))
        return made

    def scalar(self, node: Any, at: Place) -> Text | None:
        kind = str(node.tag).rpartition(":")[2]
        if kind == "null":
            return None
        text = Typed(str(node.value), at)
        text.value = _typed(kind, str(node.value))
        return text

    def sequence(self, node: Any, at: Place) -> Seq:
        made = Seq(self.build(item) for item in node.value)
        made.at = at
        return made

    def mapping(self, node: Any, at: Place) -> Map:
        made, merged = Map(), Map()
        made.at = at
        for key_node, value_node in node.value:
            if str(key_node.tag).endswith(":merge") or getattr(key_node, "value", None) == "<<":
                value = self.build(value_node)
                for one in value if isinstance(value, Seq) else [value]:
                    if not isinstance(one, Map):
                        raise Broken("<< merges something that is no mapping", at)
                    for key, item in one.items():
                        merged.setdefault(key, item)
                continue
            key = self.build(key_node)
            if key is None:
                key = Text("", Place(self.file, key_node.start_mark.line + 1))
            if not isinstance(key, Text):
                raise Unreadable("a key is not a text", at)
            if key in made:
                raise Unreadable(f"the key {str(key)!r} is there twice", key.at)
            made[key] = self.build(value_node)
        for key, item in merged.items():
            made.setdefault(key, item)
        return made


def _typed(kind: str, text: str) -> Any:
    """The value of the core schema's tags; anything else is a string."""
    try:
        if kind == "int":
            return int(text.replace("_", ""), 0)
        if kind == "float":
            return float(text)
    except ValueError:
        return text
    return text.lower() == "true" if kind == "bool" else text
