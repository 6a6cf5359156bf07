"""One service of a compose file: what is published, mounted, built and started, with lines."""

from __future__ import annotations

import posixpath
import re
import shlex
from dataclasses import dataclass, field
from typing import Any

from pytest_isolation.inception.place import Place, Text
from pytest_isolation.inception.tree import normal
from pytest_isolation.inception.yaml import Map, Seq

COLON = re.compile(r":(?![^{]*\})")
"""Not those in ${NAME:-default}."""


@dataclass(frozen=True, slots=True)
class Port:
    """A published port; `host` is None when the machine chooses one."""

    host: str | None
    container: str
    address: str | None
    at: Place
    written: str


@dataclass(frozen=True, slots=True)
class Mount:
    """One entry of a service's `volumes`, in its short or its long form."""

    kind: str
    """volume, bind, tmpfs …"""
    source: str
    """"" is an anonymous volume."""
    target: str
    at: Place


@dataclass(frozen=True, slots=True)
class Build:
    """`build` of a service, in its short or its long form."""

    context: str
    """Relative to the submission; None-like "?" when it leads out or is not known."""
    dockerfile: str
    """Relative to the submission."""
    args: dict[str, Text]
    target: str | None
    network: Text | None
    inline: Text | None
    at: Place


@dataclass(slots=True)
class Service:
    """One service, with `extends` and merges carried out and variables put in."""

    name: Text
    at: Place
    raw: Map
    base: str
    """The directory relative paths of this service start from."""
    image: Text | None = None
    build: Build | None = None
    ports: list[Port] = field(default_factory=list)
    mounts: list[Mount] = field(default_factory=list)
    networks: dict[str, Place] = field(default_factory=dict)
    environment: dict[str, Text | None] = field(default_factory=dict)
    env_files: list[Text] = field(default_factory=list)
    secrets: dict[str, Place] = field(default_factory=dict)
    entrypoint: list[str] | None = None
    command: list[str] | None = None
    command_at: Place | None = None

    def text(self, key: str) -> Text | None:
        """A scalar of the service by its key; None where there is none, or where it is a list or a mapping."""
        found = self.raw.get(key)
        return found if isinstance(found, Text) else None

    def place(self, key: str) -> Place:
        """Where a key of the service is, or the service itself."""
        return self.raw.key(key).at if key in self.raw else self.at


def read_service(name: Text, raw: Map, base: str) -> Service:
    """`raw`: with `extends` carried out; `base`: where its relative paths start."""
    service = Service(name, name.at, raw, base)
    service.image = service.text("image")
    if "build" in raw:
        service.build = _build(raw["build"], raw.key("build").at, base)
    service.ports = [port for item in _items(raw, "ports") if (port := _port(item))]
    service.mounts = [mount for item in _items(raw, "volumes") if (mount := _mount(item))]
    service.networks = _names(raw, "networks")
    service.secrets = _names(raw, "secrets", "source")
    service.environment = _pairs(raw.get("environment"))
    service.env_files = _env_files(raw.get("env_file"))
    service.entrypoint = _words(raw.get("entrypoint"))
    service.command = _words(raw.get("command"))
    key = "command" if service.command is not None else "entrypoint"
    service.command_at = service.place(key) if key in raw else None
    return service


def _items(raw: Map, key: str) -> list[Any]:
    found = raw.get(key)
    return list(found) if isinstance(found, Seq) else []


def _build(value: object, at: Place, base: str) -> Build:
    if isinstance(value, Text):
        context = _inside(base, value)
        return Build(context, _joined(context, "Dockerfile"), {}, None, None, None, at)
    raw = value if isinstance(value, Map) else Map.empty(at)
    text = {key: found for key in ("context", "dockerfile", "target", "network", "dockerfile_inline")
            if isinstance(found := raw.get(key), Text)}  # fmt: skip
    context = _inside(base, text.get("context", Text(".", at)))
    args = {key: item or Text("", at) for key, item in _pairs(raw.get("args")).items()}
    return Build(
        context, _joined(context, text.get("dockerfile", "Dockerfile")), args,
        str(text["target"]) if "target" in text else None, text.get("network"), text.get("dockerfile_inline"), at,
    )  # fmt: skip


def _inside(base: str, path: str) -> str:
    if path.startswith(("/", "~")) or "://" in path or "$" in path:
        return "?"
    found = normal(posixpath.join(base, path))
    return "?" if found is None else found


def _joined(context: str, path: str) -> str:
    return "?" if context == "?" else _inside(context, path)


def _port(item: object) -> Port | None:
    if isinstance(item, Map):
        text = {str(key): str(value) for key, value in item.items() if isinstance(value, Text)}
        written = ", ".join(f"{key}: {value}" for key, value in text.items())
        return Port(text.get("published"), text.get("target", ""), text.get("host_ip"), item.at, written)
    if not isinstance(item, Text):
        return None
    rest = item.partition("/")[0]
    address = None
    if match := re.match(r"(\[[0-9a-fA-F:]*\]|\d+\.\d+\.\d+\.\d+):(.*)$", rest):
        address, rest = match[1], match[2]
    pieces = COLON.split(rest)
    if len(pieces) == 1:
        return Port(None, pieces[0], address, item.at, str(item))
    return Port(pieces[-2] or None, pieces[-1], address, item.at, str(item))


def _mount(item: object) -> Mount | None:
    if isinstance(item, Map):
        text = {str(key): str(value) for key, value in item.items() if isinstance(value, Text)}
        return Mount(text.get("type", "volume"), text.get("source", ""), text.get("target", ""), item.at)
    if not isinstance(item, Text):
        return None
    pieces = COLON.split(item)
    if len(pieces) == 1:
        return Mount("volume", "", pieces[0], item.at)
    source = pieces[0]
    kind = "bind" if source.startswith(("/", ".", "~", "$")) else "volume"
    return Mount(kind, source, pieces[1], item.at)


def _names(raw: Map, key: str, field_name: str = "") -> dict[str, Place]:
    """Names of a list or mapping."""
    found = raw.get(key)
    if isinstance(found, Map):
        return {str(name): name.at for name, _ in found.entries()}
    made: dict[str, Place] = {}
    for item in found if isinstance(found, Seq) else []:
        name = item.get(field_name) if isinstance(item, Map) else item
        if isinstance(name, Text):
            made[str(name)] = name.at
    return made


def _pairs(value: object) -> dict[str, Text | None]:
    if isinstance(value, Map):
        return {str(key): Text(item, item.at) if isinstance(item, Text) else None for key, item in value.items()}
    found: dict[str, Text | None] = {}
    for item in value if isinstance(value, Seq) else []:
        if isinstance(item, Text):
            name, equals, text = item.partition("=")
            found[name] = Text(text, item.at) if equals else None
    return found


def _env_files(value: object) -> list[Text]:
    found = []
    for item in value if isinstance(value, Seq) else [value]:
        path = item.get("path") if isinstance(item, Map) else item
        if isinstance(path, Text):
            found.append(path)
    return found


def _words(value: object) -> list[str] | None:
    """A command as compose reads it: a list, or a text split as a shell would."""
    if isinstance(value, Seq):
        return [str(item) for item in value if isinstance(item, Text)]
    if not isinstance(value, Text):
        return None
    try:
        return shlex.split(value)
    except ValueError:
        return value.split()
