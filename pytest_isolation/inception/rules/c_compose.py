"""C: the compose file."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from pytest_isolation.inception import shell
from pytest_isolation.inception.compose_service import Service
from pytest_isolation.inception.finding import Finding, Severity, advice, fail, passed, unclear
from pytest_isolation.inception.model import Image, Submission
from pytest_isolation.inception.place import Place, Text
from pytest_isolation.inception.registry import rule
from pytest_isolation.inception.script import Command
from pytest_isolation.inception.variables import ENVIRONMENT, unresolved
from pytest_isolation.inception.yaml import Map

MANDATORY = ("nginx", "wordpress", "mariadb")


def host_commands(s: Submission) -> Iterator[Command]:
    """What the Makefile and the host's scripts run."""
    for commands in host_texts(s):
        yield from commands


def host_texts(s: Submission) -> Iterator[list[Command]]:
    """The commands of each line of the Makefile, and of each script of the host."""
    for line in s.makefile.lines() if s.makefile else []:
        yield shell.parse(str(line), line.at.file, line.at.line).commands
    for _, script in s.host_scripts:
        yield script.commands


def _value_of(text: str) -> str:
    return f"the value of {unresolved(text)[0]}"


@rule(
    "C01", Severity.END,
    asks="No container uses the host's network.",
    look="docker inspect -f '{{.HostConfig.NetworkMode}}' CONTAINER",
    needs="compose",
)  # fmt: skip
def no_host_network(s: Submission) -> Iterator[Finding]:
    assert s.compose is not None
    fix = "remove it, and attach the service to a network of the compose file"
    for name, service in s.compose.services.items():
        if (mode := service.text("network_mode")) == "host":
            yield fail(service.place("network_mode"), f"{name}: network_mode: {mode}", fix)
        if service.build is not None and service.build.network == "host":
            yield fail(service.build.network.at, f"{name}: built with network: host", fix)
    for key, network in s.compose.top("networks").entries():
        external = network.get("external") if isinstance(network, Map) else None
        named = network.get("name") if isinstance(network, Map) else None
        if isinstance(external, Map):
            named = external.get("name")
        if external and "host" in (str(named), str(key)) and (named is None or named == "host"):
            yield fail(key.at, f"the network {key} is the host's", fix)
    for command in host_commands(s):
        if command.name == "docker" and {"run", "create", "build"} & set(command.words):
            for before, word in zip(("", *command.words), command.words, strict=False):
                if word in ("--network=host", "--net=host") or (word == "host" and before in ("--network", "--net")):
                    yield fail(command.at, str(command)[:100], fix)


@rule(
    "C02", Severity.END, asks="No service uses links.", look="grep -n links: srcs/docker-compose.yml", needs="compose"
)
def no_links(s: Submission) -> Iterator[Finding]:
    assert s.compose is not None
    for name, service in s.compose.services.items():
        for key in ("links", "external_links"):
            if key in service.raw:
                yield fail(service.place(key), f"{name}: {key}", "remove it: a network gives names already")


@rule(
    "C03", Severity.END,
    asks="The compose file has a network, and the containers talk over it.",
    look="docker network ls; docker network inspect NETWORK",
    needs="compose",
)  # fmt: skip
def network_present(s: Submission) -> Iterator[Finding]:
    assert s.compose is not None
    declared = {str(key) for key in s.compose.top("networks")}
    if not declared:
        yield fail(Place(s.compose.files[0]), "no networks: at the top", "declare a network and attach every service")
        return
    on: dict[str, set[str]] = {}
    for name, image in s.images.items():
        networks = set(image.service.networks) or ({"default"} if "network_mode" not in image.service.raw else set())
        on.setdefault(image.role, set()).update(networks)
        for network in networks - declared - {"default"}:
            yield fail(image.service.networks[network], f"{name}: no network {network!r} is declared", "declare it")
    for one, other in (("nginx", "wordpress"), ("wordpress", "mariadb")):
        if one in on and other in on and not on[one] & on[other]:
            at = s.role(one)[0].service.place("networks")
            yield fail(at, f"{one} and {other} share no network", "attach both to the same one")
    if not any(networks & declared for networks in on.values()):
        yield fail(Place(s.compose.files[0]), "no service is on a declared network", "attach every service to it")


@rule(
    "C04", Severity.RULE,
    asks="A container that crashes is started again.",
    look="kill -9 $(docker inspect -f '{{.State.Pid}}' CONTAINER); docker ps (docker kill counts as a wanted stop)",
    needs="compose",
)  # fmt: skip
def restarts(s: Submission) -> Iterator[Finding]:
    assert s.compose is not None
    for name, service in s.compose.services.items():
        policy = service.text("restart")
        if policy is None and _deployed_again(service):
            continue
        if policy is not None and unresolved(policy):
            yield unclear(policy.at, f"{name}: restart: {policy}", _value_of(policy))
        elif policy is None or not re.fullmatch(r"always|unless-stopped|on-failure(:\d+)?", policy):
            found = f"restart: {policy}" if policy is not None else "no restart:"
            yield fail(service.place("restart"), f"{name}: {found}", "restart: unless-stopped")


def _deployed_again(service: Service) -> bool:
    deploy = service.raw.get("deploy")
    again = deploy.get("restart_policy") if isinstance(deploy, Map) else None
    return isinstance(again, Map) and again.get("condition", "any") in ("any", "on-failure")


@rule(
    "C05", Severity.END,
    asks="An image has the name of its service.",
    look="docker images; docker compose ps",
    needs="compose",
)  # fmt: skip
def image_named_as_service(s: Submission) -> Iterator[Finding]:
    assert s.compose is not None
    unnamed = [one for one in s.compose.services.values() if one.build is not None and one.image is None]
    if unnamed:
        names = ", ".join(str(one.name) for one in unnamed)
        found = f"{names}: no image:, so compose calls it PROJECT-{unnamed[0].name}"
        fix = f"image: {unnamed[0].name}:inception"
        if s.asked.strict:
            yield fail(unnamed[0].at, found, fix)
        else:
            yield unclear(unnamed[0].at, found, f"what your evaluator accepts; {fix} is certain")
    for name, service in s.compose.services.items():
        if service.build is None or service.image is None:
            continue
        path = service.image.split("@")[0]
        last = posixpath.basename(path)
        repository = last.partition(":")[0]
        if unresolved(repository):
            yield unclear(
                service.image.at, f"{name}: image: {service.image}", f"the value of {unresolved(repository)[0]}"
            )
        elif repository != name:
            yield fail(service.image.at, f"{name}: image: {service.image}", f"image: {name}:inception")


@rule(
    "C06", Severity.END,
    asks="The tag latest is not used.",
    look="grep -rn latest srcs; docker images",
    needs="compose",
)  # fmt: skip
def no_latest(s: Submission) -> Iterator[Finding]:
    assert s.compose is not None
    for name, service in s.compose.services.items():
        if service.image is not None and service.image.endswith(":latest"):
            yield fail(service.image.at, f"{name}: image: {service.image}", f"give it a tag: {name}:inception")
        elif service.image is not None and service.build is not None and _untagged(service.image):
            says = f"{name}: image: {service.image}: no tag, so docker images shows the tag latest"
            yield advice(service.image.at, says, f"give it a tag: {name}:inception")
    for image in s.images.values():
        names: set[str] = {"scratch"}
        for stage in image.dockerfile.stages if image.dockerfile else []:
            fix = "name the penultimate stable release instead of latest (D03)"
            if stage.base.endswith(":latest"):
                yield fail(stage.base.at, f"FROM {stage.base}", fix)
            elif stage.base.lower() not in names and _untagged(stage.base):
                yield fail(stage.base.at, f"FROM {stage.base}: no tag is the tag latest", fix)
            names.add((stage.name or "").lower())


def _untagged(image: str) -> bool:
    """Neither a tag nor a digest, and no variable that may bring one."""
    return not {":", "@", "$"} & set(posixpath.basename(image)) and "$" not in image


@rule(
    "C07", Severity.END,
    asks="Every image is built here; none is pulled ready made.",
    look="docker compose config; grep -n 'image:' srcs/docker-compose.yml",
    needs="compose",
)  # fmt: skip
def built_not_pulled(s: Submission) -> Iterator[Finding]:
    assert s.compose is not None
    for name, service in s.compose.services.items():
        if service.build is None:
            fix = "build: with the directory of its Dockerfile: make builds through compose"
            yield fail(service.place("image"), f"{name}: image: {service.image}, no build:", fix)
    for command in host_commands(s):
        if command.name != "docker":
            continue
        if "pull" in command.real[1:3] and "compose" not in command.real[1:2]:
            yield fail(command.at, str(command)[:100], "build the image from a Dockerfile")
        elif command.real[1:2] == ("run",):
            yield advice(command.at, f"on the host: {str(command)[:90]}", "an evaluator may ask what this image is for")


@rule(
    "C08", Severity.END,
    asks="NGINX is the only way in, through port 443 alone.",
    look="docker compose ps; ss -ltn",
    needs="compose",
)  # fmt: skip
def only_443(s: Submission) -> Iterator[Finding]:
    entry = False
    for name, image in s.images.items():
        for port in image.service.ports:
            names = unresolved(port.host or "")
            if names:
                yield unclear(port.at, f"{name}: {port.written}", f"the value of {names[0]}")
                entry = entry or image.role == "nginx"
            elif image.role == "nginx" and port.host == "443":
                entry = True
            elif image.role in MANDATORY:
                where = f"port {port.host}" if port.host else "a port the machine chooses"
                yield fail(port.at, f"{name}: {port.written} publishes {where}", "publish 443 of NGINX only")
            elif image.service.build is None and image.service.image is not None and not ENTRY.search(
                f"{name} {image.service.image}"
            ):  # fmt: skip
                continue  # a bonus, whatever its image is: C07 says that it is pulled
            elif image.dockerfile is None:
                entry = entry or port.host == "443"
                yield unclear(port.at, f"{name}: {port.written}", f"what {name} is: no Dockerfile of it was read")
            elif port.host == "443":
                yield fail(port.at, f"{name}: {port.written} publishes 443", "443 belongs to NGINX")
    if s.role("nginx") and not entry:
        service = s.role("nginx")[0].service
        yield fail(service.place("ports"), f"{service.name} does not publish 443", 'ports: ["443:443"]')


ENTRY = re.compile(r"nginx|wordpress|php|maria|mysql|\bdb\b|httpd|apache|caddy|traefik|haproxy|proxy|web", re.I)
"""Of a service and its image: it may be one of the three, or another way in."""


def store(image: Image) -> list[tuple[str, str, str, Place]]:
    """(kind, source, target, place) of what persists in a container."""
    return [
        (one.kind, one.source, one.target, one.at) for one in image.service.mounts if one.kind in ("volume", "bind")
    ]


def _datadir(image: Image) -> str:
    for start in image.starts:
        for command in start.script.commands:
            for word in command.words:
                if match := re.match(r"--datadir=(/\S+)", word):
                    return match[1].rstrip("/")
    return "/var/lib/mysql"


def place_of(s: Submission, source: str) -> str:
    """Where on the host the data of a mount is: a volume's device, or what is bound; else the volume's name."""
    volume = s.compose.top("volumes").get(source) if s.compose is not None else None
    options = volume.get("driver_opts") if isinstance(volume, Map) else None
    device = options.get("device") if isinstance(options, Map) else None
    return posixpath.normpath(str(device)) if device else source.rstrip("/")


def site_volumes(s: Submission) -> set[str]:
    """Sources that both php and NGINX mount, a volume by its name or by its device."""
    each = [{source for image in s.role(role) for _, source, _, _ in store(image) if source}
            for role in ("wordpress", "nginx")]  # fmt: skip
    both = {place_of(s, one) for one in each[0]} & {place_of(s, one) for one in each[1]}
    return {one for one in each[0] | each[1] if place_of(s, one) in both}


@rule(
    "C09", Severity.END,
    asks="One volume holds the database, another the site's files.",
    look="docker volume ls; docker inspect -f '{{json .Mounts}}' CONTAINER",
    needs="compose",
)  # fmt: skip
def two_volumes(s: Submission) -> Iterator[Finding]:
    for image in s.role("mariadb"):
        want = _datadir(image)
        held = [one for one in store(image) if want == one[2].rstrip("/") or want.startswith(one[2].rstrip("/") + "/")]
        if not held:
            mounted = ", ".join(one[2] for one in store(image)) or "nothing"
            at = image.service.place("volumes")
            yield fail(
                at, f"{image.service.name} keeps its data in {want} and mounts {mounted}", f"mount a volume at {want}"
            )
        elif not held[0][1]:
            yield fail(held[0][3], f"{image.service.name}: an anonymous volume at {want}", "give the volume a name")
    if s.role("wordpress") and s.role("nginx"):
        uses_from = any("volumes_from" in image.service.raw for image in s.images.values())
        if not site_volumes(s) and not uses_from:
            at = s.role("nginx")[0].service.place("volumes")
            yield fail(at, "WordPress and NGINX share no volume", "mount the site's volume in both")
        elif site_volumes(s) & {source for image in s.role("mariadb") for _, source, _, _ in store(image)}:
            at = s.role("mariadb")[0].service.place("volumes")
            yield fail(at, "the database and the site are in the same volume", "one volume each")


def stores(s: Submission) -> dict[str, Place]:
    """The sources of the two stores and where each is first mounted."""
    found: dict[str, Place] = {}
    for image in s.role("mariadb"):
        for kind, source, target, at in store(image):
            inside = re.search(r"/(mysql|mariadb)\b|/data\b", target)
            if source and (kind == "volume" or inside) and not _is_config(source, target):
                found.setdefault(source, at)
    both = site_volumes(s)
    for image in s.role("wordpress") + s.role("nginx"):
        for _, source, _, at in store(image):
            if source in both:
                found.setdefault(source, at)
    return found


def _is_config(source: str, target: str) -> bool:
    return bool(re.search(r"\.(cnf|conf|sh|sql|ini|txt|pem|crt|key|sock)$", source) or target.startswith("/etc"))


@rule(
    "C10", Severity.END,
    asks="The data of both volumes is in /home/LOGIN/data on the host.",
    look="docker volume inspect VOLUME (Options.device); ls /home/LOGIN/data",
    needs="compose",
)  # fmt: skip
def data_under_home(s: Submission) -> Iterator[Finding]:
    assert s.compose is not None
    volumes = s.compose.top("volumes")
    for source, mounted in stores(s).items():
        if source not in volumes:
            yield from _device(s, source, Text(source, mounted))
            continue
        volume = volumes[source]
        at = volumes.key(source).at
        options = volume.get("driver_opts") if isinstance(volume, Map) else None
        device = options.get("device") if isinstance(options, Map) else None
        if isinstance(volume, Map) and volume.get("external"):
            yield unclear(at, f"{source} is external", "how it is made: docker volume inspect")
        elif not isinstance(device, Text):
            fix = "driver_opts: {type: none, o: bind, device: /home/LOGIN/data/…}"
            yield fail(at, f"{source} has no device: its data is in Docker's own directory", fix)
        else:
            yield from _device(s, source, device)


def _device(s: Submission, name: str, device: Text) -> Iterator[Finding]:
    path = re.sub(r"^(~|\$HOME|\$\{HOME\})(?=/|$)", "/home/LOGIN", device)
    path = re.sub(r"^/home/(\$USER|\$\{USER\}|\$LOGNAME|\$\{LOGNAME\})(?=/|$)", "/home/LOGIN", path)
    path = re.sub(r"^/home/\$\{?\w*(LOGIN|USER|NAME)\w*\}?(?=/data(/|$))", "/home/LOGIN", path, flags=re.IGNORECASE)
    names = [one for one in unresolved(path) if one not in ENVIRONMENT]
    if names:
        yield unclear(device.at, f"{name}: {device}", f"the value of {names[0]}")
        return
    match = re.fullmatch(r"/home/([^/]+)/data(/.*)?", posixpath.normpath(path))
    if match is None:
        yield fail(device.at, f"{name}: {device}", "put it in /home/LOGIN/data")
    elif s.asked.login and match[1] not in (s.asked.login, "LOGIN"):
        yield fail(device.at, f"{name}: {device}; the login is {s.asked.login}", f"/home/{s.asked.login}/data")


@rule(
    "C11", Severity.RULE, since="5.2",
    asks="Both stores are named volumes; a bind mount does not do.",
    look="docker inspect -f '{{json .Mounts}}' CONTAINER (Type)",
    needs="compose",
)  # fmt: skip
def named_volumes(s: Submission) -> Iterator[Finding]:
    assert s.compose is not None
    for source, at in stores(s).items():
        if source not in s.compose.top("volumes"):
            yield fail(at, f"{source} is a bind mount", "declare a volume with driver_opts and mount it by its name")


@rule(
    "C12", Severity.RULE,
    asks="The stack is configured through environment variables, from a .env file.",
    look="ls -a srcs; docker compose config --environment",
    needs="compose",
)  # fmt: skip
def environment(s: Submission) -> Iterator[Finding]:
    assert s.compose is not None
    services = s.compose.services.values()
    from_file = any(service.env_files for service in services) or bool(s.compose.written)
    from_file = from_file or any(value is None for service in services for value in service.environment.values())
    at = Place(s.compose.files[0])
    if from_file:
        yield passed("variables come from outside the compose file", at)
    elif any(service.environment for service in services):
        found = "every variable is written into the compose file; nothing reads a .env"
        fix = "keep the values in srcs/.env: env_file: .env, or ${NAME}"
        yield fail(at, found, fix) if s.since("5") else advice(at, found, fix)
    else:
        yield fail(at, "no environment variable anywhere", "configure the services through srcs/.env")


@rule(
    "C13", Severity.ADVICE, since="3",
    asks="Passwords reach containers as Docker secrets.",
    look="docker exec CONTAINER ls /run/secrets",
    needs="compose",
)  # fmt: skip
def docker_secrets(s: Submission) -> Iterator[Finding]:
    assert s.compose is not None
    used = {name for service in s.compose.services.values() for name in service.secrets}
    if not used:
        yield advice(Place(s.compose.files[0]), "no service uses secrets:", "declare secrets: with file: and use them")
    for name in sorted(used - {str(key) for key in s.compose.top("secrets")}):
        at = next(one.secrets[name] for one in s.compose.services.values() if name in one.secrets)
        yield advice(at, f"the secret {name!r} is not declared", "declare it under secrets: at the top")
