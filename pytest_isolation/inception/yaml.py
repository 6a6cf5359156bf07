"""YAML 1.2 whose scalars know their lines, as libyaml reads it: compose's own reader is a port of that.

Scalars stay texts (`Text`), whatever a resolver would make of them: `21:21`, `no` and `3.8` are what was written.
`plain` gives the typed values a JSON schema wants.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pytest_isolation.errors import in_one_line
from pytest_isolation.inception.place import Broken, Place, Text, Unreadable

MAX_NODES = 20_000
"""After aliases are followed: a document of a thousand lines has about five thousand."""
TOO_MANY = f"more than {MAX_NODES} values once its aliases are followed"
CORE = (
    ("null", re.compile(r"null|Null|NULL|~|")),
    ("bool", re.compile(r"true|True|TRUE|false|False|FALSE")),
    ("int", re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")),
    ("float", re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")),
)
"""Tag -> the plain scalars that have it."""


class Map(dict[str, Any]):
    """A mapping; `at` is where it starts.  Its keys are Texts."""

    at: Place

    @classmethod
    def empty(cls, at: Place) -> Map:
        """One with nothing in it yet, that starts there."""
        made = cls()
        made.at = at
        return made

    def key(self, name: str) -> Text:
        """The key as it was written, with its place."""
        return next(key for key, _ in self.entries() if key == name)

    def entries(self) -> Iterator[tuple[Text, Any]]:
        """`items`, with keys that know their places."""
        for key, value in self.items():
            assert isinstance(key, Text)
            yield key, value


class Seq(list[Any]):
    """A sequence that knows where it stands."""

    at: Place


class Typed(Text):
    """A scalar whose tag makes it more than a string (null, bool, int, float)."""

    value: Any


@dataclass(slots=True)
class Node:
    """A scalar, a sequence or a mapping as it stands in the file; an alias is the node that it names."""

    kind: str
    """scalar, sequence or mapping."""
    line: int
    """From 1."""
    tag: str | None = None
    value: str = ""
    plain: bool = False
    """Of a scalar: without quotes and without a tag, so that its text decides what it is."""
    items: list[Node] = field(default_factory=list)
    """Of a mapping: key, value, key, value."""


def load(text: str, file: str) -> Any:
    """The first document.  Raises Broken for what is no YAML, Unreadable for what grows past MAX_NODES."""
    import yaml

    try:
        node = _composed(text, file)
        return _Builder(file).build(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Place(file, mark.line + 1 if mark else 0)
        if "nesting depth" in str(error.problem):  # go-yaml takes ten times as deep
            raise Unreadable("nested too deep to be a compose file", at) from None
        raise Broken(f"not YAML: {error.problem or error.context}", at) from None
    except yaml.YAMLError as error:
        raise Broken(f"not YAML: {in_one_line(error)[:200]}", Place(file)) from None
    except RecursionError:
        raise Unreadable("nested too deep to be a compose file", Place(file)) from None


def _composed(text: str, file: str) -> Node | None:
    """What libyaml reads, without recursion: its events, put together.  None for a file without a document."""
    import yaml

    top = Node("sequence", 0)
    open_ = [top]
    anchors: dict[str, Node] = {}
    documents = nodes = 0
    for event in yaml.parse(text, Loader=yaml.CBaseLoader):
        line = event.start_mark.line + 1 if event.start_mark is not None else 0
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:  # of which compose reads each
                raise Unreadable("not YAML: but found another document", Place(file, line))
        elif isinstance(event, yaml.CollectionEndEvent):
            open_.pop()
        elif isinstance(event, yaml.NodeEvent):
            if isinstance(event, yaml.AliasEvent):
                if event.anchor not in anchors:
                    raise Broken(f"not YAML: found undefined alias {event.anchor!r}", Place(file, line))
                open_[-1].items.append(anchors[event.anchor])
                continue
            if isinstance(event, yaml.ScalarEvent):
                made = Node("scalar", line, event.tag, event.value, event.tag is None and event.implicit[0])
            else:
                made = Node("mapping" if isinstance(event, yaml.MappingStartEvent) else "sequence", line)
            nodes += 1
            if nodes > MAX_NODES:
                raise Unreadable(TOO_MANY, Place(file, line))
            open_[-1].items.append(made)
            if event.anchor is not None:
                anchors[event.anchor] = made
            if made.kind != "scalar":
                open_.append(made)
    return top.items[0] if top.items else None


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

    def build(self, node: Node) -> Any:
        self.nodes += 1
        at = Place(self.file, node.line)
        if self.nodes > MAX_NODES:
            raise Unreadable(TOO_MANY, at)
        if node.kind == "scalar":
            return self.scalar(node, at)
        if id(node) in self.open:
            raise Broken("an alias contains itself", at)
        self.open.add(id(node))
        made = self.mapping(node, at) if node.kind == "mapping" else self.sequence(node, at)
        self.open.discard(id(node))
        return made

    def scalar(self, node: Node, at: Place) -> Text | None:
        kind = _kind(node.value) if node.plain else (node.tag or "").rpartition(":")[2]
        if kind == "null":
            return None
        text = Typed(node.value, at)
        text.value = _typed(kind, node.value)
        return text

    def sequence(self, node: Node, at: Place) -> Seq:
        made = Seq(self.build(item) for item in node.items)
        made.at = at
        return made

    def mapping(self, node: Node, at: Place) -> Map:
        made, merged = Map(), Map()
        made.at = at
        for key_node, value_node in zip(node.items[::2], node.items[1::2], strict=True):
            if key_node.kind == "scalar" and key_node.value == "<<":
                value = self.build(value_node)
                for one in value if isinstance(value, Seq) else [value]:
                    if not isinstance(one, Map):
                        raise Broken("<< merges something that is no mapping", at)
                    for key, item in one.items():
                        merged.setdefault(key, item)
                continue
            key = self.build(key_node)
            if key is None:
                key = Text("", Place(self.file, key_node.line))
            if not isinstance(key, Text):
                raise Unreadable("a key is not a text", at)
            if key in made:
                raise Broken(f"the key {str(key)!r} is there twice", key.at)
            made[key] = self.build(value_node)
        for key, item in merged.items():
            made.setdefault(key, item)
        return made


def _kind(text: str) -> str:
    """What a plain scalar is by the core schema of YAML 1.2, chapter 10.3: null, bool, int, float or str."""
    return next((kind for kind, pattern in CORE if pattern.fullmatch(text)), "str")


def _typed(kind: str, text: str) -> Any:
    """The value of the core schema's tags; anything else is a string."""
    try:
        if kind == "int":
            return int(text, 0)
        if kind == "float":
            return float(text.replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        return text
    return text.lower() == "true" if kind == "bool" else text
