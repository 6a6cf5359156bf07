"""Loops of a shell script that nothing ends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_isolation.inception.nodes import LOOPS, text_of, word_of

if TYPE_CHECKING:
    from tree_sitter import Node

MAX_LOOP_NODES = 5_000
LEAVES = frozenset({"break", "return", "exit", "exec"})
"""Commands that end a loop."""


def is_endless(node: Node) -> bool:
    """`while true`, `until false`, `for (( ; ; ))` that nothing inside leaves."""
    if node.type == "for_statement":
        return False
    body = node.child_by_field_name("body")
    if node.type == "c_style_for_statement":
        if node.child_by_field_name("condition") is not None:
            return False
    else:
        word = node.children[0].type
        condition = [child for child in node.children[1:] if child.is_named and child != body]
        text = " ".join(text_of(child) for child in condition).strip()
        always = {"true", ":", "1", "[ 1 ]", "[ true ]", "(( 1 ))", "((1))", "[[ 1 ]]", "[[ true ]]", "/bin/true",
                  "test 1", "sleep infinity"}  # fmt: skip
        never = {"false", "[ ]", "((0))", "(( 0 ))", "/bin/false"}
        if text not in (always if word == "while" else never) and not _is_constant(text, word):
            return False
    return body is None or not _leaves(body)


COMPARED = re.compile(r"\[{1,2}\s+(-n\s+)?(['\"]?)([\w.]+)\2(?:\s+(==?|-eq|!=|-ne)\s+(['\"]?)([\w.]+)\5)?\s+\]{1,2}")
"""A test of words that no variable is in."""


def _is_constant(text: str, word: str) -> bool:
    """Whether a `while` goes on for ever, an `until` too: a test of constants, or a sleep, which succeeds."""
    if re.fullmatch(r"sleep\s+[\d.]+[smhd]?", text):
        return word == "while"
    match = COMPARED.fullmatch(text)
    if match is None:
        return False
    same = match[3] == match[6]
    holds = True if match[4] is None else same if match[4] in ("=", "==", "-eq") else not same
    return holds == (word == "while")


def _leaves(body: Node) -> bool:
    pending = [(body, 0)]
    for _ in range(MAX_LOOP_NODES):
        if not pending:
            return False
        node, depth = pending.pop()
        if node.type == "command" and node.children and word_of(node.children[0]) in LEAVES:
            name = word_of(node.children[0])
            # `break` leaves the innermost loop alone; `break 2` and `exit` leave further ones.
            if name != "break" or depth == 0 or len(node.children) > 1:
                return True
        if node.type in ("function_definition", "subshell"):
            continue
        inner = depth + (node.type in LOOPS)
        pending += [(child, inner) for child in node.children]
    return True
