"""Shell scripts as syntax trees: what is run, in a loop or in the background, and what a loop waits for.

tree-sitter's grammar reads what people really write (case, arithmetic, here-documents, functions) and goes on
behind what it cannot; bashlex stops at the first `case`.  The tree is walked without recursion: depth is the
submission's to choose.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from pytest_isolation.inception.place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

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
MAX_LOOP_NODES = 5_000
LEAVES = frozenset({"break", "return", "exit", "exec"})
"""Commands that end a loop."""
HANDED_ON = re.compile(r"\$\{?[@*1-9]")
LOOPS = frozenset({"while_statement", "for_statement", "c_style_for_statement"})
BRANCHES = frozenset({"if_statement", "case_statement"})
STEPS = frozenset({"cd", "mkdir", "echo", "printf", "set", "rm", "cp", "mv", "chown", "chmod", "export", "sleep"})


@dataclass(frozen=True, slots=True)
class Command:
    words: tuple[str, ...]
    """Quotes taken off; expansions as written."""
    at: Place
    background: bool = False
    function: str | None = None
    in_loop: bool = False
    piped_into: bool = False
    """It reads another's output."""
    conditional: bool = False
    """In a branch, or behind a test: it need not run."""
    prefix: tuple[str, ...] = ()
    """NAME=value before it."""

    @property
    def name(self) -> str:
        """The program's base name; `exec`, `sudo`, `env` and the like are looked through."""
        return self.real[0].rpartition("/")[2] if self.real else ""

    @property
    def real(self) -> tuple[str, ...]:
        words = self.words
        while words and words[0].rpartition("/")[2] in ("exec", "sudo", "nohup", "command", "env", "setsid", "time"):
            words = words[1:]
            while words and (words[0].startswith("-") or ("=" in words[0] and not words[0].startswith("/"))):
                words = words[1:]
        return words

    @property
    def is_exec(self) -> bool:
        return bool(self.words) and self.words[0] == "exec"

    def __str__(self) -> str:
        return " ".join(self.words)


@dataclass(frozen=True, slots=True)
class Loop:
    at: Place
    text: str
    endless: bool
    """Its condition never changes, and nothing in it leaves."""


@dataclass(slots=True)
class Script:
    commands: list[Command] = field(default_factory=list)
    loops: list[Loop] = field(default_factory=list)
    assignments: dict[str, tuple[str, Place]] = field(default_factory=dict)
    assigned: list[tuple[str, str, Place]] = field(default_factory=list)
    """(name, value, place): every one, also of a name that is given another value later."""
    heredocs: list[tuple[str, str, Place]] = field(default_factory=list)
    """(path written to or "", body, place)"""
    reads: list[tuple[str, bool, Place]] = field(default_factory=list)
    """(name, whether it stands alone, place) of every variable that it reads: `${NAME:-other}` has another value."""
    broken: Place | None = None
    """Where the first piece is that is no shell."""
    cut: Place | None = None
    """Where reading it ended before its end: what comes after is not known."""

    def runtime(self) -> list[Command]:
        """Commands that run: those in functions nobody calls are left out."""
        called = {command.words[0] for command in self.commands if command.words}
        return [one for one in self.commands if one.function is None or one.function in called]

    def calls(self) -> list[Command]:
        """Commands that run, and those of functions that hand their arguments on, as each call makes them."""
        inside: dict[str, list[Command]] = {}
        for one in self.commands:
            if one.function is not None and any(HANDED_ON.search(word) for word in one.words):
                inside.setdefault(one.function, []).append(one)
        found = []
        called = {one.words[0] for one in self.commands if one.words} & set(inside)
        for one in self.runtime():
            if one.function not in called or one not in inside[one.function]:
                found.append(one)
            for inner in inside.get(one.words[0], ())[:MAX_DEPTH] if one.words else ():
                found.append(replace(one, words=_handed(inner.words, one.words[1:]), prefix=inner.prefix))
        return found


def _handed(words: tuple[str, ...], arguments: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a function's command, with the call's arguments in them."""

    def given(match: re.Match[str]) -> str:
        number = int(match[1] or match[2])
        return arguments[number - 1] if number <= len(arguments) else ""

    made: list[str] = []
    for word in words:
        if re.fullmatch(r"\$\{?[@*]\}?", word):
            made += arguments
        else:
            made.append(re.sub(r"\$(?:([1-9])|\{([1-9])\})", given, word))
    return tuple(made)


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


def _tree(text: str) -> Tree | None:
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
    tree = _tree(text)
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
                script.reads.append((_text(variable), False, place(node)))
            script.loops.append(Loop(place(node), _first_line(node), _is_endless(node)))
        elif node.type == "variable_assignment" and node.parent is not None and node.parent.type != "command":
            _assign(script, node, place(node))
        elif node.type == "heredoc_redirect":
            script.heredocs += _heredoc(node, place)
    return script


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
            below = replace(context, function=_text(name) if name else "?")
        elif node.type in LOOPS:
            below = replace(context, in_loop=True, conditional=context.conditional or node.type == "while_statement")
        elif node.type in BRANCHES:
            below = replace(context, conditional=True)
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


def _is_step(node: Node) -> bool:
    """Whether what stands before `&&` is a step of the work, which succeeds, and no test."""
    return node.type == "command" and bool(node.children) and _word(node.children[0]) in STEPS


def _command(node: Node, context: _Context, at: Place) -> Command:
    words, prefix = [], []
    for child in node.children:
        if child.type == "variable_assignment":
            prefix.append(_text(child))
        elif child.is_named and not child.type.endswith("redirect"):
            words.append(_word(child))
    return Command(
        tuple(words), at, context.background, context.function, context.in_loop, context.piped_into,
        context.conditional, tuple(prefix),
    )  # fmt: skip


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _word(node: Node) -> str:
    text = _text(node)
    if node.type in ("string", "raw_string") and len(text) >= 2:
        return text[1:-1]
    if node.type == "concatenation":
        return "".join(_word(child) for child in node.children)
    return text.replace("\\\n", "").replace("\\ ", " ")


def _first_line(node: Node) -> str:
    return _text(node).split("\n")[0].strip()


def _read(script: Script, node: Node, at: Place) -> None:
    named = [child for child in node.children if child.type == "variable_name"]
    if named:
        alone = re.fullmatch(r"\$(\w+|\{\w+\})", _text(node)) is not None
        script.reads.append((_text(named[0]), alone, at))


def _assign(script: Script, node: Node, at: Place) -> None:
    name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
    if name is not None and value is not None:
        script.assignments[_text(name)] = _word(value), at
        script.assigned.append((_text(name), _word(value), at))


def _heredoc(node: Node, place: Any) -> Iterator[tuple[str, str, Place]]:
    siblings = [*node.children, *(node.parent.children if node.parent is not None else [])]
    target = next(
        (
            _word(one.children[-1])
            for one in siblings
            if one.type == "file_redirect" and _text(one).lstrip().startswith(">")
        ),
        "",
    )
    for child in node.children:
        if child.type == "heredoc_body":
            yield target, _text(child), place(child)


def _is_endless(node: Node) -> bool:
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
        text = " ".join(_text(child) for child in condition).strip()
        always = {"true", ":", "1", "[ 1 ]", "[ true ]", "(( 1 ))", "((1))", "[[ 1 ]]", "[[ true ]]", "/bin/true",
                  "test 1", "sleep infinity"}  # fmt: skip
        never = {"false", "[ ]", "((0))", "(( 0 ))", "/bin/false"}
        if text not in (always if word == "while" else never):
            return False
    return body is None or not _leaves(body)


def _leaves(body: Node) -> bool:
    pending = [(body, 0)]
    for _ in range(MAX_LOOP_NODES):
        if not pending:
            return False
        node, depth = pending.pop()
        if node.type == "command" and node.children and _word(node.children[0]) in LEAVES:
            name = _word(node.children[0])
            # `break` leaves the innermost loop alone; `break 2` and `exit` leave further ones.
            if name != "break" or depth == 0 or len(node.children) > 1:
                return True
        if node.type in ("function_definition", "subshell"):
            continue
        inner = depth + (node.type in LOOPS)
        pending += [(child, inner) for child in node.children]
    return True
