"""Compose files: the set that is used, merged, interpolated, as services with lines."""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files as resources
from typing import TYPE_CHECKING, Any

from pytest_isolation.inception import yaml
from pytest_isolation.inception.compose_service import Service, read_service
from pytest_isolation.inception.place import Broken, Place, Text, Unreadable
from pytest_isolation.inception.secrets import asks_for_one
from pytest_isolation.inception.tree import Tree, normal
from pytest_isolation.inception.variables import ENVIRONMENT, read_env, resolved_map
from pytest_isolation.inception.yaml import Map, Seq

if TYPE_CHECKING:
    from pytest_isolation.inception.started import Used

NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
"""In the order docker compose looks for them."""
OVERRIDES = (
    "compose.override.yaml", "compose.override.yml", "docker-compose.override.yml", "docker-compose.override.yaml",
)  # fmt: skip
MAX_FILES = 32
MAX_SERVICES = 100


@dataclass(slots=True)
class Compose:
    """The compose files that make starts, merged as compose merges them."""

    files: list[str]
    document: Map
    services: dict[str, Service] = field(default_factory=dict)
    variables: dict[str, Text] = field(default_factory=dict)
    """What interpolation knew: from the env files that are there."""
    problems: list[Unreadable] = field(default_factory=list)
    written: list[tuple[Text, str]] = field(default_factory=list)
    """(text, variable) of every reference before interpolation."""

    def top(self, key: str) -> Map:
        """networks, volumes, secrets …: a mapping, empty when it is not there."""
        found = self.document.get(key)
        return found if isinstance(found, Map) else Map.empty(Place(self.files[0]))


def choose(tree: Tree, srcs: str, used: list[str]) -> list[str]:
    """The files `make` uses (`used`, from -f), else the default name in srcs with its override.

    In a project that has neither, the nearest to the top: S03 says that it is in the wrong place, other rules go on.
    """
    named = [found for path in used if (found := tree.find(path))]
    if named:
        return named
    for name in NAMES:
        if (path := posixpath.join(srcs, name)) in tree:
            extra = [posixpath.join(srcs, one) for one in OVERRIDES if posixpath.join(srcs, one) in tree]
            return [path, *extra[:1]]
    others = [path for path in tree.files if posixpath.basename(path) in NAMES and "bonus" not in path]
    return sorted(others, key=lambda path: (path.count("/"), path))[:1]


def read_compose(tree: Tree, paths: list[str], used: Used) -> Compose:
    """`used.project` is the directory that relative paths start from; None: that of the first file.

    Raises Unreadable when the first file cannot be read; what else is wrong is in `problems`."""
    problems: list[Unreadable] = []
    base = posixpath.dirname(paths[0]) if used.project is None else used.project
    known = _variables(tree, used.env_file or posixpath.join(base, ".env"), problems)
    opened: list[str] = []
    bases: dict[str, str] = {}
    document = _load(tree, paths[0], opened, base, bases)
    for path in paths[1:]:
        try:
            document = _merged(document, _load(tree, path, opened, base, bases))
        except Unreadable as error:
            problems.append(error)
    for own in sorted(set(bases.values()) - {base}):
        known = _variables(tree, posixpath.join(own, ".env"), problems) | known
    known |= {name: Text(value, Place(paths[0])) for name, value in used.environment.items()}
    references = list(_references(document))
    document = _mapping(resolved_map(document, known), Place(paths[0]))
    compose = Compose(opened, document, variables=known, problems=problems, written=references)
    services = document.get("services")
    if isinstance(services, Map):
        for name, raw in services.entries():
            if len(compose.services) >= MAX_SERVICES:
                problems.append(Unreadable(f"more than {MAX_SERVICES} services; the rest was not looked at", name.at))
                break
            if not isinstance(raw, Map):
                problems.append(Broken(f"the service {str(name)!r} is no mapping", name.at))
                continue
            own = bases.get(str(name), base)
            try:
                raw = _extended(tree, raw, services, own, known, opened)
            except Unreadable as error:
                problems.append(error)
            compose.services[str(name)] = read_service(name, raw, own)
    return compose


def schema_errors(document: Map, limit: int = 5) -> list[tuple[Place, str]]:
    """Where the document breaks the compose specification's own schema."""
    from jsonschema import Draft7Validator

    found: list[tuple[Place, str]] = []
    for error in Draft7Validator(_schema()).iter_errors(yaml.plain(document)):
        deepest = min(error.context, key=lambda one: -len(one.absolute_path), default=error)
        at: Any = document
        place = document.at
        for step in error.absolute_path:
            if isinstance(at, Map) and step in at:
                place, at = at.key(str(step)).at, at[step]
            elif isinstance(at, Seq) and isinstance(step, int) and step < len(at):
                at = at[step]
                place = getattr(at, "at", place)
        path = ".".join(map(str, error.absolute_path)) or "the file"
        found.append((place, f"{path}: {deepest.message[:160]}"))
        if len(found) >= limit:
            break
    return found


@cache
def _schema() -> Any:
    text = (resources("pytest_isolation.inception") / "data/compose-spec/schema.json").read_text(encoding="utf-8")
    return json.loads(text)


# -- files -----------------------------------------------------------------------------


def _variables(tree: Tree, path: str, problems: list[Unreadable]) -> dict[str, Text]:
    found = tree.find(path)
    if found is None:
        return {}
    try:  # what the shell sets goes before the file
        return {key: value for key, value in env_of(tree, found, tree.text(found)).items() if key not in ENVIRONMENT}
    except Unreadable as error:
        problems.append(error)
        return {}


def env_of(tree: Tree, path: str, text: str) -> dict[str, Text]:
    """The variables of an env file with that text.

    Of one that make copies from an example: those whose values do not ask for another.  The author fills them in.
    """
    found = read_env(text, path)
    if path not in tree.made:
        return found
    return {key: value for key, value in found.items() if value.strip() and not asks_for_one(value.strip())}


def _load(tree: Tree, path: str, opened: list[str], base: str, bases: dict[str, str]) -> Map:
    """One file with what it includes; `bases` gets the directory that each service's relative paths start from."""
    if path in opened or len(opened) >= MAX_FILES:
        raise Unreadable("included in a circle, or too many files", Place(path))
    opened.append(path)
    document = yaml.load(tree.text(path), path)
    if not isinstance(document, Map):
        raise Broken("no mapping at its top: a compose file has `services:` there", Place(path, 1))
    services = document.get("services")
    bases.update(dict.fromkeys(map(str, services) if isinstance(services, Map) else (), base))
    for included, directory in _included(document):
        found = tree.find(posixpath.join(base, included))
        if found is None:
            raise Unreadable(f"includes {str(included)!r}, which is not in the submission", included.at)
        own = posixpath.dirname(found) if directory is None else normal(posixpath.join(base, directory)) or ""
        document = _merged(_load(tree, found, opened, own, bases), document)
    return document


def _included(document: Map) -> list[tuple[Text, str | None]]:
    """(path, project directory); the first path's directory is that of the others, and None for the first."""
    listed = document.get("include")
    found: list[tuple[Text, str | None]] = []
    for one in listed if isinstance(listed, Seq) else []:
        path = one.get("path") if isinstance(one, Map) else one
        given = one.get("project_directory") if isinstance(one, Map) else None
        directory = str(given) if isinstance(given, Text) else None
        for item in path if isinstance(path, Seq) else [path]:
            if isinstance(item, Text):
                found.append((item, directory))
                directory = posixpath.dirname(item) if directory is None else directory
    return found


def _merged(below: Map, above: Map, depth: int = 0) -> Map:
    """Compose's rule: mappings are merged, lists appended, the later scalar wins."""
    made = Map.empty(below.at)
    made.update(below)
    for key, value in above.items():
        old = made.get(key)
        if isinstance(old, Map) and isinstance(value, Map) and depth < 32:
            value = _merged(old, value, depth + 1)
        elif isinstance(old, Seq) and isinstance(value, Seq) and key not in ("command", "entrypoint"):
            joined = Seq([*old, *value])
            joined.at = old.at
            value = joined
        made.pop(key, None)
        made[key] = value
    return made


def _extended(
    tree: Tree, raw: Map, services: Map, base: str, known: dict[str, Text], opened: list[str], depth: int = 0
) -> Map:
    extends = raw.get("extends")
    if extends is None:
        return raw
    name = extends if isinstance(extends, Text) else extends.get("service") if isinstance(extends, Map) else None
    at = raw.key("extends").at
    file = extends.get("file") if isinstance(extends, Map) else None
    if depth > 16 or not isinstance(name, Text):
        raise Broken("extends in a circle, or names no service", at)
    if isinstance(file, Text):
        found = tree.find(posixpath.join(base, file))
        if found is None:
            raise Unreadable(f"extends a service of {str(file)!r}, which is not in the submission", at)
        if found not in opened:
            opened.append(found)
        other = _mapping(resolved_map(yaml.load(tree.text(found), found), known), Place(found))
        services, there = _mapping(other.get("services"), at), posixpath.dirname(found)
    else:
        there = base
    below = services.get(name)
    if not isinstance(below, Map):
        raise Broken(f"extends {str(name)!r}, which is no service there", at)
    rest = Map.empty(raw.at)
    rest.update({key: value for key, value in raw.items() if key != "extends"})
    below = _extended(tree, below, services, there, known, opened, depth + 1)
    return _merged(_moved(below, posixpath.relpath(there or ".", base or ".")), rest)


def _moved(service: Map, way: str) -> Map:
    """Its build directory and env files as seen from the extending file, from which `way` leads to its own."""

    def path(value: object, key: str = "path") -> object:
        if isinstance(value, Text):
            return Text(posixpath.join(way, value), value.at)
        if not isinstance(value, Map):
            return value
        inner = Map.empty(value.at)
        inner.update(value)
        inner[Text(key, value.at)] = path(value.get(key, Text(".", value.at)))
        return inner

    if way == ".":
        return service
    made = Map.empty(service.at)
    made.update(service)
    for key in ("build", "env_file"):
        value = service.get(key)
        if isinstance(value, Seq):
            row = Seq(path(item) for item in value)
            row.at = value.at
            made[key] = row
        elif value is not None:
            made[key] = path(value, "context")
    return made


def _mapping(value: object, at: Place) -> Map:
    if not isinstance(value, Map):
        raise Broken("expected a mapping here", at)
    return value


def _references(value: object) -> Any:
    from pytest_isolation.inception.variables import unresolved

    if isinstance(value, Map):
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, Seq):
        for item in value:
            yield from _references(item)
    elif isinstance(value, Text) and "$" in value:
        for name in unresolved(value):
            if name not in ENVIRONMENT:
                yield value, name
