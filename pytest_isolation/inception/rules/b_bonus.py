"""B: the bonus.  Each counts by itself, and only when the mandatory part is perfect: none of these ends anything.

A bonus that would not count is a `fail` of a rule of advice; a stack without it is not-applicable.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from pytest_isolation.inception.compose import NAMES, OVERRIDES
from pytest_isolation.inception.finding import Finding, Severity, advice, fail, not_applicable, passed, unclear
from pytest_isolation.inception.model import Image, Submission
from pytest_isolation.inception.place import Place, Unreadable
from pytest_isolation.inception.registry import rule
from pytest_isolation.inception.rules.c_compose import MANDATORY, site_volumes, store
from pytest_isolation.inception.rules.d_images import _texts
from pytest_isolation.inception.started import of_other_targets
from pytest_isolation.inception.variables import interpolate, unresolved
from pytest_isolation.inception.yaml import Map, load

KINDS = {
    "redis": r"redis(-server)?|valkey(-server)?",
    "ftp": r"vsftpd|pure-ftpd(-\w+)*|proftpd(-\w+)*",
    "adminer": r"adminer",
}
"""Bonus -> the packages or programs that are it."""
STATIC = re.compile(r"(static|web-?_?site|site|portfolio|resume|showcase|\bcv\b|page|blog)", re.I)


def bonus(s: Submission) -> list[Image]:
    """Images beside the three that are built here."""
    return [image for image in s.images.values() if image.role not in MANDATORY and image.dockerfile is not None]


def kind(s: Submission, image: Image) -> str:
    """redis, ftp, adminer, site, or other: by what it installs and runs, then by its name."""
    programs = {posixpath.basename(word) for word in image.argv}
    programs |= {command.name for start in image.starts for command in start.script.runtime()}
    for name, pattern in KINDS.items():
        if any(re.fullmatch(pattern, one) for one in {*image.packages, *programs}):
            return name
    text = " ".join(text for text, _ in _texts(s, image)).lower()
    if re.search(r"adminer", text + str(image.service.name).lower()):
        return "adminer"
    pages = any(path.endswith((".html", ".htm")) for path in image.copies.values())
    return "site" if STATIC.search(str(image.service.name)) or pages else "other"


def of_kind(s: Submission, name: str) -> list[Image]:
    """The bonus images of that kind."""
    return [image for image in bonus(s) if kind(s, image) == name]


def _at(image: Image) -> Place:
    return image.service.at


@rule(
    "B01", Severity.ADVICE,
    asks="Bonus: WordPress keeps its cache in redis.",
    look="docker exec WORDPRESS wp redis status --allow-root says Connected",
    needs="compose",
)  # fmt: skip
def redis(s: Submission) -> Iterator[Finding]:
    found = of_kind(s, "redis")
    if not found:
        yield not_applicable("no service is redis")
    for image in found:
        words = [text for one in s.role("wordpress") for text, _ in _texts(s, one)]
        words += [s.tree.lenient(path) for one in s.role("wordpress") for path in sorted(set(one.copies.values()))]
        words += [package for one in s.role("wordpress") for package in one.packages]
        if not any(re.search(r"redis", word, re.I) for word in words):
            yield fail(_at(image), f"{image.service.name} runs, and nothing in WordPress's image uses it",
                       "the plugin redis-cache, and WP_REDIS_HOST")  # fmt: skip
            continue
        opened = r"protected-mode|\bbind\b|requirepass|--bind|masterauth|redis\.conf"
        if not any(re.search(opened, text) for text, _ in _texts(s, image)):
            yield unclear(_at(image), f"{image.service.name}: nothing lets others in: redis answers its own container",
                          "whether WordPress reaches it: wp redis status")  # fmt: skip
        yield from _host_of_cache(s)


def _host_of_cache(s: Submission) -> Iterator[Finding]:
    from pytest_isolation.inception.rules.n_nginx import reached_as
    from pytest_isolation.inception.rules.w_wordpress import known

    everybody = {name for image in s.images.values() for name in reached_as(image.service)}
    for image in s.role("wordpress"):
        for text, at in _texts(s, image):
            for match in re.finditer(r"WP_REDIS_HOST['\"]?\s*,?\s+['\"]?([\w.${}-]+)", text):
                host = interpolate(match[1], known(s))
                if not unresolved(host) and host not in everybody and re.fullmatch(r"[\w.-]+", host):
                    yield fail(at, f"WP_REDIS_HOST is {host}: no service is called so", "the name of redis' service")


@rule(
    "B02", Severity.ADVICE,
    asks="Bonus: an FTP server shows the files of the site.",
    look="ftp LOGIN.42.fr; ls shows wp-config.php",
    needs="compose",
)  # fmt: skip
def ftp(s: Submission) -> Iterator[Finding]:
    found = of_kind(s, "ftp")
    if not found:
        yield not_applicable("no service is an FTP server")
    for image in found:
        name = image.service.name
        sources = {source for _, source, _, _ in store(image) if source}
        if not sources & _site(s):
            yield fail(
                image.service.place("volumes"), f"{name} does not mount the site's volume", "the volume of WordPress"
            )
        ports = {port.container.partition("/")[0] for port in image.service.ports}
        if "21" not in ports and not any(unresolved(port) for port in ports):
            yield fail(
                image.service.place("ports"),
                f"{name} does not publish port 21",
                'ports: ["21:21"] and the passive ones',
            )
        passive = [match for text, _ in _texts(s, image) for match in re.finditer(r"pasv_min_port\s*=\s*(\d+)", text)]
        if passive and not any(_covers(port, int(passive[0][1])) for port in ports):
            found_port = passive[0][1]
            yield fail(image.service.place("ports"), f"{name}: the passive port {found_port} is not published",
                       f'ports: ["{found_port}-…"], as pasv_max_port says')  # fmt: skip


def _site(s: Submission) -> set[str]:
    return site_volumes(s) or {source for image in s.role("wordpress") for _, source, _, _ in store(image) if source}


def _covers(port: str, wanted: int) -> bool:
    first, _, last = port.partition("-")
    return first.isdigit() and int(first) <= wanted <= int(last if last.isdigit() else first)


@rule(
    "B03", Severity.ADVICE,
    asks="Bonus: a site of its own, in another language than PHP.",
    look="open it; grep -rn php in its directory",
    needs="compose",
)  # fmt: skip
def static_site(s: Submission) -> Iterator[Finding]:
    found = of_kind(s, "site")
    if not found:
        yield not_applicable("no service is seen to be a site of its own")
    for image in found:
        php = [package for package in image.packages if re.match(r"php", package)]
        pages = [path for path in sorted(set(image.copies.values())) if path.endswith(".php")]
        if php:
            yield fail(image.packages[php[0]], f"{image.service.name} installs {php[0]}", "any language but PHP")
        elif pages:
            yield fail(Place(pages[0]), f"{image.service.name} serves PHP", "any language but PHP")
        else:
            yield passed(f"{image.service.name}", _at(image))


@rule(
    "B04", Severity.ADVICE,
    asks="Bonus: Adminer shows the database.",
    look="open Adminer and log in to MariaDB",
    needs="compose",
)  # fmt: skip
def adminer(s: Submission) -> Iterator[Finding]:
    found = of_kind(s, "adminer")
    others = [
        image for image in bonus(s) if "phpmyadmin" in str(image.service.name).lower() or "phpmyadmin" in image.packages
    ]
    if not found and not others:
        yield not_applicable("no service is Adminer")
    for image in others:
        if image not in found:
            yield advice(_at(image), f"{image.service.name} is phpMyAdmin", "Adminer is what the subject names")
    for image in found:
        networks = set(image.service.networks) or {"default"}
        theirs = [set(one.service.networks) or {"default"} for one in s.role("mariadb")]
        if theirs and not any(networks & one for one in theirs):
            yield fail(
                image.service.place("networks"),
                f"{image.service.name} and MariaDB share no network",
                "attach both to one",
            )


@rule(
    "B05", Severity.ADVICE,
    asks="Bonus: a service of one's choice, that can be justified.",
    look="ask what it is good for",
    needs="compose",
)  # fmt: skip
def free_choice(s: Submission) -> Iterator[Finding]:
    found = of_kind(s, "other")
    if not found:
        yield not_applicable("no other service")
    documents = [
        path for path in s.tree.under(s.root) if path.endswith(".md") and path.count("/") <= s.root.count("/") + 1
    ]
    text = " ".join(s.tree.lenient(path).lower() for path in documents)
    for image in found:
        name = str(image.service.name).lower()
        if documents and not any(word in text for word in re.split(r"[-_ ]", name) if len(word) > 2):
            yield advice(_at(image), f"no document says what {image.service.name} is for", "have the reason ready")
        else:
            yield passed(str(image.service.name), _at(image))


def _ready_made(s: Submission, path: str) -> Iterator[Finding]:
    """Services that stand in this file alone, and break what each container of the stack must keep."""
    assert s.compose is not None
    try:
        services = load(s.tree.text(path), path)
    except Unreadable as error:
        yield unclear(error.at, str(error), "a file that can be read")
        return
    fix = "build: with the directory of its Dockerfile: make builds through compose"
    services = services.get("services") if isinstance(services, Map) else None
    for name, service in services.entries() if isinstance(services, Map) else ():
        if not isinstance(service, Map) or str(name) in s.compose.services:
            continue
        if service.get("build") is None and service.get("extends") is None:
            yield fail(name.at, f"{name}: image: {service.get('image')}, no build:", fix)
        if str(service.get("network_mode")) == "host" or service.get("links"):
            yield fail(name.at, f"{name}: network_mode: host, or links", "put the containers on a network")


@rule(
    "B06", Severity.ADVICE,
    asks="Bonus: each is a container of its own, started as the rest, with no more rights than it needs.",
    look="docker inspect; grep -n 'docker.sock' srcs/docker-compose.yml",
    needs="compose",
)  # fmt: skip
def bonus_containers(s: Submission) -> Iterator[Finding]:
    assert s.compose is not None
    images = bonus(s)
    for image in images:
        name = image.service.name
        for one in image.service.mounts:
            if posixpath.basename(one.source) == "docker.sock":
                yield advice(one.at, f"{name} holds Docker's socket: it is root of the machine",
                             "say so at the defence, or leave it out")  # fmt: skip
            elif one.kind == "bind" and one.source in ("/", "/etc", "/var", "/proc", "/sys", "/root", "/home"):
                yield advice(one.at, f"{name} mounts {one.source} of the machine", "the one directory that it needs")
        if image.service.text("privileged") == "true":
            yield advice(image.service.place("privileged"), f"{name} is privileged", "cap_add: what it needs")
        if (mode := image.service.text("pid")) == "host":
            yield advice(image.service.place("pid"), f"{name}: pid: {mode}", "remove it")
    others = of_other_targets(s)
    for path in others:
        yield from _ready_made(s, path)
    used = {*s.compose.files, *others}
    for path in s.tree.under(s.srcs):
        file = posixpath.basename(path)
        if path not in used and re.search(r"compose.*\.ya?ml$", file) and file not in (*NAMES, *OVERRIDES):
            yield unclear(Place(path), "make does not start it: it was not audited", "the bonus in what make starts")
    if not images:
        yield not_applicable("no service beside the three")
