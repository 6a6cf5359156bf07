"""Branches and loops of a script that is followed: of a test that is not decided both sides are."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pytest_isolation.inception.files.commands import Disk
from pytest_isolation.inception.files.flow import Held, Output, Pieces, lines_of
from pytest_isolation.inception.files.words import Words
from pytest_isolation.inception.nodes import text_of
from pytest_isolation.inception.place import Place

if TYPE_CHECKING:
    from tree_sitter import Node

MAX_ITEMS = 200
"""Of a loop's list."""
OPERATORS = frozenset({"=", "==", "!="})


class Branches:
    """The part of a shell that decides what runs, and how often."""

    disk: Disk
    words: Words

    def run(self, node: Node, fed: Output) -> Output:
        """What a statement prints."""
        raise NotImplementedError

    def each(self, nodes: Iterable[Node], fed: Output) -> Output:
        """One statement after the other; what they print together."""
        raise NotImplementedError

    def if_(self, node: Node, fed: Output) -> Output:
        """`elif` is a branch as any other."""
        sides: list[tuple[bool | None, list[Node]]] = []
        conditions = node.children_by_field_name("condition")
        tested = {one.id for one in conditions}
        self.each([one for one in conditions if one.is_named], fed)
        own = [
            one for one in node.named_children
            if one.id not in tested and one.type not in ("elif_clause", "else_clause")
        ]  # fmt: skip
        sides.append((self._decided(conditions), own))
        for one in node.named_children:
            if one.type == "elif_clause":
                begin = next((at for at, child in enumerate(one.children) if child.type == "then"), 1)
                sides.append((self._decided(one.children[1:begin]), [c for c in one.children[begin:] if c.is_named]))
            elif one.type == "else_clause":
                sides.append((None, list(one.named_children)))
        open_: list[list[Node]] = []
        for truth, nodes in sides:
            if truth is not False:
                open_.append(nodes)
            if truth:
                break
        return self._branches(open_, fed)

    def case_(self, node: Node, fed: Output) -> Output:
        """`case`: a branch that is sure to fit goes alone."""
        looked_at = node.child_by_field_name("value")
        value = self.words.word(looked_at) if looked_at is not None else "$"
        items = [one for one in node.named_children if one.type == "case_item"]
        open_: list[list[Node]] = []
        for item in items:
            values = item.children_by_field_name("value")
            patterns = [self.words.word(one) for one in values]
            ids = {one.id for one in values}
            nodes = [one for one in item.named_children if one.id not in ids]
            if "$" in value or "`" in value:
                open_.append(nodes)
            elif any(fnmatchcase(value, pattern) for pattern in patterns):
                open_ = [nodes]
                break
        return self._branches(open_, fed)

    def _branches(self, sides: list[list[Node]], fed: Output) -> Output:
        """Each from the same state; of a file that several write, the others are kept beside the first."""
        if not sides:
            return ()
        if len(sides) == 1:
            return self.each(sides[0], fed)
        before, values = dict(self.disk.held), dict(self.words.values)
        ends: list[dict[str, Held]] = []
        known: list[dict[str, str]] = []
        printed: list[Output] = []
        for side in sides:
            self.disk.held = dict(before)
            self.words.values.clear()
            self.words.values.update(values)
            printed.append(self.each(side, fed))
            ends.append(self.disk.held)
            known.append(dict(self.words.values))
        self.disk.held = _merged(before, ends)
        for name in {name for one in known for name in one}:
            new = {one[name] for one in known if name in one and one[name] != values.get(name)}
            self.words.values.pop(name, None)
            if len(new) == 1:
                self.words.values[name] = new.pop()
            elif not new and name in values:
                self.words.values[name] = values[name]
        first = printed[0]
        return first if all(one == first for one in printed) else None

    def _decided(self, conditions: list[Node]) -> bool | None:
        """Whether a test of known values is true; None for any other."""
        named = [one for one in conditions if one.is_named and one.type != "comment"]
        if len(named) != 1 or named[0].type != "test_command":
            return None
        inner = list(named[0].named_children)
        if len(inner) != 1 or inner[0].type not in ("unary_expression", "binary_expression"):
            return None
        sign = next((text_of(one) for one in inner[0].children if one.type == "test_operator" or not one.is_named), "")
        words = [self.words.word(one) for one in inner[0].named_children if one.type != "test_operator"]
        if any("$" in word or "`" in word for word in words):
            return None
        if sign in ("-n", "-z") and len(words) == 1:
            return bool(words[0]) == (sign == "-n")
        if sign in OPERATORS and len(words) == 2:
            return (words[0] == words[1]) == (sign != "!=")
        return None

    def for_(self, node: Node, fed: Output) -> Output:
        """`for`: once for each word of its list."""
        variable, body = node.child_by_field_name("variable"), node.child_by_field_name("body")
        if variable is None or body is None:
            return ()
        name = text_of(variable)
        items: list[str] = []
        for one in node.children_by_field_name("value"):
            for word in self.words.many(one):
                paths = list(self.disk.named([word])) if any(char in word for char in "*?") else []
                items += paths or [word]
        printed: list[tuple[str, Place]] | None = []
        self.words.values.pop(name, None)
        self.words.assigned.add(name)
        for item in items[:MAX_ITEMS] or ["$"]:
            if item.startswith(("$", "`")):
                self.words.values.pop(name, None)
            else:
                self.words.values[name] = item
            one_more = self.run(body, fed)
            printed = None if printed is None or one_more is None else [*printed, *one_more]
        return None if printed is None else tuple(printed)

    def while_(self, node: Node, fed: Output) -> Output:
        """`while read LINE` goes through what it is fed; of another loop one turn is followed."""
        body, condition = node.child_by_field_name("body"), node.child_by_field_name("condition")
        if body is None:
            return ()
        words = text_of(condition).rstrip(" ;\n").split() if condition is not None else []
        if "read" not in words[:2] or fed is None:
            if condition is not None:
                self.run(condition, fed)
            self.run(body, None)
            return None
        printed: list[tuple[str, Place]] | None = []
        for line, _ in lines_of(fed)[:MAX_ITEMS]:
            self.words.values[words[-1]] = line if any("IFS=" in word for word in words) else line.strip()
            one_more = self.run(body, None)
            printed = None if printed is None or one_more is None else [*printed, *one_more]
        return None if printed is None else tuple(printed)


def _merged(before: dict[str, Held], ends: list[dict[str, Held]]) -> dict[str, Held]:
    found: dict[str, Held] = {}
    for path in {path: None for one in (before, *ends) for path in one}:
        new: list[Held] = []
        for one in ends:
            held = one.get(path)
            if held is not None and held is not before.get(path) and held.pieces not in [each.pieces for each in new]:
                new.append(held)
        if new:
            others: tuple[Pieces, ...] = tuple(each for held in new[1:] for each in (held.pieces, *held.others))
            first = new[0]
            found[path] = Held(
                first.pieces, first.source, all(held.certain for held in new), False, (*first.others, *others),
                first.writes, first.used,
            )  # fmt: skip
        elif path in before and any(path in one for one in ends):
            found[path] = before[path]
    return found
