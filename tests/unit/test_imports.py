"""The import contract has no exceptions, and no modules form a circle: lint-imports checks the rest, in CI."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

TOP = Path(__file__).parents[2]
PACKAGE = TOP / "pytest_isolation"
CONTRACTS = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["importlinter"]


def test_no_import_is_excepted() -> None:
    assert len(CONTRACTS["contracts"]) >= 3
    assert not [one["name"] for one in CONTRACTS["contracts"] if one.get("ignore_imports")]
    assert not CONTRACTS.get("exclude_type_checking_imports", False), "what only a type checker imports counts"


def test_modules_form_no_circle() -> None:
    """Nor do their imports for a type checker, or in a function; inception has one of its own."""
    left = _imports()
    while leaves := [module for module, imports in left.items() if not imports & left.keys()]:
        for module in leaves:
            del left[module]
    while ends := left.keys() - {one for imports in left.values() for one in imports}:
        for module in ends:  # they import a circle, and are not in one
            del left[module]
    assert left == {}, f"each of these imports another of them, round and round: {', '.join(sorted(left))}"


def _imports() -> dict[str, set[str]]:
    """Module -> modules of the package that it imports, without inception's."""
    files = {_name(path): path for path in PACKAGE.rglob("*.py") if "inception" not in path.parts}
    assert len(files) > 400
    found = {}
    for module, path in files.items():
        of = [
            node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.ImportFrom) and node.module
        ]
        names = {(f"{node.module}.{one.name}", str(node.module)) for node in of for one in node.names}
        found[module] = {full if full in files else parent for full, parent in names} & files.keys() - {module}
    return found


def _name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
