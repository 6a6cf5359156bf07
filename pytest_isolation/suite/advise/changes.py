"""What may be changed in how a box is started: keywords it can be given (keywords.toml), and what it can do without."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes import fields
from pytest_isolation.boxes.words import choice
from pytest_isolation.errors import UsageError
from pytest_isolation.guarantees import data, holes
from pytest_isolation.options import boxes
from pytest_isolation.technologies import technology

if TYPE_CHECKING:
    from pytest_isolation.boxes.spec import BoxSpec

WHICH = ("host", "container", "rootless", "user", "runtime", "bridge", "address", "idmap", "command")
"""Keywords that say which box it is, and not what it is given: taken out, it would be another one."""


GRADED = ("uid", "gid", "pids", "memory", "read_only")
"""Fields of which another value than ours was chosen by somebody, and may be the stricter one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One keyword more, or one less."""

    text: str
    """ "cap_drop=ALL", "without pid_mode=host": in the words of --box."""
    give: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """Keys of --box and their values; empty where something is taken out."""
    take: tuple[str, str] = ("", "")
    """(key, value) of what is taken out."""
    words: Mapping[str, str] = field(default_factory=dict, compare=False)
    """ "docker run" -> "--cap-drop=ALL", "without --pid=host"."""
    breaks: str = ""
    """What it may break in a program."""
    cost: int = 0
    """0 for what is taken out; else 1 to 3, as keywords.toml has it."""


@cache
def table() -> dict[str, dict[str, dict[str, Any]]]:
    """`give`: technology -> name -> entry; `without`: -> key -> syntax -> words; `hole`: -> hole -> KEY=VALUE."""
    found = data.read(".", "keywords")
    assert found is not None
    return found


def changes(spec: BoxSpec, keep: Iterable[str] = ()) -> tuple[Change, ...]:
    """All that can be changed in `spec`, what can be taken out first.

    `keep`: keys of --box that stay as they are.  Raises UsageError for one that this box cannot have.
    """
    kept = set(keep)
    given = {key for entry in table()["give"].get(spec.technology, {}).values() for key in entry["box"]}
    own = {key for key in technology(spec.technology).keywords if key != "*"}
    known = {*fields.KNOWN, "weaken", *given, *own, *(key for key, _ in spec.options)}
    for key in keep:
        if key not in known:
            raise UsageError(f"--keep {key!r}: nothing of a {spec.technology} box is called so; {choice(key, known)}")
    found = [one for one in _without(spec) if one.take[0] not in kept]
    found += [one for one in _given(spec) if not kept & one.give.keys() and applied(spec, (one,)) is not None]
    return tuple(found)


def _without(spec: BoxSpec) -> Iterator[Change]:
    known = table()["without"].get(spec.technology, {})
    keywords = table()["hole"].get(spec.technology, {})
    for hole in sorted(map(str, spec.weakenings)):
        key, _, value = str(keywords.get(hole, "")).partition("=")
        entry = holes.table()["hole"].get(hole, {})
        said = str(entry.get(spec.technology) or entry.get("do") or f"start it without the hole {hole}")
        words = _words(known.get(key, {}), value) or {spec.technology: said}
        yield Change(text=f"without weaken={hole}", take=("weaken", hole), words=words, breaks=_LEANS)
    asked: list[tuple[str, Any]] = [(key, value) for key, value in spec.options if key not in WHICH]
    asked += [("network", "host")] if spec.network == "host" else []
    for key, value in asked:
        for one in map(str, value if isinstance(value, tuple) else (value,)):
            words = _words(known.get(key, {}), one)
            yield Change(text=f"without {key}={one}", take=(key, one), words=words, breaks=_LEANS)


def _words(known: Mapping[str, str], value: str) -> dict[str, str]:
    return {syntax: f"without {text.format(value)}" for syntax, text in known.items()}


_LEANS = "what leans on it: it was given to the box on purpose"


def _given(spec: BoxSpec) -> Iterator[Change]:
    for entry in table()["give"].get(spec.technology, {}).values():
        text = ",".join(
            f"{key}={'+'.join(value) if isinstance(value, list) else value}" for key, value in entry["box"].items()
        )
        yield Change(text=text, give=entry["box"], words=entry["words"], breaks=entry["breaks"], cost=entry["cost"])


def applied(spec: BoxSpec, changed: Iterable[Change]) -> BoxSpec | None:
    """`spec` with all of them; None where two set one key, where it has that already, and where no box is such."""
    changed = tuple(changed)
    for one in changed:
        if one.take[0]:
            spec = _taken(spec, *one.take)
    for one in changed:
        asked: dict[str, Any] = {}
        for key, value in one.give.items():
            held = _said(spec, key)
            if isinstance(value, list) and not isinstance(held, str):
                if not set(value) - set(held or ()):
                    return None
                asked[key] = [*(held or ()), *(new for new in value if new not in (held or ()))]
            elif isinstance(value, list):
                asked[key] = [held, *value]
            elif held is None or (key not in GRADED and str(held) != value):
                asked[key] = value
            else:
                return None
        if asked:
            try:
                spec = boxes.changed(spec, asked, f"--box {spec.name}")
            except UsageError:
                return None
    return spec


_PLAIN: Mapping[str, Any] = {"uid": 0, "gid": 0, "read_only": False, "pids": None, "memory": None, "network": None}
"""Fields of a spec that keywords.toml sets, as a plain box has them."""


def _said(spec: BoxSpec, key: str) -> Any:
    """What `spec` has there already; None where it says nothing."""
    if key not in _PLAIN:
        return spec.option(key)
    value = getattr(spec, key)
    return None if value == _PLAIN[key] else value


def _taken(spec: BoxSpec, key: str, value: str) -> BoxSpec:
    if key == "weaken":
        return replace(spec, weakenings=frozenset(one for one in spec.weakenings if str(one) != value))
    if key == "network":
        return replace(spec, network=None)
    options = []
    for name, held in spec.options:
        if name != key:
            options.append((name, held))
        elif isinstance(held, tuple) and (rest := tuple(one for one in held if str(one) != value)):
            options.append((name, rest))
    return replace(spec, options=tuple(options))
