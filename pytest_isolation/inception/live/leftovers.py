"""What a compose project leaves with the daemon, removed by name: its containers, networks, volumes, and image tags.

Every function returns whether something was there.  Names are written down before the project is started, and only
those that nobody had then: so what carries one is the project's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pytest_isolation.errors import BoxError
from pytest_isolation.technologies.docker import daemon as daemons
from pytest_isolation.technologies.docker.daemon import Daemon
from pytest_isolation.technologies.docker.errors import explained, said

LABEL = "com.docker.compose.project"
"""Compose's own, on everything that it makes: the project's name."""
TRIES_S = 15.0
"""A network or an image counts as used for a moment after its last container has gone."""


def undo(kind: str, handle: str) -> bool:
    """Remove one thing that a dead run's audit registered; returns whether it was there.

    The entry point `inception` of the group `pytest_isolation.undoers`, so kinds are registered as `inception:KIND`:
    `project` (a compose project's name), `project-network` and `project-volume` (a name), `project-tag` (as
    `restore_tag` has it).  Raises Unavailable when no daemon answers, BoxError when it refuses or for another kind.
    """
    removers: dict[str, Callable[[Daemon], bool]] = {
        "project": lambda daemon: remove_project(daemon, handle),
        "project-network": lambda daemon: remove_named(daemon, "network", handle),
        "project-volume": lambda daemon: remove_named(daemon, "volume", handle),
        "project-tag": lambda daemon: restore_tag(daemon, handle),
    }
    if kind not in removers:
        raise BoxError(f"inception:{kind} is nothing this version knows how to remove; remove {handle} by hand")
    daemon = daemons.connect(None)
    daemon.check_answers()
    with explained(f"removing the {kind} {handle}"):
        return removers[kind](daemon)


def remove_project(daemon: Daemon, project: str) -> bool:
    """Everything with the label of `project`, containers first."""
    api = daemon.api
    only = {"label": f"{LABEL}={project}"}
    containers = api.containers(all=True, filters=only)
    for one in containers:
        _insist(f"the container {one['Names']}", lambda one=one: api.remove_container(one["Id"], force=True, v=True))
    networks = api.networks(filters=only)
    for one in networks:
        _insist(f"the network {one['Name']}", lambda one=one: api.remove_network(one["Id"]))
    volumes = api.volumes(filters=only).get("Volumes") or []
    for one in volumes:
        _insist(f"the volume {one['Name']}", lambda one=one: api.remove_volume(one["Name"]))
    return bool(containers or networks or volumes)


def remove_named(daemon: Daemon, kind: str, name: str) -> bool:
    """A network or a volume that the compose file, or the Makefile, calls by a name without its project."""
    if kind == "network":
        found = [one["Id"] for one in daemon.api.networks(names=[name]) if one["Name"] == name]
        for identity in found:
            _insist(f"the network {name}", lambda identity=identity: daemon.api.remove_network(identity))
        return bool(found)
    found = [one for one in daemon.api.volumes().get("Volumes") or [] if one["Name"] == name]
    for _ in found:
        _insist(f"the volume {name}", lambda: daemon.api.remove_volume(name))
    return bool(found)


def remove_container(daemon: Daemon, identity: str) -> None:
    """Removes a container with its anonymous volumes, running or not, by its id."""
    _insist(f"the container {identity[:12]}", lambda: daemon.api.remove_container(identity, force=True, v=True))


def remove_network(daemon: Daemon, identity: str) -> None:
    """Removes a network by its id."""
    _insist(f"the network {identity[:12]}", lambda: daemon.api.remove_network(identity))


def remove_unnamed(daemon: Daemon, identity: str) -> None:
    """An image without a name, and those without one it is built on; not one that something else is built on."""
    from docker.errors import APIError

    with suppress(APIError):  # 409: it goes with the last image that needs it; 404: it went with another
        daemon.api.remove_image(identity)


def restore_tag(daemon: Daemon, handle: str) -> bool:
    """`NAME:TAG=ID`: the tag names that image again, or nothing when there is no ID."""
    tag, _, before = handle.partition("=")
    now = identity(daemon, tag)
    if (now is None and not before) or now == before:
        return False
    if now is not None:
        _insist(f"the image {tag}", lambda: daemon.api.remove_image(tag))
    if before:
        name, _, version = tag.rpartition(":")
        _insist(f"the image {tag}", lambda: daemon.api.tag(before, name, version))
    return True


def identity(daemon: Daemon, tag: str) -> str | None:
    """The id of the image that `tag` names; None when there is none."""
    from docker.errors import NotFound

    try:
        return str(daemon.api.inspect_image(tag)["Id"])
    except NotFound:
        return None


def _insist(what: str, remove: Any) -> None:
    """Raises BoxError when the daemon refuses to the end."""
    from docker.errors import APIError, NotFound

    deadline = time.monotonic() + TRIES_S
    while True:
        try:
            remove()
            return
        except NotFound:
            return
        except APIError as error:
            if time.monotonic() > deadline:
                raise BoxError(f"the Docker daemon does not remove {what}: {said(error)}") from None
        time.sleep(0.2)
