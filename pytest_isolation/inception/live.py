"""The stack as it runs on this machine's Docker, started by its author: looked at, never started, stopped or entered.

`look` asks the daemon, the ports and /proc for facts; `judge` makes rows of facts alone.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_isolation.inception import hello
from pytest_isolation.inception.asked import Asked
from pytest_isolation.inception.finding import Severity
from pytest_isolation.report.run import InceptionRow

TIMEOUT_S = 10
SHELLS = frozenset({"sh", "bash", "dash", "ash", "tail", "sleep"})
LABEL = "com.docker.compose."


@dataclass(frozen=True, slots=True)
class Container:
    """What `docker inspect` says of it, as far as a rule asks."""

    service: str
    name: str
    image: str
    status: str
    restarts: int
    policy: str
    network_mode: str
    networks: tuple[str, ...]
    published: tuple[tuple[str, str], ...]
    """(port in the container, port of the host)"""
    mounts: tuple[tuple[str, str, str], ...]
    """(type, where its data is on the host, path in the container)"""
    first_process: str | None
    """The name of its process 1; None when this user may not see it."""


@dataclass(frozen=True, slots=True)
class Facts:
    containers: tuple[Container, ...]
    port: int | None
    """Of the host, behind which TLS is expected."""
    tls: dict[str, bool] = field(default_factory=dict)
    """Version -> accepted; empty when nobody answers."""
    page: tuple[int, str] | None = None
    """(status, Location) of GET /."""
    http: bool = False
    """Whether port 80 of the host takes connections."""


def audit_running(top: Path, asked: Asked, name: str) -> list[InceptionRow]:
    """Rows L… of one submission.  Never raises for what the daemon or the stack does."""
    try:
        facts = look(top, asked.domain.format(login=asked.login))
    except Exception as error:  # the daemon's client raises its own, requests' and the socket's
        said = " ".join(str(error).split())[:160]
        return [_row(name, "L01", "unclear", "", f"Docker does not answer: {said}", "a running Docker daemon")]
    return list(judge(facts, asked, name))


# -- looking ---------------------------------------------------------------------------


def look(top: Path, domain: str) -> Facts:
    """`domain` is the name TLS and HTTP ask for."""
    import docker

    client = docker.from_env(timeout=TIMEOUT_S)
    try:
        ours = _of(client, top)
        devices = {one.name: one.attrs for one in client.volumes.list()}
    finally:
        client.close()
    containers = tuple(sorted((_container(attrs, devices) for attrs in ours), key=lambda one: one.service))
    ports = [int(host) for one in containers for inside, host in one.published if "443" in (inside, host) and host]
    if not ports:
        return Facts(containers, None, http=_takes_connections(80))
    port = 443 if 443 in ports else ports[0]
    try:
        tls = {version: hello.accepts("127.0.0.1", port, domain, version) for version in hello.VERSIONS}
    except OSError:
        tls = {}
    return Facts(containers, port, tls, _page(port, domain) if tls else None, _takes_connections(80))


def running(top: Path) -> list[dict[str, Any]]:
    """The submission's running containers, as `docker inspect` has them, by the names of their services.

    Raises what the daemon's client raises when no daemon answers.
    """
    import docker

    client = docker.from_env(timeout=TIMEOUT_S)
    try:
        ours = [attrs for attrs in _of(client, top) if attrs["State"]["Running"]]
    finally:
        client.close()
    return sorted(ours, key=lambda attrs: str(attrs["Config"]["Labels"].get(f"{LABEL}service", "?")))


def _of(client: Any, top: Path) -> list[dict[str, Any]]:
    found = client.containers.list(all=True, filters={"label": f"{LABEL}project"})
    return [one.attrs for one in found if _belongs(one.attrs["Config"]["Labels"], top)]


def _belongs(labels: dict[str, str], top: Path) -> bool:
    place = labels.get(f"{LABEL}project.working_dir")
    return place is not None and Path(place).resolve().is_relative_to(top)


def _container(attrs: dict[str, Any], volumes: dict[str, Any]) -> Container:
    ports = attrs["NetworkSettings"]["Ports"] or {}
    published = tuple(
        (inside.partition("/")[0], bound["HostPort"])
        for inside, bindings in sorted(ports.items())
        for bound in {one["HostPort"]: one for one in bindings or ()}.values()
    )
    pid = attrs["State"]["Pid"]
    return Container(
        service=attrs["Config"]["Labels"].get(f"{LABEL}service", "?"),
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
        first_process=_name_of(pid) if pid else None,
    )


def _place(mount: dict[str, Any], volumes: dict[str, Any]) -> str:
    volume = volumes.get(mount.get("Name", ""), {})
    return str((volume.get("Options") or {}).get("device") or mount.get("Source", ""))


def _name_of(pid: int) -> str | None:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return None


def _takes_connections(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S).close()
    except OSError:
        return False
    return True


def _page(port: int, domain: str) -> tuple[int, str] | None:
    """GET / over TLS: the certificate may be self-signed."""
    import http.client

    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        plain = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        with plain, context.wrap_socket(plain, server_hostname=domain) as secure:
            connection = http.client.HTTPConnection(domain, timeout=TIMEOUT_S)
            connection.sock = secure
            connection.request("GET", "/", headers={"Host": domain})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Location") or ""
    except (OSError, http.client.HTTPException):
        return None


# -- judging ---------------------------------------------------------------------------

ASKS = {
    "L01": ("end", "Every container runs, and none has been started again."),
    "L02": ("end", "https://LOGIN.42.fr shows the site, set up; http is refused."),
    "L03": ("rule", "A comment can be written, and a page edited."),
    "L04": ("end", "What is stored survives that the stack is taken down, and a reboot."),
    "L05": ("rule", "A container that crashes is started again."),
    "L06": ("end", "Port 443 is the only one that is open, and NGINX's."),
    "L07": ("end", "The server accepts TLS 1.2 or 1.3 and nothing older."),
    "L08": ("end", "Containers are on a network of their own, none on the host's."),
    "L09": ("end", "Each container runs the image of its service's name, and not its tag latest."),
    "L10": ("advice", "The daemon is the container's first process."),
    "L11": ("end", "The data of the stores is in /home/LOGIN/data, in named volumes."),
}
MANDATORY = ("nginx", "wordpress", "mariadb")


def judge(facts: Facts, asked: Asked, path: str) -> Iterator[InceptionRow]:
    """One row or more for every rule in ASKS."""
    if not facts.containers:
        missing = "the stack: start it with its own make, from this directory"
        for rule in ASKS:
            yield _row(path, rule, "unclear", "", "no container of this submission is on this machine", missing)
        return
    found = [*_containers(facts, asked), *_site(facts)]
    found += [
        ("L03", "not-applicable", "", "it would write into the site; do it in a browser", ""),
        ("L04", "not-applicable", "", "it would take the stack down; make down, make, and look again", ""),
    ]
    for rule in ASKS:
        rows = [one for one in found if one[0] == rule]
        for _, verdict, where, says, fix in rows or [(rule, "pass", "", ASKS[rule][1], "")]:
            yield _row(path, rule, verdict, where, says, fix)


Said = tuple[str, str, str, str, str]
"""rule, verdict, where, found, fix"""


def _containers(facts: Facts, asked: Asked) -> Iterator[Said]:
    for one in facts.containers:
        where = f"container {one.name}"
        if one.status != "running":
            yield "L01", "fail", where, f"it is {one.status}", f"docker logs {one.name}"
        if one.restarts:
            yield "L01", "fail", where, f"it was started again {one.restarts} times", f"docker logs {one.name}"
        if one.policy in ("", "no"):
            yield "L05", "fail", where, "no restart policy", "restart: unless-stopped"
        if one.network_mode == "host" or "host" in one.networks:
            yield "L08", "fail", where, "on the host's network", "a network of the compose file"
        elif one.networks == ("bridge",):
            yield "L08", "fail", where, "on Docker's default bridge", "a network of the compose file"
        repository = one.image.rpartition("/")[2].partition(":")[0]
        if repository != one.service:
            yield (
                "L09",
                "fail",
                where,
                f"image {one.image} for the service {one.service}",
                f"image: {one.service}:inception",
            )
        elif one.image.endswith(":latest") or ":" not in one.image:
            yield "L09", "fail", where, f"image {one.image}: the tag is latest", f"image: {one.service}:inception"
        if one.first_process in SHELLS:
            yield "L10", "advice", where, f"process 1 is {one.first_process}", "end the start script with exec DAEMON"
        yield from _ports(one, where)
        yield from _mounts(one, where, asked)


def _ports(one: Container, where: str) -> Iterator[Said]:
    entry = _is_entry(one)
    for inside, host in one.published:
        if entry and host == "443":
            continue
        if entry or one.service in MANDATORY:
            yield "L06", "fail", where, f"{inside} is published as {host}", "443 of NGINX and nothing else"


def _is_entry(one: Container) -> bool:
    return "nginx" in (one.service, one.first_process) or any(host == "443" for _, host in one.published)


def _mounts(one: Container, where: str, asked: Asked) -> Iterator[Said]:
    login = re.escape(asked.login) if asked.login else "[^/]+"
    for kind, place, target in one.mounts:
        if not re.search(r"mysql|mariadb|/var/www|html|wordpress", target) or re.search(r"\.\w+$", target):
            continue
        if not re.fullmatch(rf"/home/{login}/data(/.*)?", place):
            yield "L11", "fail", where, f"{target} is {place}", "driver_opts: device: /home/LOGIN/data/…"
        elif kind != "volume":
            yield "L11", "advice", where, f"{target} is a bind mount of {place}", "a named volume (since version 5.2)"


def _site(facts: Facts) -> Iterator[Said]:
    if facts.port is None or not facts.tls:
        at = "nothing publishes 443" if facts.port is None else f"nobody answers on port {facts.port}"
        yield "L02", "fail", "", at, 'ports: ["443:443"] for NGINX'
        yield "L07", "fail", "", at, 'ports: ["443:443"] for NGINX'
    else:
        where = f"port {facts.port}"
        old = [version for version in ("TLSv1", "TLSv1.1") if facts.tls.get(version)]
        if old:
            yield "L07", "fail", where, f"accepts {', '.join(old)}", "ssl_protocols TLSv1.2 TLSv1.3;"
        if not (facts.tls.get("TLSv1.2") or facts.tls.get("TLSv1.3")):
            yield "L07", "fail", where, "accepts neither TLS 1.2 nor 1.3", "ssl_protocols TLSv1.2 TLSv1.3;"
        yield from _answer(facts.page, where)
    if facts.http:
        yield "L02", "fail", "port 80", "it takes connections", "publish 443 only (or stop what else listens there)"


def _answer(page: tuple[int, str] | None, where: str) -> Iterator[Said]:
    if page is None:
        yield "L02", "fail", where, "no HTTP answer over TLS", "docker logs of NGINX"
    elif "install.php" in page[1]:
        yield "L02", "fail", where, f"redirects to {page[1]}: WordPress is not set up", "wp core install"
    elif page[0] != 200:
        yield "L02", "fail", where, f"answers {page[0]} {page[1]}".rstrip(), "the site itself, 200"


def _row(path: str, rule: str, verdict: str, where: str, found: str, fix: str) -> InceptionRow:
    severity, asks = ASKS[rule]
    return InceptionRow(
        path=path, rule=rule, verdict=verdict, severity=Severity(severity), where=where, found=found, why=asks, fix=fix
    )
