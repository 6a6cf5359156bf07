"""YAML 1.2 whose scalars know their lines.

Scalars stay texts (`Text`), whatever a resolver would make of them: `21:21`, `no` and `3.8` are what was written.
`plain` gives the typed values a JSON schema wants.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_isolation.inception.place import Place, Text, Unreadable

MAX_NODES = 20_000
"""After aliases are followed: a document of a thousand lines has about five thousand."""


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
    """The first document.  Raises Unreadable for what is no YAML or grows past MAX_NODES."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 2)
    try:
        node = reader.compose(text)
        return _Builder(file).build(node) if node is not None else None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Place(file, mark.line + 1 if mark else 0)
        raise Unreadable(f"not YAML: {error.problem or error.context}", at) from None
    except YAMLError as error:
        raise Unreadable(f"not YAML: {' '.join(str(error).split())[:200]}", Place(file)) from None
    except RecursionError:
        raise Unreadable("nested too deep to be a compose file", Place(file)) from None


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
            raise Unreadable("an alias contains itself", at)
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
                        raise Unreadable("<< merges something that is no mapping", at)
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
