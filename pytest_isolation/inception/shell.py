"""Shell scripts read as syntax trees: what is run, in a loop or in the background, and what a loop waits for.

tree-sitter's grammar reads what people really write (case, arithmetic, here-documents, functions) and goes on
behind what it cannot; bashlex stops at the first `case`.  The tree is walked without recursion: depth is the
submission's to choose.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from pytest_isolation.inception.dockerfile import split
from pytest_isolation.inception.endless import is_endless
from pytest_isolation.inception.nodes import LOOPS, text_of, word_of
from pytest_isolation.inception.place import Place
from pytest_isolation.inception.script import Command, Lists, Loop, Script

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tree_sitter import Node, Parser, Tree

MAX_TEXT = 100_000
"""Characters: a tree takes some thousand times their bytes."""
FIRST_SAMPLE = 2_000
"""Bytes: of a longer text its beginning is tried first, then twice as much, and so on.  What is no shell, and a long
pipeline, takes the grammar the square of its length; a real script of 64 000 takes it 15 ms."""
SLOW_S = 0.03
"""Of processor time for a sample: four times as much may follow."""
MAX_SPENT_S = 2.0
"""Of processor time for all scripts of one submission."""
MAX_NODES = 60_000
MAX_LOOPS = 100
MAX_DEPTH = 4
MAX_LOOPS_AROUND = 8
"""Of one command; further out nothing is looked for."""
BRANCHES = frozenset({"if_statement", "case_statement"})
LOOKED_UP = re.compile(r"(?:\$\(|`)(?:command\s+-v|which|type\s+-P)\s+([\w./-]+)(?:\)|`)")
"""A program by its name, in PATH."""
STEPS = frozenset({"cd", "mkdir", "echo", "printf", "set", "rm", "cp", "mv", "chown", "chmod", "export", "sleep"})


@cache
def _parser() -> Parser:
    import tree_sitter
    import tree_sitter_bash

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


@dataclass(slots=True)
class _Spent:
    """Seconds of processor time that reading scripts took since `begin`."""

    seconds: float = 0.0


_spent = _Spent()


def begin() -> None:
    """Another submission: nothing of the last is kept."""
    parse.cache_clear()
    _spent.seconds = 0.0


@cache
def parse(text: str, file: str, first_line: int = 1, depth: int = 0) -> Script:
    """`first_line` is where `text` starts in `file`; `depth` counts the `sh -c` around it."""
    began = time.process_time()
    try:
        return _parse(text, file, first_line, depth)
    finally:
        if depth == 0:
            _spent.seconds += time.process_time() - began


def tree_of(text: str) -> Tree | None:
    """None when that would take too long."""
    data = text.encode()
    if len(text) > MAX_TEXT or _spent.seconds > MAX_SPENT_S:
        return None
    sample = FIRST_SAMPLE
    while sample < len(data):
        began = time.process_time()
        _parser().parse(data[:sample])
        if time.process_time() - began > SLOW_S:
            return None
        sample *= 2
    return _parser().parse(data)


def _parse(text: str, file: str, first_line: int, depth: int) -> Script:
    script = Script()
    tree = tree_of(text)
    if tree is None:
        script.cut = Place(file, first_line)
        return script
    root = tree.root_node

    def place(node: Node) -> Place:
        return Place(file, node.start_point[0] + first_line)

    for seen, (node, context) in enumerate(_walk(root)):
        if seen > MAX_NODES or len(script.loops) > MAX_LOOPS:
            script.cut = place(node)
            break
        if (node.type == "ERROR" or node.is_missing) and script.broken is None:
            script.broken = place(node)
        if node.type == "command":
            command = _command(node, context, place(node))
            script.commands.append(command)
            if (inner := _inner(command)) and depth < MAX_DEPTH:
                script.commands += parse(inner, file, command.at.line, depth + 1).commands
        elif node.type in ("simple_expansion", "expansion"):
            _read(script, node, place(node))
        elif node.type in LOOPS:
            if (variable := node.child_by_field_name("variable")) is not None:
                script.reads.append((text_of(variable), False, place(node)))
                script.lists[text_of(variable)] = tuple(map(word_of, node.children_by_field_name("value")))
            endless = is_endless(node)
            script.loops.append(Loop(place(node), _first_line(node), endless, context.function, context.conditional))
        elif node.type == "variable_assignment" and node.parent is not None and node.parent.type != "command":
            _assign(script, node, place(node))
        elif node.type == "heredoc_redirect":
            script.heredocs += _heredoc(node, place)
    return with_words(script)


def with_words(script: Script) -> Script:
    """Variables in place of a program, `$DC up`, and lists, `"${options[@]}"`: the words that the script gives them.

    What `read` gets of a `find` or an `ls` before the loop is a list of what is in their directories.
    """
    values = {
        name: tuple(split(value.strip("()")))
        for name, (value, _) in script.assignments.items()
        if value and "$(" not in value and "`" not in value
    } | script.arrays
    if values:
        script.commands = [_named(one, values) for one in script.commands]
    listed = tuple(path for one in script.commands if one.name in LISTING for path in paths(one.words))
    for one in script.commands if listed else ():
        if one.name == "read" and len(one.words) > 1:
            script.lists.setdefault(one.words[-1], listed)
    return script


LISTING = ("find", "ls")


def paths(words: Iterable[str]) -> tuple[str, ...]:
    """Of the words of a `find` or an `ls`, those that name where it looks."""
    return tuple(word for word in words if word.startswith(("/", "./", "$")))


VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?:\[[@*]\])?\})")
LIST = re.compile(r"\$\{(\w+)\[[@*]\]\}")


def _named(command: Command, values: Mapping[str, tuple[str, ...]]) -> Command:
    """With the words of the variables that stand for a program, and of lists."""
    if not any("$" in word for word in command.words):
        return command
    program = len(command.words) - len(command.real)
    words: list[str] = []
    for number, word in enumerate(command.words):
        match = (VARIABLE if number == program else LIST).fullmatch(word)
        words += values.get(match[1] or match[match.lastindex or 1], (word,)) if match else (word,)
    return replace(command, words=tuple(words)) if words else command


def _inner(command: Command) -> str:
    """What `sh -c TEXT` and `su USER -c TEXT` run."""
    words = command.real
    if command.name in ("sh", "bash", "ash", "dash", "su", "runuser") and "-c" in words[:-1]:
        return words[words.index("-c") + 1]
    return ""


@dataclass(frozen=True, slots=True)
class _Context:
    background: bool = False
    function: str | None = None
    in_loop: bool = False
    piped_into: bool = False
    conditional: bool = False
    case: tuple[str, ...] = ()
    into: str = ""
    loops: Lists = ()


def _walk(root: Node) -> Iterator[tuple[Node, _Context]]:
    """In the order of the text."""
    pending: list[tuple[Node, _Context]] = [(root, _Context())]
    while pending:
        node, context = pending.pop()
        yield node, context
        children = node.children
        below = context
        if node.type == "function_definition":
            name = node.child_by_field_name("name")
            below = replace(context, function=text_of(name) if name else "?")
        elif node.type in LOOPS:
            below = replace(
                context, in_loop=True, conditional=context.conditional or node.type == "while_statement",
                loops=(*context.loops, *_goes_through(node))[-MAX_LOOPS_AROUND:],
            )  # fmt: skip
        elif node.type in BRANCHES:
            below = replace(context, conditional=True)
        elif node.type == "redirected_statement" and (into := _output(node)):
            below = replace(context, into=into)
        elif node.type == "case_item" and node.parent is not None:
            looked_at = node.parent.child_by_field_name("value")
            patterns = map(word_of, node.children_by_field_name("value"))
            below = replace(context, case=(word_of(looked_at) if looked_at else "", *patterns))
        for number in range(len(children) - 1, -1, -1):
            child = children[number]
            after = children[number + 1].type if number + 1 < len(children) else ""
            background = after == "&" and node.type not in ("binary_expression", "arithmetic_expansion")
            piped = node.type == "pipeline" and number > 0
            tested = node.type == "list" and number > 0 and not _is_step(children[0])
            own = below
            if background or piped or tested:
                own = replace(
                    below, background=below.background or background, piped_into=below.piped_into or piped,
                    conditional=below.conditional or tested,
                )  # fmt: skip
            pending.append((child, own))


def _goes_through(node: Node) -> Lists:
    """(variable, words) of a `for`, and of a `while read` that a `find` or an `ls` is piped into."""
    if (variable := node.child_by_field_name("variable")) is not None:
        return ((text_of(variable), tuple(map(word_of, node.children_by_field_name("value")))),)
    whole = node.parent
    while whole is not None and whole.type == "redirected_statement":
        whole = whole.parent
    condition = node.child_by_field_name("condition")
    words = text_of(condition).rstrip(" ;\n").split() if condition is not None else []
    if whole is None or whole.type != "pipeline" or "read" not in words[:3]:
        return ()
    listed = [
        path for one in whole.children
        if one.type == "command" and word_of(one.children[0]).rpartition("/")[2] in LISTING
        for path in paths(map(word_of, one.children[1:]))
    ]  # fmt: skip
    return ((words[-1], tuple(listed)),) if listed else ()


def _output(node: Node) -> str:
    """The file that a redirection of standard output names, or ""."""
    for child in node.children:
        if child.type == "file_redirect" and re.match(r"1?>>?(?![&])", text_of(child)):
            return word_of(child.children[-1])
    return ""


def _is_step(node: Node) -> bool:
    """Whether what stands before `&&` is a step of the work, which succeeds, and no test."""
    return node.type == "command" and bool(node.children) and word_of(node.children[0]) in STEPS


def _command(node: Node, context: _Context, at: Place) -> Command:
    words, prefix, fed = [], [], ""
    for child in node.children:
        if child.type == "herestring_redirect":
            fed = word_of(child.children[-1])
        elif child.type == "variable_assignment":
            prefix.append(text_of(child))
        elif child.is_named and not child.type.endswith("redirect"):
            words.append(LOOKED_UP.sub(r"\1", word_of(child)))
    return Command(
        tuple(words), at, context.background, context.function, context.in_loop, context.piped_into,
        context.conditional, tuple(prefix), context.case, context.into, context.loops, fed,
    )  # fmt: skip


def _first_line(node: Node) -> str:
    return text_of(node).split("\n")[0].strip()


def _read(script: Script, node: Node, at: Place) -> None:
    named = [child for child in node.children if child.type == "variable_name"]
    if named:
        alone = re.fullmatch(r"\$(\w+|\{\w+\})", text_of(node)) is not None
        script.reads.append((text_of(named[0]), alone, at))


def _assign(script: Script, node: Node, at: Place) -> None:
    name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
    if name is not None and value is not None:
        if value.type == "array":
            more = script.arrays.get(text_of(name), ()) if any(one.type == "+=" for one in node.children) else ()
            script.arrays[text_of(name)] = (
                *more,
                *(word_of(one) for one in value.named_children if one.type != "comment"),
            )
        script.assignments[text_of(name)] = word_of(value), at
        script.assigned.append((text_of(name), word_of(value), at))


def _heredoc(node: Node, place: Any) -> Iterator[tuple[str, str, Place]]:
    siblings = [*node.children, *(node.parent.children if node.parent is not None else [])]
    target = next(
        (
            word_of(one.children[-1])
            for one in siblings
            if one.type == "file_redirect" and text_of(one).lstrip().startswith(">")
        ),
        "",
    )
    for child in node.children:
        if child.type == "heredoc_body":
            yield target, text_of(child), place(child)
