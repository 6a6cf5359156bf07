"""The messages of the auditor, read from its source: what its rules find, what they advise, and why a file is not read.

An f-string is a template: each value in it is a place, `{}`.  `skeleton` makes a catalogue's key comparable with it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest_isolation.inception as package

ROOM = Path(package.__file__).parent
SAYS = {"fail": (1, 2), "advice": (1, 2), "unclear": (1, 2), "Unreadable": (0,), "Broken": (0,), "Oddity": (2,),
        "row": (4, 5), "nothing_seen": (1, 2), "unmeasured": (1,)}  # fmt: skip
"""Function -> which of its arguments are messages."""
SAID_OF = {"judge.py": (5, (3, 4)), "contained.py": (6, (3, 4))}
"""File -> (length of a tuple that becomes a row, which of its items are messages)."""
MOST = 24
"""Ways to put one message together."""


def skeleton(text: str) -> str:
    return re.sub(r"\{[^{}]*\}", "{}", text)


def _ways(node: ast.expr | None, known: dict[str, list[ast.expr]], depth: int = 0) -> list[str]:
    """The templates that an expression may be; `{}` where only the run can tell."""
    match node:
        case ast.Constant(value=str(text)):
            return [text.replace("{", "(").replace("}", ")") if "{" in text else text]
        case ast.JoinedStr(values=values):
            parts = [
                _ways(one, known, depth) if isinstance(one, ast.Constant) else _inner(one, known, depth)
                for one in values
            ]
            return ["".join(one) for one in list(product(*parts))[:MOST]]
        case ast.IfExp(body=body, orelse=orelse):
            return _ways(body, known, depth) + _ways(orelse, known, depth)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [a + b for a in _ways(left, known, depth) for b in _ways(right, known, depth)][:MOST]
        case ast.BoolOp(values=values):
            return [one for value in values for one in _ways(value, known, depth)]
        case ast.Name(id=name) if name in known and depth < 3:
            return [one for value in known[name] for one in _ways(value, known, depth + 1)][:MOST] or ["{}"]
        case _:
            return ["{}"]


def _inner(one: ast.expr, known: dict[str, list[ast.expr]], depth: int) -> list[str]:
    """A value of an f-string: a message where it is a local one that only texts are given to, else a place."""
    value = one.value if isinstance(one, ast.FormattedValue) else one
    if isinstance(value, ast.IfExp) or (isinstance(value, ast.Name) and value.id in known):
        ways = _ways(value, known, depth)
        if all(way != "{}" for way in ways):
            return ways
    return ["{}"]


def _known(function: ast.AST) -> dict[str, list[ast.expr]]:
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
            if isinstance(target, ast.Name):
                found.setdefault(target.id, []).append(value)
            elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                for name, each in zip(target.elts, value.elts, strict=False):
                    if isinstance(name, ast.Name):
                        found.setdefault(name.id, []).append(each)
    return found


def messages() -> Iterator[tuple[str, str]]:
    """(FILE:LINE, template) of every message, each as often as it is written."""
    for path in sorted(ROOM.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top = {name: values for name, values in _known_at_top(tree).items() if name.isupper()}
        for function in [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)]:
            known = top | _known(function)
            for node in ast.walk(function):
                for item in _of(node, path.name):
                    for way in _ways(item, known):
                        yield f"{path.name}:{item.lineno}", way


def _known_at_top(tree: ast.Module) -> dict[str, list[ast.expr]]:
    found: dict[str, list[ast.expr]] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = [node.value]
    return found


def _of(node: ast.AST, file: str) -> list[ast.expr]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SAYS:
        return [node.args[at] for at in SAYS[node.func.id] if at < len(node.args)]
    length, items = SAID_OF.get(file, (0, ()))
    if isinstance(node, ast.Tuple) and node.elts and len(node.elts) == length and _is_rule(node.elts[0]):
        return [node.elts[at] for at in items]
    return []


def _is_rule(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return re.fullmatch(r"[A-Z]\d\d", str(node.value)) is not None
    return isinstance(node, ast.Name) and node.id == "rule"
