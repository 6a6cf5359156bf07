"""What starting a stack will take on a machine: said by compose itself, before anything is started."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_isolation.errors import Unavailable
from pytest_isolation.inception import yaml
from pytest_isolation.inception.makefile import expand
from pytest_isolation.inception.model import Submission
from pytest_isolation.inception.place import Unreadable
from pytest_isolation.inception.started import compose_calls

COMPOSE = ("docker", "compose")


@dataclass(frozen=True, slots=True)
class Plan:
    """`call` is compose as the Makefile calls it, from `directory`; relative paths start at the copy's top."""

    call: tuple[str, ...]
    directory: str
    project: str
    make: bool
    """Whether there is a Makefile; else compose starts the stack."""
    ports: tuple[int, ...] = ()
    """Of the host."""
    containers: tuple[str, ...] = ()
    """With a name of their own."""
    tags: tuple[str, ...] = ()
    """NAME:TAG of what is built."""
    bases: tuple[str, ...] = ()
    """NAME:TAG of what it is built from."""
    networks: tuple[str, ...] = ()
    """Whose names have no project in them."""
    volumes: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()
    """Directories of the host that volumes are in."""
    binds: tuple[str, ...] = ()
    """Paths of the host outside the submission that are mounted."""

    @property
    def start(self) -> tuple[str, ...]:
        """The command that builds and starts the stack."""
        return ("make",) if self.make else (*self.call, "up", "--detach", "--build")

    def compose(self, *words: str) -> tuple[str, ...]:
        """The command that calls compose on this stack, as its Makefile does."""
        return (*self.call, *words)


def call_of(s: Submission, project: str) -> Plan:
    """Compose as the default goal calls it.  Raises Unavailable without a compose file."""
    if s.compose is None:
        raise Unavailable("no compose file could be read, so there is no stack to start", "see T03 and S03")
    if s.makefile is not None:  # what the Makefile exports goes before what we give it
        project = expand(s.makefile.variables.get("COMPOSE_PROJECT_NAME", project), s.makefile.variables).strip()
    goal = s.makefile.default if s.makefile is not None else None
    calls = compose_calls(s.makefile.lines(goal)) if s.makefile is not None and goal is not None else []
    for words, base in calls:
        given = tuple(_options(words))
        for name, value in zip(given[::2], given[1::2], strict=True):
            project = value if name in ("-p", "--project-name") else project
        if not any(name in ("-f", "--file") for name in given[::2]):
            given = (*given, *_files(s, s.path(base)))
        return Plan((*COMPOSE, *given), posixpath.normpath(s.path(base)), project, make=True)
    base = posixpath.normpath(s.path("."))
    return Plan((*COMPOSE, *_files(s, base)), base, project, make=s.makefile is not None)


def _files(s: Submission, base: str) -> Iterator[str]:
    assert s.compose is not None
    for path in s.compose.files:
        yield from ("-f", posixpath.relpath(path, base))


def _options(words: list[str]) -> Iterator[str]:
    """Compose's own, before its command, each with its value as a word of its own."""
    known = ("-f", "--file", "--env-file", "--project-directory", "-p", "--project-name", "--profile")
    at = 0
    while at < len(words) and words[at].startswith("-"):
        name, equals, value = words[at].partition("=")
        if name in known and equals:
            yield from (name, value)
        elif name in known and at + 1 < len(words):
            at += 1
            yield from (name, words[at])
        at += 1


def read_plan(call: Plan, config: str, s: Submission, top: str) -> Plan:
    """`config` is what `compose config` said; `top` is where the copy is.  Raises Unavailable when it is none."""
    try:
        said: Any = yaml.plain(yaml.load(config, "docker compose config"))
        services: dict[str, Any] = dict(said["services"])
    except (Unreadable, KeyError, TypeError):
        raise Unavailable("`docker compose config` did not describe the stack", "run it and see") from None
    top_volumes: dict[str, Any] = said.get("volumes") or {}
    devices = [str(((one or {}).get("driver_opts") or {}).get("device") or "") for one in top_volumes.values()]
    built = [_image(call.project, name, one) for name, one in services.items() if "build" in one]
    mounts = [path for one in services.values() for path in _binds(one)]
    return Plan(
        call.call, call.directory, call.project, call.make,
        ports=tuple(sorted({port for one in services.values() for port in _ports(one)})),
        containers=tuple(sorted(str(one["container_name"]) for one in services.values() if "container_name" in one)),
        tags=tuple(sorted({tag for tags in built for tag in tags})),
        bases=tuple(sorted(set(_bases(s)))),
        networks=_named(said.get("networks") or {}, call.project),
        volumes=_named(top_volumes, call.project),
        stores=tuple(sorted({path for path in devices if path.startswith("/")})),
        binds=tuple(sorted({path for path in mounts if not Path(path).is_relative_to(top)})),
    )  # fmt: skip


def _image(project: str, name: str, service: dict[str, Any]) -> tuple[str, ...]:
    if image := service.get("image"):
        return (with_tag(str(image)),)
    return f"{project}_{name}:latest", f"{project}-{name}:latest"  # compose 1 and 2


def with_tag(reference: str) -> str:
    """An image's reference with the tag that Docker takes where none is written."""
    return reference if ":" in reference.rpartition("/")[2] or "@" in reference else f"{reference}:latest"


def _bases(s: Submission) -> Iterator[str]:
    """Images that a build may fetch."""
    for image in s.images.values():
        names = {(stage.name or "").lower() for stage in image.stages}
        for stage in image.stages:
            base = str(stage.base)
            if base.lower() not in {*names, "scratch"} and "$" not in base and "@" not in base:
                yield with_tag(base)


def _ports(service: dict[str, Any]) -> Iterator[int]:
    """Compose 1 writes texts, compose 2 mappings; `-` is a range."""
    for one in service.get("ports") or ():
        written = one.get("published") if isinstance(one, dict) else _host_part(str(one))
        first, _, last = str(written or "").partition("-")
        if first.isdigit():
            yield from range(int(first), int(last if last.isdigit() else first) + 1)


def _host_part(text: str) -> str:
    pieces = text.partition("/")[0].rsplit(":", 2)
    return pieces[-2] if len(pieces) > 1 else ""


def _binds(service: dict[str, Any]) -> Iterator[str]:
    for one in service.get("volumes") or ():
        if isinstance(one, dict):
            if one.get("type") == "bind":
                yield str(one.get("source"))
        elif str(one).startswith("/"):
            yield str(one).partition(":")[0]


def _named(declared: dict[str, Any], project: str) -> tuple[str, ...]:
    found = []
    for key, one in declared.items():
        name = (one or {}).get("name")
        external = (one or {}).get("external")
        if isinstance(external, dict):
            name = external.get("name", name)
        name = name or (key if external else None)
        if name and not re.match(rf"{re.escape(project)}[_-]", str(name)):
            found.append(str(name))
    return tuple(sorted(found))
