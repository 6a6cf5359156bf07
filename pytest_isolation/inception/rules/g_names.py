"""G: the container will not answer, because it asks for another, or for a file, by a name that nobody has."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from pytest_isolation.inception import rendered
from pytest_isolation.inception.finding import Finding, Severity, fail
from pytest_isolation.inception.model import Image, Submission
from pytest_isolation.inception.nginx import Directive, walk
from pytest_isolation.inception.place import Place
from pytest_isolation.inception.registry import rule
from pytest_isolation.inception.rules.c_compose import place_of
from pytest_isolation.inception.rules.d_images import _texts
from pytest_isolation.inception.rules.n_nginx import OPEN, reached_as
from pytest_isolation.inception.rules.w_wordpress import option, wp_commands
from pytest_isolation.inception.variables import interpolate
from pytest_isolation.inception.yaml import Map, Seq


@rule(
    "G12", Severity.END,
    asks="WordPress asks for its database by the name of a container that is there.",
    look="docker compose logs wordpress",
    needs="compose",
)  # fmt: skip
def database_has_that_name(s: Submission) -> Iterator[Finding]:
    if any(
        key in image.service.raw for image in s.role("wordpress") for key in ("links", "external_links", "extra_hosts")
    ):
        return  # it may have more names
    names = {name for image in s.role("wordpress") for name in names_near(s, image)}
    for written, at in _database_hosts(s):
        value = interpolate(written, rendered.known_by(s, "wordpress"))
        host, _, port = value.partition(":")
        if not re.fullmatch(r"[\w.-]+", host) or port.startswith("/") or host in names:
            continue  # a variable that no file gives, or a socket
        if re.search(r"\d+\.\d+\.\d+\.\d+|\..*\.", host) and not host.startswith("127."):
            continue  # an address, or a full name that this machine may know
        right = min((str(image.service.name) for image in s.role("mariadb")), default="mariadb")
        here = host.startswith(("localhost", "127."))
        says = "Connection refused" if here else "getaddrinfo failed: Name or service not known"
        there = "it shares no network" if host in _every_name(s) else f"no container is called {host}"
        yield fail(at, f"Error establishing a database connection: {says}: {there}", right)


def names_near(s: Submission, asking: Image) -> set[str]:
    """What a container may call those that share a network with it."""
    here = set(asking.service.networks) or {"default"}
    return {
        name for image in s.images.values()
        if here & (set(image.service.networks) or {"default"}) or "network_mode" in image.service.raw
        for name in reached_as(image.service)
    }  # fmt: skip


def _asked_by_clients(image: Image) -> Iterator[tuple[str, Place]]:
    """The database's place, as WordPress's scripts wait for it."""
    for start in image.starts:
        for command in start.script.calls():
            if command.name not in CLIENTS:
                continue
            words = command.real
            for at, word in enumerate(words):
                if word in ("-h", "--host") and at + 1 < len(words):
                    yield words[at + 1], command.at
                elif match := re.fullmatch(r"(?:-h|--host=)([\w.${}-]+)", word):
                    yield match[1], command.at


CLIENTS = frozenset({"mysql", "mariadb", "mysqladmin", "mariadb-admin", "mysqlcheck", "mariadb-check", "mysqlshow"})


def _database_hosts(s: Submission) -> Iterator[tuple[str, Place]]:
    """What WordPress is told of its database's place, by wp-cli or in a file that the image has."""
    for command in (*wp_commands(s, "config", "create"), *wp_commands(s, "core", "config")):
        if written := option(command, "dbhost"):
            yield written, command.at
    for image in s.role("wordpress"):
        yield from _asked_by_clients(image)
        if wp_commands(s, "config", "set"):
            continue
        for path, one in sorted(s.held(image).held.items()):
            if re.fullmatch(r"wp-config[\w.-]*\.php", posixpath.basename(path)) and one.certain and not one.used:
                match = re.search(r"""^[^\S\n]*define\(\s*['"]DB_HOST['"]\s*,\s*['"]([\w.:-]+)['"]""", one.text, re.M)
                if match and not one.others:
                    yield match[1], one.place(match.start(1))


PASSES = ("proxy_pass", "fastcgi_pass", "uwsgi_pass", "grpc_pass", "scgi_pass")


@rule(
    "G13", Severity.END,
    asks="NGINX asks for other containers by names that are there when it starts.",
    look="docker compose logs nginx",
    needs="compose",
)  # fmt: skip
def upstreams_have_names(s: Submission) -> Iterator[Finding]:
    image = next(iter(s.role("nginx")), None)
    if image is None:
        return
    if any(key in image.service.raw for key in ("external_links", "network_mode")):
        return  # it may have more names
    if any(True for _ in _foreign(s, image)):
        return
    names = names_near(s, image) | {"localhost"} | _own_names(image)
    every = [one for _, tree in s.nginx_files for one in walk(tree)]
    upstreams = {one.arguments[0] for one in every if one.name == "upstream" and one.arguments}
    for one in every:
        asked = one.arguments[0] if one.arguments else ""
        if one.name == "server" and one.parents[-1:] == ("upstream",):
            if "resolve" in one.arguments:
                continue
        elif one.name not in PASSES:
            continue
        host = re.sub(r"^\w+://", "", asked).partition("/")[0]
        said = host if one.name == "server" else host.partition(":")[0]
        host = host.partition(":")[0]
        # With a dot it may be a name of the internet; with a variable it is looked for with the first request.
        if (
            not re.fullmatch(r"[\w-]+", host)
            or re.fullmatch(r"unix|__\w+__|[A-Z_]+", host)
            or host in names | upstreams
        ):
            continue
        there = "it shares no network" if host in _every_name(s) else f"no container is called {host}"
        yield fail(one.at, f'nginx: [emerg] host not found in upstream "{said}": {there}',
                   f"one of {', '.join(sorted(names - {'localhost'}))}")  # fmt: skip


def _own_names(image: Image) -> set[str]:
    """Names that links and extra_hosts give it: `service`, `service:alias`, `name:address`, `name=address`."""
    links, hosts = image.service.raw.get("links"), image.service.raw.get("extra_hosts")
    names = {str(one).rpartition(":")[2] for one in (links if isinstance(links, Seq) else ())}
    return names | {re.split(r"[:=]", str(one))[0] for one in (hosts if isinstance(hosts, Map | Seq) else ())}


def _every_name(s: Submission) -> set[str]:
    return {name for image in s.images.values() for name in reached_as(image.service)}


def _foreign(s: Submission, image: Image) -> Iterator[str]:
    """Networks of the container that others than this stack may be in."""
    assert s.compose is not None
    for name in image.service.networks:
        network = s.compose.top("networks").get(name)
        if isinstance(network, Map) and network.get("external") not in (None, "false"):
            yield name


@rule(
    "G14", Severity.END,
    asks="root is where the site's volume is mounted, in NGINX's container and in php-fpm's.",
    look="docker exec NGINX ls /var/www/html; docker compose logs nginx",
    needs="compose",
)  # fmt: skip
def root_is_the_volume(s: Submission) -> Iterator[Finding]:
    image = next(iter(s.role("nginx")), None)
    if image is None:
        return
    shared = [
        (own.target.rstrip("/"), other.target.rstrip("/"))
        for own in image.service.mounts for wordpress in s.role("wordpress") for other in wordpress.service.mounts
        if own.source and place_of(s, own.source) == place_of(s, other.source) and own.kind in ("volume", "bind")
    ]  # fmt: skip
    if not shared or "volumes_from" in image.service.raw:
        return
    for _, tree in s.nginx_files:
        every = list(walk(tree))
        if not any(one.name == "fastcgi_pass" for one in every):
            continue
        outer = [one for one in every if one.name == "root" and "location" not in one.parents]
        for server in [one for one in every if one.name == "server" and one.parents[-1:] != ("upstream",)]:
            inside = list(walk(server.block))
            if not any(one.name == "fastcgi_pass" for one in inside):
                continue
            roots = [one for one in inside if one.name == "root"] or [one for one in outer if one not in inside]
            yield from _wrong_root(image, roots, inside, shared)
            yield from _below(s, roots, shared)


def _below(s: Submission, roots: list[Directive], shared: list[tuple[str, str]]) -> Iterator[Finding]:
    """A root below the volume, where WordPress is put elsewhere: no file and no command of its container names it."""
    root = roots[0].arguments[0].rstrip("/") if len(roots) == 1 and roots[0].arguments else ""
    above = [other for own, other in shared if root.startswith(own + "/")]
    downloads = wp_commands(s, "core", "download")
    if not above or not downloads or OPEN.search(root):
        return
    text = " ".join(text for image in s.role("wordpress") for text, _ in _texts(s, image))
    places = {found for one in downloads if (found := option(one, "path"))}
    if not places:
        commands = [one for image in s.role("wordpress") for start in image.starts for one in start.script.commands]
        places = {one.real[1] for one in commands if one.name == "cd" and len(one.real) > 1}
        places = places or {image.workdir for image in s.role("wordpress")}
    if root in text or posixpath.basename(root) in {posixpath.basename(one) for one in places} or len(places) != 1:
        return
    place = places.pop().rstrip("/")
    if place in above:
        unknown = 'File not found.: FastCGI sent in stderr: "Primary script unknown"'
        yield fail(roots[0].at, f"{unknown}: root is {root}, and WordPress is put into {place}", f"root {place};")


def _wrong_root(
    image: Image, roots: list[Directive], inside: list[Directive], shared: list[tuple[str, str]]
) -> Iterator[Finding]:
    unknown = 'File not found.: FastCGI sent in stderr: "Primary script unknown"'
    if len(roots) != 1 or not roots[0].arguments:
        return
    root = roots[0].arguments[0].rstrip("/")
    if OPEN.search(root) or not root.startswith("/") or any(path.startswith(root + "/") for path in image.copies):
        return
    here = [(own, other) for own, other in shared if root == own or root.startswith(own + "/")]
    places = " and ".join(sorted({own for own, _ in shared}))
    if not here:
        yield fail(roots[0].at, f"{unknown}: root is {root}, and the site's volume is mounted at {places}",
                   f"root {shared[0][0]};")  # fmt: skip
        return
    script = [one for one in inside if one.name == "fastcgi_param" and one.arguments[:1] == ("SCRIPT_FILENAME",)]
    if any("$document_root" not in " ".join(one.arguments) for one in script):
        return  # php-fpm is told another place
    if not any(root == other or root.startswith(other + "/") for _, other in here):
        yield fail(roots[0].at, f"{unknown}: NGINX asks php-fpm for files in {root}, and WordPress's container has the "
                   f"volume at {here[0][1]}", "mount the volume at the same place in both")  # fmt: skip
