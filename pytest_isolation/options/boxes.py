"""Box specs from what the user wrote: --box, and [tool.pytest_isolation.boxes.NAME] in pyproject.toml."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes import fields, values
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.words import choice
from pytest_isolation.errors import UsageError
from pytest_isolation.options import grammar
from pytest_isolation.options.grammar import Item, Written
from pytest_isolation.technologies import names, technology
from pytest_isolation.technologies.base import further, usual_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from pytest_isolation.boxes.weakenings import Weakening
    from pytest_isolation.technologies import Technology

    Find = Callable[[str], Technology]

NESTED = ("inner", "outer")
"""Keywords of the technology `nested`, which INNER@OUTER says both."""


def parse(text: str, find: Find = technology, *, where: str | None = None) -> BoxSpec:
    """The spec `--box text` asks for.  `where` it is written, if not there.  Raises UsageError and nothing else."""
    where = where or f"--box {text!r}"
    return build(grammar.read(text, where), where, find)


def unparse(spec: BoxSpec, find: Find = technology) -> str:
    """The --box text that gives `spec`.  Raises ValueError for what no text can say (volumes, a generated image)."""
    plain = BoxSpec(technology=spec.technology)
    if spec.volumes or spec.instance or not (spec.image is None or isinstance(spec.image, str)):
        raise ValueError(f"{spec.id}: volumes, siblings and generated images have no text")
    items = [
        Item(key, (values.written(key, value),))
        for key in values.SCALARS
        if (value := getattr(spec, key)) != getattr(plain, key)
    ]
    if spec.env:
        items.append(Item("env", tuple(f"{name}={value}" for name, value in spec.env), len(spec.env) > 1))
    if spec.weakenings:
        items.append(Item("weaken", tuple(sorted(map(str, spec.weakenings))), len(spec.weakenings) > 1))
    items += [
        Item(key, value, is_list=True) if isinstance(value, tuple) else Item(key, (str(value),))
        for key, value in spec.options
    ]
    name = None if spec.name == usual_name(find(spec.technology), spec) else spec.name
    both = [str(spec.option(key, "")) for key in NESTED] if spec.technology == "nested" else []
    if all(both) and both:
        kept = (item for item in items if item.key not in NESTED)
        return grammar.written(Written(name, grammar.INSIDE.join(both), tuple(kept)))
    return grammar.written(Written(name, spec.technology, tuple(items)))


def changed(spec: BoxSpec, changes: Mapping[str, Any], where: str) -> BoxSpec:
    """`spec` with what Python asks for: fields every box has, and keywords of its technology.  Raises UsageError."""
    found = technology(spec.technology)
    common = {key: fields.checked(key, value, where) for key, value in changes.items() if key in fields.KNOWN}
    options = dict(spec.options)
    for key, value in changes.items():
        if key == "name":
            if not (isinstance(value, str) and grammar.WORD.fullmatch(value)):
                raise UsageError(f"{where}: name is {value!r}; expected letters, digits, dots, dashes and underscores")
            common["name"] = value
        elif key == "weaken":
            item = _from_toml(key, list(value) if isinstance(value, tuple) else value, where)
            common["weakenings"] = frozenset(_weakenings(item, found, where))
        elif key == "options":
            options |= _pairs(value, where)
        elif key not in fields.KNOWN:
            if key not in found.keywords and "*" not in found.keywords:
                raise fields.unknown(key, where, spec.technology, [*fields.KNOWN, "name", "weaken", *found.keywords])
            item = _from_toml(key, list(value) if isinstance(value, tuple) else value, where)
            options[key] = item.values if item.is_list else item.values[0]
    made = further(found).meant(replace(spec, options=tuple(sorted(options.items())), **common))
    refused = sorted(map(str, made.weakenings - found.weakenings()))
    if refused and "weakenings" in common:
        known = map(str, found.weakenings())
        raise UsageError(f"{where}: {found.name} cannot open the hole {refused[0]!r} here; {choice(refused[0], known)}")
    return made


def _pairs(value: Any, where: str) -> dict[str, Any]:
    """A technology's keywords as BoxSpec.options has them."""
    try:
        return dict(value)
    except (TypeError, ValueError):
        raise UsageError(
            f'{where}: options is {value!r}; expected pairs, for example (("runtime", "runsc"),)'
        ) from None


def from_table(name: str, table: Mapping[str, Any], find: Find = technology) -> BoxSpec:
    """The spec of [tool.pytest_isolation.boxes.NAME].  Raises UsageError and nothing else."""
    where = f"pyproject.toml, [tool.pytest_isolation.boxes.{name}]"
    if not grammar.WORD.fullmatch(name):
        raise UsageError(f"{where}: the name is {name!r}; expected letters, digits, dots, dashes and underscores")
    asked = table.get("technology") if isinstance(table, dict) else None
    if not isinstance(asked, str):
        raise UsageError(f'{where}: technology is {asked!r}; expected a name, for example technology = "docker"')
    items = tuple(_from_toml(key, value, where) for key, value in table.items() if key != "technology")
    return build(Written(name, asked, items), where, find)


def project_tables(rootdir: Path) -> dict[str, Any]:
    """NAME -> its table, from the root directory's pyproject.toml; empty when there is none."""
    path = rootdir / "pyproject.toml"
    if not os.path.isfile(path):
        return {}
    import tomllib

    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: cannot be read as TOML: {error}; correct it") from None
    tools = document.get("tool", {})
    ours = tools.get("pytest_isolation", {}) if isinstance(tools, dict) else {}
    if not isinstance(ours, dict):
        raise UsageError(f"{path}: [tool] pytest_isolation is {ours!r}; expected [tool.pytest_isolation.boxes.NAME]")
    if unknown := sorted(set(ours) - {"boxes"}):
        raise UsageError(f"{path}: [tool.pytest_isolation] has {unknown[0]!r}; {choice(unknown[0], ['boxes'])}")
    tables = ours.get("boxes", {})
    if not isinstance(tables, dict):
        raise UsageError(f"{path}: [tool.pytest_isolation] boxes is {tables!r}; expected a table for each box")
    return tables


def build(written: Written, where: str, find: Find = technology) -> BoxSpec:
    """Look up and type what was written."""
    written = _as_one(written, where)
    if find is technology and written.technology not in names():
        raise UsageError(
            f"{where}: no technology is called {written.technology!r}; {choice(written.technology, names())}. "
            "`pytest --isolation-list` shows which of them this machine can run"
        )
    found = find(written.technology)
    common: dict[str, Any] = {}
    options: dict[str, Any] = {}
    for item in written.items:
        if item.key in values.SCALARS:
            common[item.key] = _scalar(item, where)
        elif item.key == "env":
            common["env"] = fields.checked("env", item.values, where)
        elif item.key == "weaken":
            common["weakenings"] = frozenset(_weakenings(item, found, where))
        elif item.key in found.keywords or (item.key and "*" in found.keywords):
            options[item.key] = item.values if item.is_list else item.values[0]
        elif not item.key:
            raise UsageError(
                f"{where}: {item.values[0]!r} has no key; expected KEY=VALUE. "
                "If it belongs to the value before it, put quotes around the whole value"
            )
        else:
            raise fields.unknown(item.key, where, written.technology, [*values.COMMON, *found.keywords])
    spec = BoxSpec(
        technology=written.technology, name=written.name or "", options=tuple(sorted(options.items())), **common
    )
    return further(found).meant(spec if written.name else replace(spec, name=usual_name(found, spec)))


def _as_one(written: Written, where: str) -> Written:
    """INNER@OUTER is the technology `nested` with these two; the same spec otherwise."""
    inner, inside, outer = written.technology.partition(grammar.INSIDE)
    given = [item.key for item in written.items if item.key in NESTED]
    if inside and given:
        raise UsageError(
            f"{where}: {given[0]} is said by {written.technology}; leave it out, and write outer.KEY=VALUE for a "
            "keyword of the outer one"
        )
    if written.technology == "nested" and sorted(given) != sorted(NESTED):
        raise UsageError(f"{where}: nested is a box in a box; expected {grammar.NESTED}")
    if not inside:
        return written
    both = (Item(key, (name,)) for key, name in zip(NESTED, (inner, outer), strict=True))
    return replace(written, technology="nested", items=(*both, *written.items))


def _scalar(item: Item, where: str) -> Any:
    if item.is_list:
        raise UsageError(f"{where}: {item.key} is a list; expected one value: give it once, and put quotes around a +")
    return fields.checked(item.key, item.values[0], where)


def _weakenings(item: Item, found: Technology, where: str) -> Iterable[Weakening]:
    known = {str(hole): hole for hole in found.weakenings()}
    for text in item.values:
        if text not in known:
            raise UsageError(f"{where}: {found.name} cannot open the hole {text!r} here; {choice(text, known)}")
        yield known[text]


def _from_toml(key: str, value: Any, where: str) -> Item:
    if key == "env" and isinstance(value, dict):
        value = [f"{name}={_toml_text(inner, f'{key}.{name}', where)}" for name, inner in value.items()]
    if isinstance(value, list):
        if not value:
            raise UsageError(f"{where}: {key} is an empty list; leave the key out instead")
        return Item(key, tuple(_toml_text(inner, key, where) for inner in value), is_list=True)
    return Item(key, (_toml_text(value, key, where),))


TOML_EXAMPLES = {
    "ulimits": 'ulimits = ["nofile=1024:2048"]',
    "volumes": 'volumes = ["/srv/data:/data:ro"]',
    "devices": 'devices = ["/dev/null:/dev/mine:r"]',
    "mounts": 'mounts = ["type=bind,source=/srv/data,target=/data,readonly"]',
    "ports": 'ports = ["80/tcp=8080"]',
    "labels": 'labels = ["owner=me"]',
    "sysctls": 'sysctls = ["net.ipv4.ip_forward=1"]',
    "tmpfs": 'tmpfs = ["/run:size=16m"]',
}


def _toml_text(value: Any, key: str, where: str) -> str:
    """Keywords' values are texts, however they were written; the technology that has the keyword reads them."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    example = TOML_EXAMPLES.get(key, f'{key} = "..."')
    raise UsageError(
        f"{where}: {key} is {value!r}; expected a text, a number, true or false, or a list of those, "
        f"written as on the command line: {example}"
    )
