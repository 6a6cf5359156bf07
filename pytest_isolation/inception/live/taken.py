"""What a stack on this machine would take from somebody, said before it is started; and what it leaves, taken away."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pytest_isolation.boxes.lifetime import Lifetime, remove_tree
from pytest_isolation.errors import BoxError, Unavailable
from pytest_isolation.inception.live import leftovers
from pytest_isolation.inception.live.plan import Plan
from pytest_isolation.technologies.docker.daemon import Daemon

ELSEWHERE = "or audit it in a machine of its own: --inception-live vm"

BUILT = re.compile(r"^ ---> (?:Running in )?([0-9a-f]{12})\b", re.M)
"""As Docker's own builder says it; BuildKit leaves no containers."""
MADE = re.compile(r"^ *(?:Creating (?:network|volume)|Network|Volume) +\"?([\w.-]+)\"?", re.M)
"""As compose 1 and 2 say it."""

MAKES = 3
"""How often an audit makes a stack."""


PROXY_S = 3.0
"""How long a proxy may take to end on a busy machine."""


def check_free(plan: Plan, daemon: Daemon, home: Path) -> None:
    """Raises Unavailable for the first thing that somebody else has."""
    api = daemon.api
    running = api.containers()
    for port in plan.ports:
        if not _free(port):
            held = [one for one in running if any(bound.get("PublicPort") == port for bound in one["Ports"])]
            who = f"by the container {held[0]['Names'][0].lstrip('/')}" if held else "by a program of this machine"
            raise Unavailable(f"the stack publishes port {port}, and that is taken {who}", f"stop it, {ELSEWHERE}")
    names = {name.lstrip("/") for one in api.containers(all=True) for name in one["Names"] or ()}
    for name in plan.containers:
        if name in names:
            raise Unavailable(
                f"the stack calls a container {name}, and this machine has one of that name",
                f"stop your own stack and remove it (docker compose down), {ELSEWHERE}",
            )
    only = {"label": f"{leftovers.LABEL}={plan.project}"}
    if api.containers(all=True, filters=only) or api.networks(filters=only) or api.volumes(filters=only)["Volumes"]:
        raise Unavailable(
            f"the Makefile calls its compose project {plan.project}, and this machine has one of that name",
            f"take that down (docker compose -p {plan.project} down), {ELSEWHERE}",
        )
    volumes = {one["Name"] for one in api.volumes()["Volumes"] or ()}
    for name in plan.volumes:
        if name in volumes:
            raise Unavailable(
                f"the stack uses a volume {name}, and this machine has one of that name, perhaps with your data",
                f"rename or remove it (docker volume rm {name}), {ELSEWHERE}",
            )
    for path in (str(home / "data"), *plan.stores):
        # An empty home/data is nobody's; an empty store is what somebody's next `make` needs.
        if os.path.lexists(path) and (path in plan.stores or any(os.scandir(path))):
            raise Unavailable(
                f"the stack keeps its data in {path}, and that is there already, perhaps with your site's data",
                f"move it away, {ELSEWHERE}",
            )


def _free(port: int) -> bool:
    """Whether it is free now or in a moment: Docker's proxy may outlive the container that was just removed."""
    deadline = time.monotonic() + PROXY_S
    while not (free := _bindable(port)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return free


def _bindable(port: int) -> bool:
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("0.0.0.0", port))
    except OSError:
        return False
    return True


def write_down(plan: Plan, daemon: Daemon, home: Path, lifetime: Lifetime, undo: ExitStack) -> None:
    """Everything the stack will leave: in the register, for a run that is killed, and on `undo`, latest first."""

    def planned(kind: str, handle: str, remove: Callable[[], Any]) -> None:
        lifetime.register(kind, handle)
        undo.callback(remove)

    for path in _topmost_missing([home / "data", *map(Path, plan.stores), *map(Path, plan.binds)]):
        planned("directory", os.fspath(path), lambda path=path: remove_tree(path))  # type: ignore[misc]
    for tag in (*plan.tags, *plan.bases):
        handle = f"{tag}={leftovers.identity(daemon, tag) or ''}"
        planned("inception:project-tag", handle, lambda handle=handle: leftovers.restore_tag(daemon, handle))  # type: ignore[misc]
    for number in range(MAKES):
        for kept in _kept(plan, number):
            planned("inception:project-tag", f"{kept}=", lambda kept=kept: leftovers.restore_tag(daemon, f"{kept}="))  # type: ignore[misc]
    known = {one["Name"] for one in daemon.api.networks()}
    for kind, names in (("volume", plan.volumes), ("network", [one for one in plan.networks if one not in known])):
        for name in names:
            remove = partial(leftovers.remove_named, daemon, kind, name)
            planned(f"inception:project-{kind}", name, remove)
    planned("inception:project", plan.project, lambda: leftovers.remove_project(daemon, plan.project))


@dataclass(frozen=True, slots=True)
class Before:
    """What the daemon had before anything was made: none of it is removed."""

    containers: frozenset[str]
    """Ids, as those of images and networks."""
    images: frozenset[str]
    networks: frozenset[str]
    volumes: frozenset[str]
    projects: frozenset[str]
    """Of compose, whatever they have."""


def before(daemon: Daemon) -> Before:
    """What the daemon has before the stack is started: all of that stays when the stack goes."""
    api = daemon.api
    containers, networks, volumes = api.containers(all=True), api.networks(), api.volumes()["Volumes"] or ()
    labels = [(one["Labels"] or {}).get(leftovers.LABEL) for one in (*containers, *networks, *volumes)]
    return Before(
        frozenset(one["Id"] for one in containers), frozenset(one["Id"] for one in api.images(all=True)),
        frozenset(one["Id"] for one in networks), frozenset(one["Name"] for one in volumes),
        frozenset(label for label in labels if label),
    )  # fmt: skip


def write_down_others(found: set[str], was: Before, daemon: Daemon, lifetime: Lifetime, undo: ExitStack) -> None:
    """Projects the Makefile started under a name that was not foreseen: `found` are those of the stack's containers.

    Raises BoxError when somebody had that project before: then nobody can tell what is whose.
    """
    for project in sorted(found):
        if project in was.projects:
            raise BoxError(
                f"the Makefile started its containers in the compose project {project}, which was there before; "
                "nothing of it was removed: look with docker compose ls"
            )
        lifetime.register("inception:project", project)
        undo.callback(leftovers.remove_project, daemon, project)


def remove_built(was: Before, daemon: Daemon, logs: Path) -> None:
    """What a build that failed leaves: the container of the step that failed, and the images of those before it.

    Docker's builder says the id of each that it makes: what these logs tell of, and was not there before, is ours.
    """
    ids = set(BUILT.findall(_said(logs)))
    for one in daemon.api.containers(all=True):
        if one["Id"] not in was.containers and one["Id"][:12] in ids:
            leftovers.remove_container(daemon, one["Id"])
    for one in daemon.api.images(all=True):
        short = one["Id"].removeprefix("sha256:")[:12]
        if one["Id"] not in was.images and short in ids and not set(one["RepoTags"] or ()) - {"<none>:<none>"}:
            leftovers.remove_unnamed(daemon, one["Id"])


def remove_made(was: Before, daemon: Daemon, logs: Path) -> None:
    """Networks and volumes of a project that was not foreseen and never had a container: compose says their names."""
    names = set(MADE.findall(_said(logs)))
    for one in daemon.api.networks():
        if one["Id"] not in was.networks and one["Name"] in names and leftovers.LABEL in (one["Labels"] or {}):
            leftovers.remove_network(daemon, one["Id"])
    for one in daemon.api.volumes()["Volumes"] or ():
        if one["Name"] not in was.volumes and one["Name"] in names and leftovers.LABEL in (one["Labels"] or {}):
            leftovers.remove_named(daemon, "volume", one["Name"])


def _said(logs: Path) -> str:
    """By make and compose, not by the containers."""
    return "\n".join(
        log.read_text(errors="replace", encoding="utf-8") for log in logs.glob("*.log") if ".container." not in log.name
    )


def keep_built(plan: Plan, daemon: Daemon, number: int) -> None:
    """Before the stack is made for the `number`th time: what was built has a second name, of those written down.

    A build that makes another image of it would leave the first without any, and nobody would find it again.
    """
    for tag, kept in zip(plan.tags, _kept(plan, number), strict=True):
        if number < MAKES and (built := leftovers.identity(daemon, tag)) is not None:
            daemon.api.tag(built, *kept.split(":"))


def _kept(plan: Plan, number: int) -> list[str]:
    return [f"{plan.project}-kept:{number}-{index}" for index, _ in enumerate(plan.tags)]


def _topmost_missing(paths: list[Path]) -> Iterator[Path]:
    """The highest directory of each that is not there: what making it makes."""
    found: list[Path] = []
    for path in paths:
        missing = [one for one in (path, *path.parents) if not os.path.lexists(one)]
        if missing and not any(missing[-1].is_relative_to(one) for one in found):
            found.append(missing[-1])
    return iter(found)
