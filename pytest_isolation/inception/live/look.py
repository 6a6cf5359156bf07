"""A running stack, looked at: nothing is started, stopped, written to or entered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytest_isolation.inception import hello
from pytest_isolation.inception.live import web
from pytest_isolation.inception.live.facts import Container, Facts
from pytest_isolation.inception.live.venue import StackView

LABEL = "com.docker.compose."
"""What compose's labels begin with."""


def running(view: StackView, top: str) -> list[dict[str, Any]]:
    """The submission's running containers, as `docker inspect` has them, by the names of their services."""
    return [attrs for attrs in of_stack(view.docker, top) if attrs["State"]["Running"]]


def of_stack(client: Any, top: str) -> list[dict[str, Any]]:
    """The containers that compose made from a file below `top`, the daemon's name for that directory."""
    found = client.containers.list(all=True, filters={"label": f"{LABEL}project"})
    ours = [one.attrs for one in found if _belongs(one.attrs["Config"]["Labels"], Path(top))]
    return sorted(ours, key=service_of)


def service_of(attrs: dict[str, Any]) -> str:
    """The compose service of a container, from its label; `?` where it has none."""
    return str(attrs["Config"]["Labels"].get(f"{LABEL}service", "?"))


def _belongs(labels: dict[str, str], top: Path) -> bool:
    place = labels.get(f"{LABEL}project.working_dir")
    return place is not None and Path(place).resolve().is_relative_to(top)


def look(top: str, domain: str, view: StackView) -> Facts:
    """`domain` is the name TLS and HTTP ask for."""
    containers = containers_of(top, view)
    port = entry_port(containers)
    http = view.takes_connections(80)
    if port is None:
        return Facts(containers, None, http=http)
    address = view.reach(port)
    try:
        if not view.takes_connections(port):
            raise ConnectionRefusedError
        tls = {version: hello.accepts(*address, domain, version) for version in hello.VERSIONS}
    except OSError:
        tls = {}
    answer = web.get(address, domain, "/") if tls else None
    page = (answer.status, answer.location) if answer else None
    blank = answer is not None and not answer.body.strip()
    return Facts(containers, port, tls, page, blank, http)


def containers_of(top: str, view: StackView) -> tuple[Container, ...]:
    """The stack's containers, as `docker inspect` and their first processes show them."""
    devices = {one.name: one.attrs for one in view.docker.volumes.list()}
    return tuple(_container(attrs, devices, view) for attrs in of_stack(view.docker, top))


def entry_port(containers: tuple[Container, ...]) -> int | None:
    """Of the host, behind which NGINX should be."""
    ports = [int(host) for one in containers for inside, host in one.published if "443" in (inside, host) and host]
    if not ports:
        return None
    return 443 if 443 in ports else ports[0]


def _container(attrs: dict[str, Any], volumes: dict[str, Any], view: StackView) -> Container:
    ports = attrs["NetworkSettings"]["Ports"] or {}
    published = tuple(
        (inside.partition("/")[0], bound["HostPort"])
        for inside, bindings in sorted(ports.items())
        for bound in {one["HostPort"]: one for one in bindings or ()}.values()
    )
    pid = attrs["State"]["Pid"]
    return Container(
        service=service_of(attrs),
        name=attrs["Name"].lstrip("/"),
        image=attrs["Config"]["Image"],
        status=attrs["State"]["Status"],
        restarts=attrs["RestartCount"],
        policy=attrs["HostConfig"]["RestartPolicy"]["Name"],
        network_mode=attrs["HostConfig"]["NetworkMode"],
        networks=tuple(sorted(attrs["NetworkSettings"]["Networks"])),
        published=published,
        mounts=tuple(
            (one["Type"], _place(one, volumes), one["Destination"])
            for one in sorted(attrs["Mounts"], key=lambda one: str(one["Destination"]))
        ),
        first_process=view.name_of(pid) if pid else None,
    )


def _place(mount: dict[str, Any], volumes: dict[str, Any]) -> str:
    volume = volumes.get(mount.get("Name", ""), {})
    return str((volume.get("Options") or {}).get("device") or mount.get("Source", ""))
