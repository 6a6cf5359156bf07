"""The one door for what a box is asked to have, however it was written: a command line, TOML, a fixture, a guarantee.

A value may be a text, as on the command line (memory="64M"), or of the field's own type (memory=64 << 20).  Every
mistake is a UsageError that says where it is, the value, what was expected, and the nearest word there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pytest_isolation.boxes import resources, values
from pytest_isolation.boxes.image import Image
from pytest_isolation.boxes.spec import Volume
from pytest_isolation.boxes.weakenings import Weakening, Weakenings
from pytest_isolation.boxes.words import choice
from pytest_isolation.errors import UsageError

KNOWN = (*values.SCALARS, "env", "resources", "volumes", "weakenings")
"""What can be said of every box; the keywords of a technology come beside these."""


def unknown(key: str, where: str, whose: str, known: Iterable[str] = KNOWN) -> UsageError:
    """For a key that is not in `known`, with its nearest; `where` and `whose` begin the message."""
    return UsageError(f"{where}: {whose} has no key {key!r}; {choice(key, known)}")


def checked(key: str, value: Any, where: str) -> Any:
    """The value of a field every box has, typed.  Raises UsageError."""
    if key in values.SCALARS:
        return _scalar(key, value, where)
    try:
        readers = {"env": environment, "resources": resources.checked, "volumes": _volumes, "weakenings": _weakenings}
        return readers[key](value)
    except ValueError as error:
        raise UsageError(f"{where}: {key} {error}") from None


def all_checked(changes: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The fields of a guarantee's `box=`.  Raises UsageError."""
    if not isinstance(changes, Mapping):
        raise UsageError(f'{where}: box is {changes!r}; expected keys and values, for example {{"network": "none"}}')
    for key in changes:
        if key not in KNOWN:
            raise unknown(str(key), where, "a box")
    return {key: checked(key, value, where) for key, value in changes.items()}


def _scalar(key: str, value: Any, where: str) -> Any:
    if value is None and key in ("image", "memory", "pids", "cpus", "network"):
        return None
    if key == "image" and isinstance(value, Image):
        return value
    # A truth is a number to Python, and no number of bytes to anybody.
    plain = isinstance(value, str) or (key not in TEXTS and isinstance(value, bool | int | float))
    plain &= isinstance(value, str) or isinstance(value, bool) == (values.SCALARS[key] is values.truth)
    try:
        if not plain:
            raise ValueError(f"expected {EXPECTED[key]}")
        text = str(value)
        return values.SCALARS[key](text.lower() if isinstance(value, bool) else text)
    except ValueError as error:
        raise UsageError(f"{where}: {key} is {value!r}; {error}") from None


TEXTS = ("image", "network", "workdir", "hostname", "door")
EXPECTED = dict.fromkeys(TEXTS, "a text") | {
    "image": "the name of an image, a directory or an Image",
    "uid": "a numeric id",
    "gid": "a numeric id",
    "memory": "a number of bytes, or a text such as 64M",
    "pids": "a whole number above 0",
    "cpus": "processors' worth of time above 0: 0.5 is half of one",
    "read_only": "true or false",
    "intrusive": "true or false",
}


def environment(value: Any) -> tuple[tuple[str, str], ...]:
    """From {NAME: VALUE}, pairs, or texts NAME=VALUE.  Raises ValueError."""
    if isinstance(value, Mapping):
        value = [f"{name}={inner}" for name, inner in value.items()]
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError(f'is {value!r}; expected names and values, for example {{"LANG": "C"}}')
    pairs: dict[str, str] = {}
    for one in value:
        text = "=".join(one) if isinstance(one, tuple | list) and all(isinstance(part, str) for part in one) else one
        try:
            name, content = values.variable(text if isinstance(text, str) else "")
        except ValueError as error:
            raise ValueError(f"has {one!r}; {error}, as in env=LANG=C+TZ=UTC") from None
        if name in pairs:
            raise ValueError(f"has {name!r} twice; give each variable once")
        pairs[name] = content
    return tuple(pairs.items())


def _volumes(value: Any) -> tuple[Volume, ...]:
    found = tuple(value) if isinstance(value, tuple | list | set | frozenset) else (value,)
    for one in found:
        if not isinstance(one, Volume):
            raise ValueError(f'has {one!r}; expected Volume(target="/volume", read_only=True)')
    return found


def _weakenings(value: Any) -> Weakenings:
    found = frozenset(value) if isinstance(value, tuple | list | set | frozenset) else frozenset([value])
    for one in found:
        if not isinstance(one, Weakening):
            raise ValueError(f'has {one!r}; expected weaken.share("pid") and its like')
    return found
