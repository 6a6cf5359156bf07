"""Frozen dataclasses that are JSON objects: a field is a key, in both directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from enum import StrEnum
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import Any, ClassVar, Self, get_args, get_origin, get_type_hints


class Row:
    """Base of dataclasses; a field that is a Python keyword is written with an underscore behind (`as_`)."""

    __slots__ = ()
    SPARSE: ClassVar[frozenset[str]] = frozenset()
    """Fields that the JSON has only where there is something in them: what not every run measures."""

    def to_json(self) -> dict[str, Any]:
        """Builtins only: what json.dumps and xdist's wire take."""
        held = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        return {
            _key(name): plain(value)
            for name, value in held.items()
            if name not in self.SPARSE or value not in (None, "", (), {})
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of to_json.  Keys this version does not know are left out: a report may have gained some.

        Raises ValueError for a word outside a closed set, TypeError for a missing key.
        """
        known = _hints(cls)  # type: ignore[arg-type]  # mypy: a class object is hashable
        return cls(**{name: _read(hint, data[_key(name)]) for name, hint in known.items() if _key(name) in data})


def plain(value: Any) -> Any:
    """`value` as JSON has it."""
    if isinstance(value, Row):
        return value.to_json()
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(item) for item in value]
    return value


def _key(name: str) -> str:
    return name.removesuffix("_")


@cache
def _hints(cls: type[Row]) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in fields(cls)}  # type: ignore[arg-type]


def _read(hint: Any, value: Any) -> Any:
    """A JSON value as the type a field is declared with."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is UnionType:
        if value is None:
            return None
        return _read(next(arg for arg in args if arg is not NoneType), value)
    if origin is tuple:
        return tuple(_read(args[0], item) for item in value)
    if origin is not None and issubclass(origin, Mapping):
        return {key: _read(args[1], item) for key, item in value.items()}
    if isinstance(hint, type) and issubclass(hint, Row):
        return hint.from_json(value)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint(value)
    if isinstance(hint, type) and issubclass(hint, tuple):  # a NamedTuple
        return hint(*value)
    return value


PLAIN = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def check(hint: Any, value: Any, where: str = "") -> None:
    """Raises ValueError, with the place, where a JSON value that somebody hands us is not of its field's type.

    `where`: the keys that lead to it, `results[3].seconds`.  Of an object, keys that this version does not know may be
    there, and those that have a default need not be.
    """
    origin, args = get_origin(hint), get_args(hint)
    if origin is UnionType:
        if value is not None:
            check(next(arg for arg in args if arg is not NoneType), value, where)
    elif origin is tuple:
        for number, item in enumerate(_of_kind(list, "a list", value, where)):
            check(args[0], item, f"{where}[{number}]")
    elif origin is not None and issubclass(origin, Mapping):
        for key, item in _of_kind(dict, "an object", value, where).items():
            check(args[1], item, f"{where}.{key}")
    elif isinstance(hint, type) and issubclass(hint, Row):
        _check_row(hint, _of_kind(dict, "an object", value, where), where)
    elif isinstance(hint, type) and issubclass(hint, StrEnum):
        if value not in [*hint]:
            raise ValueError(f"{where} is {_short(value)}; expected one of {', '.join(hint)}")
    elif hint in PLAIN:
        kinds = (int, float) if hint is float else (hint,)
        fits = isinstance(value, kinds) and isinstance(value, bool) is (hint is bool)
        if not fits or (hint is float and not _finite(value)):
            raise ValueError(f"{where} is {_short(value)}; expected {PLAIN[hint]}")


def _finite(value: float) -> bool:
    try:
        return isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return False


def _check_row(hint: type[Row], value: Mapping[str, Any], where: str) -> None:
    optional = {field.name for field in fields(hint) if (field.default, field.default_factory) != (MISSING, MISSING)}  # type: ignore[arg-type]
    for name, inner in _hints(hint).items():  # type: ignore[arg-type]  # mypy: a class object is hashable
        key = _key(name)
        if key in value:
            check(inner, value[key], f"{where}.{key}".lstrip("."))
        elif name not in optional:
            raise ValueError(f"{where or 'it'} has no {key!r}")


def _of_kind(kind: type, expected: str, value: Any, where: str) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"{where} is {_short(value)}; expected {expected}")
    return value


def _short(value: Any) -> str:
    said = repr(value)
    return said if len(said) <= 60 else f"{said[:57]}..."
