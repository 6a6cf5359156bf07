"""N: NGINX and TLS."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from pytest_isolation.inception import shipped
from pytest_isolation.inception.compose_service import Service
from pytest_isolation.inception.contents import configs_of
from pytest_isolation.inception.files.flow import Files
from pytest_isolation.inception.finding import Finding, Severity, advice, fail, unclear
from pytest_isolation.inception.follow import files_of
from pytest_isolation.inception.model import Image, Submission
from pytest_isolation.inception.nginx import Directive, walk
from pytest_isolation.inception.place import Place
from pytest_isolation.inception.registry import rule
from pytest_isolation.inception.variables import interpolate
from pytest_isolation.inception.yaml import Map, plain

ALLOWED = frozenset({"TLSv1.2", "TLSv1.3"})
OPEN = re.compile(r"\$\{?!?\w+|\{\{|__\w+__|%\w+%")
"""What a template leaves for later."""


def _servers(s: Submission) -> list[Directive]:
    return s.directives("server") if s.nginx_files else []


def _here(s: Submission) -> Place:
    image = s.role("nginx")[0]
    return Place(image.dockerfile.file) if image.dockerfile else image.service.at


def _listens(server: Directive) -> list[Directive]:
    return [one for one in server.block if one.name == "listen"]


def _is_tls(server: Directive, listen: Directive) -> bool:
    on = any(one.name == "ssl" and one.arguments == ("on",) for one in server.block)
    return on or "ssl" in listen.arguments or "quic" in listen.arguments


def _port(listen: Directive) -> str:
    address = listen.arguments[0] if listen.arguments else ""
    return address.rpartition(":")[2] if not address.startswith("unix:") else ""


@rule(
    "N01", Severity.END,
    asks="NGINX accepts TLS 1.2 and 1.3 and nothing older.",
    look="openssl s_client -connect HOST:443 -tls1_1 -cipher 'ALL:@SECLEVEL=0' must fail at the server",
    needs="nginx",
)  # fmt: skip
def modern_tls(s: Submission) -> Iterator[Finding]:
    lines = [one for one in s.directives("ssl_protocols") if not _of_package(s, str(one))]
    for line in lines:
        old = [one for one in line.arguments if one not in ALLOWED]
        if any(OPEN.search(one) for one in line.arguments):
            yield unclear(line.at, str(line), "what is put in there when the image is built or started")
        elif old:
            yield fail(line.at, f"{line}: allows {', '.join(old)}", "ssl_protocols TLSv1.2 TLSv1.3;")
    if not lines:
        found = "no ssl_protocols: the package's own nginx.conf decides, and it has allowed older ones"
        if s.asked.strict and s.nginx_files:
            yield fail(_here(s), found, "ssl_protocols TLSv1.2 TLSv1.3;")
        else:
            missing = "the configuration in use; ssl_protocols TLSv1.2 TLSv1.3; is certain"
            yield unclear(_here(s), found if s.nginx_files else "no NGINX configuration was found", missing)


def _of_package(s: Submission, line: str) -> bool:
    """Whether it is the line of Debian's own nginx.conf, whose OpenSSL refuses what it allows."""
    files = {path for image in s.role("nginx") for path in image.copies.values()}
    return line in shipped.NGINX and not any(line in s.tree.lenient(path) for path in files)


@rule(
    "N02", Severity.END,
    asks="NGINX serves TLS on the port that is published as 443.",
    look="curl -k https://LOGIN.42.fr",
    needs="nginx",
)  # fmt: skip
def tls_on_443(s: Submission) -> Iterator[Finding]:
    if not s.nginx_files and _has_package_alone(s):
        yield fail(_here(s), "no file that NGINX reads has a server on 443", "listen 443 ssl;")
        return
    if not s.nginx_files:
        yield unclear(_here(s), "no NGINX configuration was found", "the file that NGINX reads")
        return
    ports = {port.container.partition("/")[0] for image in s.role("nginx") for port in image.service.ports
             if port.host == "443"} or {"443"}  # fmt: skip
    tls = {_port(listen) for server in _servers(s) for listen in _listens(server) if _is_tls(server, listen)}
    if ports & tls:
        return
    every = [listen for server in _servers(s) for listen in _listens(server)]
    if any(OPEN.search(" ".join(one.arguments)) for one in every):
        yield unclear(every[0].at, str(every[0]), "what is put in there when the image is built or started")
        return
    plain = [one for one in every if _port(one) in ports]
    at = plain[0].at if plain else every[0].at if every else _here(s)
    found = f"{plain[0]}: no ssl" if plain else f"no listen {sorted(ports)[0]} ssl"
    yield fail(at, found, f"listen {sorted(ports)[0]} ssl;")


READ = re.compile(r"/etc/nginx/([^/]+\.conf$|conf\.d/|http\.d/|sites-)")
"""What NGINX may read, as packages have it."""


def _has_package_alone(s: Submission) -> bool:
    """Whether all that NGINX reads is in sight, and is its package's own."""
    for image in s.role("nginx"):
        files = s.held(image)
        near = [one for path, one in files.held.items() if READ.match(path)]
        elsewhere = any(one.target.startswith("/etc") for one in image.service.mounts)
        unknown = [at for _, at in configs_of(image.service) if at not in image.copies]
        if files.cut or files.unseen or elsewhere or unknown or not all(one.certain for one in near):
            return False
        main = files.held.get("/etc/nginx/nginx.conf")
        if main is None or not main.shipped or not image.starts or any(start.script.cut for start in image.starts):
            return False
        if any(one.words[0].startswith(("$", "`")) or {"-c", "-p"} & set(one.words) for one in files.started("nginx")):
            return False
    return bool(s.role("nginx")) and not s.problems


@rule(
    "N03", Severity.END,
    asks="HTTP is not served.",
    look="curl http://LOGIN.42.fr must be refused",
    needs="nginx",
)  # fmt: skip
def no_http(s: Submission) -> Iterator[Finding]:
    published = {port.container.partition("/")[0]: port for image in s.role("nginx") for port in image.service.ports}
    for server in _servers(s):
        for listen in _listens(server):
            if _is_tls(server, listen):
                continue
            if (port := published.get(_port(listen))) and port.host != "443":
                yield fail(listen.at, f"{listen}: HTTP, published as {port.written}", "remove both: HTTPS alone")
            elif _port(listen) in ("80", "8080") and not _asked_inside(s, _port(listen)):
                yield advice(listen.at, f"{listen}: unused while 80 is not published", "remove it")


def _asked_inside(s: Submission, port: str) -> bool:
    """Whether something in the stack asks NGINX by HTTP: another container, or its own health check."""
    names = "|".join(re.escape(name) for image in s.role("nginx") for name in reached_as(image.service))
    end = r"(?![\w.:-])" if port == "80" else rf":{port}\b"
    asks = re.compile(rf"\bhttp://(?:{names}|localhost|127\.0\.0\.1)(?::{port}\b|{end})")
    others = re.compile(rf"\bhttp://(?:{names})(?::{port}\b|{end})")
    for image in s.images.values():
        own = image in s.role("nginx")
        texts = [str(one) for start in image.starts for one in start.script.commands]
        texts += [str(plain(image.service.raw.get(key))) for key in ("healthcheck", "environment", "command")]
        texts += [one.text for stage in image.stages for one in stage.every("HEALTHCHECK", "ENV", "CMD")]
        texts += [s.tree.lenient(path) for path in set(image.copies.values()) if not own]
        if any((asks if own else others).search(text) for text in texts):
            return True
    return False


@rule(
    "N04", Severity.RULE,
    asks="The site's name is LOGIN.42.fr.",
    look="grep -rn server_name srcs; curl -k https://LOGIN.42.fr",
    needs="nginx",
)  # fmt: skip
def server_name(s: Submission) -> Iterator[Finding]:
    lines = s.directives("server_name")
    names = {name for line in lines for name in line.arguments}
    if not s.nginx_files:
        yield unclear(_here(s), "no NGINX configuration was found", "the file that NGINX reads")
    elif not lines:
        at = _servers(s)[0].at if _servers(s) else _here(s)
        yield fail(at, "no server_name", "server_name LOGIN.42.fr;")
    elif s.domain and s.domain in names:
        return
    elif any(OPEN.search(name) for name in names):
        yield unclear(lines[0].at, str(lines[0]), "what is put in there when the image is built or started")
    elif s.domain is None:
        of_anybody = re.escape(s.asked.domain).replace(r"\{login\}", r"[\w-]+")
        if not any(re.fullmatch(rf"([\w-]+\.)*({of_anybody}|[a-z0-9-]+\.42\.\w+)", name) for name in names):
            if all(re.fullmatch(r'_|""|localhost|[\d.:]+|example\.\w+|(.*\.)?(test|local)', name) for name in names):
                yield fail(lines[0].at, f"{lines[0]}; expected a name like {s.asked.domain.format(login='LOGIN')}",
                           f"server_name {s.asked.domain.format(login='LOGIN')};")  # fmt: skip
                return
            yield unclear(lines[0].at, str(lines[0]), "the login: --inception-login, or the domain: --inception-domain")
    else:
        yield fail(lines[0].at, f"{lines[0]}; expected {s.domain}", f"server_name {s.domain};")


@rule(
    "N05", Severity.RULE,
    asks="NGINX hands PHP to php-fpm of the WordPress container, port 9000.",
    look="grep -rn fastcgi_pass srcs",
    needs="nginx",
)  # fmt: skip
def php_over_9000(s: Submission) -> Iterator[Finding]:
    if not s.nginx_files:
        yield unclear(_here(s), "no NGINX configuration was found", "the file that NGINX reads")
        return
    passes = s.directives("fastcgi_pass")
    if not passes:
        yield fail(_servers(s)[0].at if _servers(s) else _here(s), "no fastcgi_pass", "fastcgi_pass wordpress:9000;")
    upstreams = {one.arguments[0]: one for _, tree in s.nginx_files for one in walk(tree) if one.name == "upstream"}
    wordpress = {name for image in s.role("wordpress") for name in reached_as(image.service)}
    everybody = {name for image in s.images.values() for name in reached_as(image.service)}
    reached = open_ends = False
    given = {one.arguments[0].lstrip("$"): one.arguments[1] for one in s.directives("set") if len(one.arguments) == 2}
    for line in passes:
        target = interpolate(line.arguments[0], given) if line.arguments else ""
        if target in upstreams:
            servers = [one for one in upstreams[target].block if one.name == "server"]
            target = servers[0].arguments[0] if servers else target
        host, _, port = target.rpartition(":")
        if OPEN.search(target) or target.startswith("unix:"):
            open_ends = True
            yield unclear(line.at, str(line), "where that leads: a name that is put in later, or a shared socket")
        elif host in ("localhost", "127.0.0.1") and host not in everybody:
            fix = f"fastcgi_pass {min(wordpress, default='wordpress')}:9000;"
            yield fail(line.at, f"{line}: 502 Bad Gateway: that is NGINX's own container", fix)
        elif port != "9000" and host in wordpress:
            yield fail(line.at, f"{line}: not port 9000", f"fastcgi_pass {host}:9000;")
        reached = reached or host in wordpress or host not in everybody
    if passes and wordpress and not reached and not open_ends:
        yield fail(passes[0].at, f"{passes[0]}: not WordPress", f"fastcgi_pass {min(wordpress)}:9000;")


def reached_as(service: Service) -> set[str]:
    """What other containers may call it."""
    names = {str(service.name)} | {str(found) for key in ("container_name", "hostname") if (found := service.text(key))}
    networks = service.raw.get("networks")
    for network in networks.values() if isinstance(networks, Map) else ():
        aliases = network.get("aliases") if isinstance(network, Map) else None
        names |= {str(alias) for alias in aliases or ()}
    return names


@rule(
    "N06", Severity.END,
    asks="There is a certificate; its key is made when the image is built or the container starts.",
    look="openssl s_client -connect LOGIN.42.fr:443 -servername LOGIN.42.fr",
    needs="nginx",
)  # fmt: skip
def certificate(s: Submission) -> Iterator[Finding]:
    if not s.nginx_files:
        yield unclear(_here(s), "no NGINX configuration was found", "the file that NGINX reads")
        return
    image = s.role("nginx")[0]
    files = s.held(image)
    for name in ("ssl_certificate", "ssl_certificate_key"):
        lines = s.directives(name)
        if not lines:
            yield fail(
                _servers(s)[0].at if _servers(s) else _here(s), f"no {name}", f"make a certificate and set {name}"
            )
        for line in lines:
            written = line.arguments[0] if line.arguments else ""
            path = posixpath.normpath(posixpath.join("/etc/nginx", written))
            mounted = any(
                path.startswith(one.target.rstrip("/") + "/") or path == one.target for one in image.service.mounts
            )
            if path in files.held or path.startswith("/run/secrets/") or mounted or OPEN.search(written):
                continue
            if _nothing_makes(image, files, path):
                yield fail(line.at, f'nginx: [emerg] cannot load certificate "{path}": No such file or directory: '
                           "nothing makes it", f"openssl req -x509 … -out {path}")  # fmt: skip
            else:
                yield unclear(line.at, f"{line}: nothing here is seen to make it", "where that file comes from")


def _nothing_makes(image: Image, files: Files, path: str) -> bool:
    """Whether all that is put into the image is in sight, and what makes files makes others."""
    if files.cut or "ssl-cert" in image.packages or any(path.startswith(one) for one in files.unseen):
        return False
    unknown = [at for _, at in configs_of(image.service) if at not in image.copies]
    if unknown or not image.stages:
        return False
    if not image.stages[0].base.rpartition("/")[2].startswith(("debian", "alpine")):
        return False
    if any(stage.every("ADD") for stage in image.stages) or not (image.starts or _is_program(image)):
        return False
    if any("$" in made or "`" in made for made in files.held):
        return False  # written to a path that a variable names
    scripts = [*image.build_scripts, *(start.script for start in image.starts)]
    if any(script.cut or script.broken for script in scripts):
        return False
    name = path.rpartition("/")[2]
    for one in files.ran:
        told = name in " ".join(one.words) and one.name not in ("echo", "printf", "tee", "cat", "openssl", "[", "test")
        if told or one.name in MAKERS or re.match(r"(\./|/)(?!usr/|bin/|sbin/)|[$`]", one.words[0]):
            return False
    return True


def _is_program(image: Image) -> bool:
    """Whether the container is started with a program of a package, no file of the submission."""
    return not any(files_of(image, word) for word in image.argv)


MAKERS = frozenset({
    "certbot", "make-ssl-cert", "tar", "unzip", "python3", "python", "perl", "eval", "rsync", "scp", "git", "step",
})  # fmt: skip
"""Commands that may put a certificate there."""
