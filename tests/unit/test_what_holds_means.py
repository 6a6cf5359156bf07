"""docs/what-holds-means.md has a row for each guarantee, and names every fixed list that a check goes by."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from enum import EnumType
from importlib import import_module
from pathlib import Path

import pytest

from pytest_isolation.agent import constants
from pytest_isolation.guarantees.guarantee import Guarantee
from tests.support import built_in_checks

PAGE = Path(__file__).parents[2] / "docs/what-holds-means.md"
OUTSIDE = Path(__file__).parents[2] / "pytest_isolation/outside"
PATH = re.compile(r"/[a-z*.]")
ROWS = dict(re.findall(r"^\| `([a-z]+\.[a-z0-9.-]+)` (\|.*)\|$", PAGE.read_text(), re.M))
SHARED = set(re.findall(r"^\| `([A-Z_0-9]+)` \|", PAGE.read_text(), re.M))
"""Lists that several checks import: named once."""
GUARANTEES = {promise.id: promise for promise, _ in built_in_checks()}


def test_each_guarantee_has_one_row() -> None:
    listed = re.findall(r"^\| `([a-z]+\.[a-z0-9.-]+)` \|", PAGE.read_text(), re.M)
    lacking, gone = sorted(set(GUARANTEES) - set(listed)), sorted(set(listed) - set(GUARANTEES))
    assert not lacking, f"{PAGE.name}: add a row for {', '.join(lacking)}"
    assert not gone, f"{PAGE.name}: there is no guarantee {', '.join(gone)}; take its row out"
    assert len(listed) == len(set(listed)), "a guarantee has two rows"


def test_a_row_stands_by_itself() -> None:
    """red: "the same" was said of the row above, and other rows had come between: of a limit that a program reads it
    said that memory was touched.  Which guarantee is as which other is said by its name.
    """
    pointing = [id for id, row in ROWS.items() if re.search(r"\| (the same|as above|as before)\b", row)]
    assert not pointing, f"{PAGE.name}: say which guarantee is meant, as `its.id`, in the rows of {', '.join(pointing)}"


def test_what_a_row_names_is_there() -> None:
    known = {id.partition(".")[0] for id in GUARANTEES}
    named = {(id, one) for id, row in ROWS.items() for one in re.findall(r"`([a-z]+\.[a-z0-9.-]+)`", row)}
    gone = sorted(f"{one} of {id}" for id, one in named if one.partition(".")[0] in known and one not in GUARANTEES)
    assert not gone, f"{PAGE.name}: there is no {', '.join(gone)}"


@pytest.mark.parametrize("promise", GUARANTEES.values(), ids=GUARANTEES)
def test_its_fixed_lists_are_named(promise: Guarantee) -> None:
    row = ROWS.get(promise.id, "")
    unnamed = [name for name in lists(Path(promise.file)) if f"`{name}`" not in row and name not in SHARED]
    assert not unnamed, f"{PAGE.name}: say in the row of {promise.id} what is assumed by {', '.join(unnamed)}"


@pytest.mark.parametrize("promise", GUARANTEES.values(), ids=GUARANTEES)
def test_lists_written_in_its_body_are_named(promise: Guarantee) -> None:
    """What `st.sampled_from([...])` draws from, by the argument, with each word of it; and each path of a loop."""
    row = ROWS.get(promise.id, "")
    tree = ast.parse(Path(promise.file).read_text())
    unnamed = [f"`{name}`: {', '.join(words)}" for name, words in drawn(tree) if any(
        part not in row for part in (f"`{name}`", *words))]  # fmt: skip
    unnamed += [path for path in looped(tree) if path not in row]
    assert not unnamed, f"{PAGE.name}: add to the row of {promise.id}, last column: {'; '.join(unnamed)}"


def test_lists_in_a_body_are_found() -> None:
    tree = ast.parse(
        "@given(how=st.sampled_from(['a', 3, socket.AF_INET, *MORE]), which=st.sampled_from(NAMED))\n"
        "def test(how, which):\n    for place in ('/dev', *others, '/tmp'): pass\n    [one for one in ('/srv', 'b')]"
    )
    assert drawn(tree) == [("how", ["a", "3", "AF_INET"])]
    assert looped(tree) == ["/dev", "/tmp", "/srv"]


def test_what_is_named_once_is_imported() -> None:
    imported = {name for promise in GUARANTEES.values() for name in lists(Path(promise.file))}
    assert imported >= SHARED, f"{PAGE.name}: no check has a list {', '.join(sorted(SHARED - imported))}"


def test_the_witnesses_lists_of_paths_are_named() -> None:
    """In the table of the page: the list, and the file that it is in."""
    rows = [line.split("|")[1:3] for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    unnamed = []
    for file in sorted(OUTSIDE.rglob("*.py")):
        place = file.relative_to(OUTSIDE).as_posix()
        named = "".join(lists for files, lists in rows if place in files.strip().split(", "))
        unnamed += [f"{place}: {one}" for one in with_a_path(ast.parse(file.read_text())) if f"`{one}`" not in named]
    assert not unnamed, f"{PAGE.name}: say in its second table what these are: {', '.join(unnamed)}"


def test_a_list_with_a_path_is_found() -> None:
    tree = ast.parse(
        "SOME = ('/etc',)\nMORE: T = {'/a': 1}\nONE = '/etc'\nNONE = ('a',)\nMADE = tuple(f'/b/{x}' for x in y)"
    )
    assert with_a_path(tree) == ["SOME", "MORE", "MADE"]


def with_a_path(tree: ast.Module) -> list[str]:
    """Names that a file gives to a collection with a path in it."""
    found = []
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or isinstance(node.value, ast.Constant | None):
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        words = [one.value for one in ast.walk(node.value) if isinstance(one, ast.Constant)]
        if isinstance(target, ast.Name) and target.id.isupper() and not target.id.startswith("_"):
            found += [target.id] if any(isinstance(one, str) and PATH.match(one) for one in words) else []
    return found


def lists(check: Path) -> list[str]:
    """The names that a check's file gives to a tuple, list, set, mapping or range of its own, or imports for one."""
    found = []
    for node in ast.parse(check.read_text()).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pytest_isolation"):
            if node.module == constants.__name__:
                continue  # names of numbers, not things that are tried
            there = import_module(node.module or "")
            names = [one.name for one in node.names if one.name.isupper()]
            found += [name for name in names if _is_list(getattr(there, name))]
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _several(node.value):
            found.append(node.targets[0].id)
    return found


def drawn(tree: ast.AST) -> list[tuple[str, list[str]]]:
    """Each argument that is drawn from a list written there, and the words of the list."""
    found = []
    for call in ast.walk(tree):
        for argument in call.keywords if isinstance(call, ast.Call) else ():
            for inner in ast.walk(argument.value):
                if isinstance(inner, ast.Call) and ast.unparse(inner.func) == "st.sampled_from" and argument.arg:
                    (given,) = inner.args
                    if isinstance(given, ast.List | ast.Tuple):
                        words = [_word(one) for one in given.elts if not isinstance(one, ast.Starred)]
                        found.append((argument.arg, words))
    return found


def _word(one: ast.expr) -> str:
    if isinstance(one, ast.Constant):
        return str(one.value)
    return ast.unparse(one).rpartition(".")[2]


def looped(tree: ast.AST) -> list[str]:
    """The paths of the tuples and lists that a loop or a comprehension goes over where they are written."""
    loops = [one.iter for one in ast.walk(tree) if isinstance(one, ast.For | ast.comprehension)]
    parts = [one for loop in loops if isinstance(loop, ast.Tuple | ast.List) for one in loop.elts]
    return [one.value for one in parts if isinstance(one, ast.Constant) and str(one.value).startswith("/")]


def _is_list(value: object) -> bool:
    """Not a flag of an IntFlag, and no names of numbers, which are not things that are tried."""
    return isinstance(value, Collection) and not isinstance(value, str | bytes | int | EnumType)


def _several(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id in ("range", "list", "tuple", "frozenset", "set")
    return isinstance(value, ast.Tuple | ast.List | ast.Set | ast.Dict)
