"""The libraries of the extra `inception`, and a word about them where they are not installed."""

from __future__ import annotations

from importlib.util import find_spec

from pytest_isolation.errors import UsageError

LIBRARIES = {
    "PyYAML": "yaml._yaml",
    "crossplane": "crossplane",
    "dulwich": "dulwich",
    "jsonschema": "jsonschema",
    "tree-sitter": "tree_sitter",
    "tree-sitter-bash": "tree_sitter_bash",
}
"""Distribution -> the module by which it is imported, of PyYAML the one that is libyaml; those of the extra in
pyproject.toml."""


def missing() -> list[str]:
    """The distributions of the extra that are not installed."""
    return [name for name, module in LIBRARIES.items() if not _there(module)]


def _there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package that it would be in
        return False


def check_installed() -> None:
    """Raises UsageError when an audit could not be made, with what to install for it."""
    lacking = missing()
    if lacking:
        raise UsageError(
            f"--inception needs {', '.join(lacking)}, which {'is' if len(lacking) == 1 else 'are'} not installed; "
            "install the extra: pip install 'pytest-isolation[inception]'"
        )
