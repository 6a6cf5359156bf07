"""What a node of a shell script's syntax tree says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

LOOPS = frozenset({"while_statement", "for_statement", "c_style_for_statement"})


def text_of(node: Node) -> str:
    """As it is written."""
    return (node.text or b"").decode("utf-8", "replace")


def word_of(node: Node) -> str:
    """A word without its quotes."""
    text = text_of(node)
    if node.type in ("string", "raw_string") and len(text) >= 2:
        return text[1:-1]
    if node.type == "command_name" and len(node.children) == 1:
        return word_of(node.children[0])
    if node.type == "concatenation":
        return "".join(word_of(child) for child in node.children)
    return text.replace("\\\n", "").replace("\\ ", " ")
