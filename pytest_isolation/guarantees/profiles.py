"""Profiles: explicit lists of required guarantees, which replace a technology's claims.

    name = "container"
    says = "one sentence"
    [required]
    "pid.signal-out-refused" = "man:pid_namespaces(7)"      guarantee id = the source of the requirement

The built-in ones are profiles/*.toml; --isolation-profile also takes a file of the same form.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from pytest_isolation.errors import UsageError
from pytest_isolation.guarantees import data

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A list of required guarantees that stands in the place of claims: --isolation-profile."""

    name: str
    says: str = ""
    asks: str = ""
    """What it is the answer to, for --isolation-ask: "run untrusted code"; empty of most files."""
    required: Mapping[str, str] = field(default_factory=dict)
    """Guarantee id -> the source of the requirement."""

    def check_ids(self, known: Collection[str]) -> None:
        """Raises UsageError, naming them, when guarantees are required that do not exist.

        `known`: every guarantee there is, whatever --isolation-only selects.
        """
        if unknown := sorted(set(self.required) - set(known)):
            from difflib import get_close_matches

            close = get_close_matches(unknown[0], sorted(known), n=1)
            guess = f" (did you mean {close[0]}?)" if close else ""
            raise UsageError(
                f"profile {self.name} requires guarantees that do not exist: {', '.join(unknown)}{guess}; "
                "correct the ids, or give the checks' paths too if they are your own. "
                "`pytest --isolation-list` shows every guarantee"
            )


@cache
def built_in(name: str) -> Profile:
    """One of `names()`."""
    document = data.read("profiles", name)
    if document is None:
        raise UsageError(f"no profile is called {name!r}; expected one of {', '.join(names())}, or a TOML file")
    return _made(document, f"profile {name}")


def names() -> tuple[str, ...]:
    """Of the profiles in the package."""
    return data.names("profiles")


def load(asked: str, base: Path) -> Profile:
    """The profile `--isolation-profile asked` means: a built-in name, or a file relative to `base`.

    Raises UsageError when it is neither, or the file is not a profile.
    """
    if asked in names():
        return built_in(asked)
    path = base / asked
    where = f"--isolation-profile {asked!r}"
    if "\0" in asked or not os.path.isfile(path):
        raise UsageError(
            f"{where}: neither a profile ({', '.join(names())}) nor a file that this user may see; correct the name or "
            "the path"
        )
    import tomllib

    try:
        return _made(tomllib.loads(path.read_text(encoding="utf-8")), where, name=path.stem)
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{where}: cannot be read as TOML: {error}; correct it") from None


def questions() -> dict[str, str]:
    """What --isolation-ask takes -> the built-in profile that answers it."""
    return {made.asks: name for name in names() if (made := built_in(name)).asks}


def answering(question: str) -> Profile:
    """The profile that `--isolation-ask question` means, whatever its case.  Raises UsageError where there is none."""
    known = questions()
    name = known.get(" ".join(question.lower().split()))
    if name is None:
        raise UsageError(f"--isolation-ask {question!r}: no profile answers that; expected one of {', '.join(known)}")
    return built_in(name)


def _made(document: Mapping[str, Any], where: str, name: str = "") -> Profile:
    required = document.get("required")
    if not isinstance(required, dict) or not required:
        raise UsageError(f'{where}: no table [required]; expected lines such as "pid.init-is-one" = "its source"')
    for guarantee, source in required.items():
        if not isinstance(source, str) or not source:
            raise UsageError(f"{where}: {guarantee} is {source!r}; expected its source as a text, and its id in quotes")
    if unknown := sorted(set(document) - {"name", "says", "asks", "required"}):
        raise UsageError(f"{where}: the key {unknown[0]!r} is not known; expected name, says, asks and [required]")
    return Profile(
        name=str(document.get("name", name)),
        says=str(document.get("says", "")),
        asks=str(document.get("asks", "")),
        required=required,
    )
