"""The committed TOML files beside this module: claims and profiles."""

from __future__ import annotations

from importlib.resources import files
from typing import Any


def read(folder: str, name: str) -> dict[str, Any] | None:
    """The document `folder`/`name`.toml, or None when there is no such file."""
    import tomllib

    found = files("pytest_isolation.guarantees") / folder / f"{name}.toml"
    return tomllib.loads(found.read_text(encoding="utf-8")) if found.is_file() else None


def names(folder: str) -> tuple[str, ...]:
    """What there is, sorted."""
    held = (files("pytest_isolation.guarantees") / folder).iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in held if file.name.endswith(".toml")))
