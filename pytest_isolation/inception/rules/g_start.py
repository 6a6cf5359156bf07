"""G: the container will not start, or will not answer.

Each finding has the words that the student will read in the log.  What decides is what the packages of Debian and
Alpine ship, and what the submission changes of it; where a script may have changed it, nothing is said.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from pytest_isolation.inception import shipped
from pytest_isolation.inception.contents import configs_of
from pytest_isolation.inception.files import daemons, sql
from pytest_isolation.inception.finding import Finding, Severity, advice, fail
from pytest_isolation.inception.follow import SOURCES
from pytest_isolation.inception.model import Image, Submission
from pytest_isolation.inception.nginx import walk
from pytest_isolation.inception.place import Place
from pytest_isolation.inception.registry import rule
from pytest_isolation.inception.rules.d_images import _named, _texts
from pytest_isolation.inception.script import Command, Script
from pytest_isolation.inception.yaml import Map, Seq

WITHOUT_CERTIFICATES = re.compile(
    r"nginx|openssl|curl|wget|tar|unzip|zip|less|vim|nano|sed|procps|sudo|gettext-base|iputils-ping|netcat(-\w+)?|redis-tools|"
    r"supervisor|php[\d.]*(-(?!pear)[a-z]+)*|(default-)?(mariadb|mysql)-(client|server)|dumb-init|tini|gosu|dos2unix|cron"
)
"""Debian's packages that only recommend ca-certificates, or do not name it."""


def _family(image: Image) -> str:
    return _named(image.stages[0].base)[0] if image.stages else ""


def _build_commands(image: Image) -> list[Command]:
    return [command for script in image.build_scripts for command in script.commands]


def _text(s: Submission, image: Image) -> str:
    return "\n".join(text for text, _ in _texts(s, image))


def _mounted(image: Image, path: str) -> bool:
    return any(path == one.target or path.startswith(one.target.rstrip("/") + "/") for one in image.service.mounts)


def _copy_flags(image: Image) -> str:
    return " ".join(f"--{name}" for stage in image.stages for one in stage.every("COPY") for name in one.flags)


@rule(
    "G02", Severity.END,
    asks="MariaDB takes connections from other containers.",
    look="docker exec WORDPRESS mariadb -h mariadb -u USER -p",
    needs="compose",
)  # fmt: skip
def database_is_reachable(s: Submission) -> Iterator[Finding]:
    refused = "Error establishing a database connection: Can't connect to server (111: Connection refused)"
    for image in s.role("mariadb"):
        files = s.held(image)
        servers = [one.words for one in files.started(*sql.SERVERS) if "--bootstrap" not in one.words]
        # One before the last is there for the first start alone.
        told = " ".join(servers[-1] if servers else image.argv)
        if re.search(r"--skip[-_]networking(?![\w=-])", told):
            yield fail(image.started_at, f"{refused}: it is started with --skip-networking", "leave that out")
            continue
        defaults = re.search(r"--defaults(?:-extra)?-file[= ](\S+)", told)
        if files.cut or not daemons.is_certain(files.held, daemons.CNF) or "--no-defaults" in told:
            continue
        own = defaults[1] if defaults and "extra" not in defaults[0] else None
        off = daemons.database(files.held, "skip_networking", own)
        again = re.search(r"--skip[-_]networking=(0|off|false)\b", told, re.I)
        if off is not None and (off.value or "1").lower() in ("1", "on", "true") and not again:
            if not off.shipped:
                yield fail(off.at, f"{refused}: {off.line}", "leave that out")
            elif not _opaque(s, image):
                yield fail(image.started_at, f"{refused}: Alpine's mariadb-server.cnf has skip-networking",
                           "skip-networking = 0 in a file of /etc/my.cnf.d")  # fmt: skip
            continue
        if at_start := re.search(r"--bind[-_]address[= ](\S+)", told):
            if LOOPBACK.fullmatch(at_start[1]):
                yield fail(image.started_at, f"{refused}: bind-address = {at_start[1]}", "bind-address = 0.0.0.0")
            continue
        address = daemons.database(files.held, "bind_address", own)
        if address is None or not LOOPBACK.fullmatch(address.value):
            continue
        if _is_package_line(address):
            if _opaque(s, image) or defaults:
                continue
            fix = "bind-address = 0.0.0.0 in a file of /etc/mysql/mariadb.conf.d"
            if address.shipped:
                yield fail(address.at, f"{refused}: Debian's 50-server.cnf has bind-address = 127.0.0.1", fix)
            else:
                yield fail(address.at, f"{refused}: after this Debian's 50-server.cnf has {address.line}", fix)
        else:
            yield fail(address.at, f"{refused}: bind-address = {address.value}", "bind-address = 0.0.0.0")


LOOPBACK = re.compile(r"127\.\d+\.\d+\.\d+|localhost|::1")


def _is_package_line(one: daemons.Option) -> bool:
    return one.line == shipped.BIND


def _may_configure(place: str) -> bool:
    """Whether what is copied to a place from another stage may lie below /etc."""
    return not re.match(r"/(usr|opt|srv|var|home|tmp|app|wp|www)\b", place)


def _opaque(s: Submission, image: Image) -> bool:
    """Whether something copied from elsewhere, or mounted, may configure it."""
    return (
        any(map(_may_configure, s.held(image).unseen))
        or any(one.target.startswith("/etc") for one in image.service.mounts)
        or any(target not in image.copies for _, target in configs_of(image.service))
    )


@rule(
    "G03", Severity.END,
    asks="php-fpm takes connections from NGINX's container.",
    look="curl -k https://LOGIN.42.fr: 502 Bad Gateway",
    needs="compose",
)  # fmt: skip
def fpm_is_reachable(s: Submission) -> Iterator[Finding]:
    upstreams = {one.arguments[0]: one.block for one in s.directives("upstream") if one.arguments}
    passes = [
        server.arguments[0]
        for one in s.directives("fastcgi_pass") if one.arguments
        for server in ([each for each in upstreams[one.arguments[0]] if each.name == "server"]
                       if one.arguments[0] in upstreams else [one])
        if server.arguments
    ]  # fmt: skip
    if not passes or not all(re.fullmatch(r"[\w.-]+:\d+", one) for one in passes):
        return
    for image in s.role("wordpress"):
        files = s.held(image)
        elsewhere = re.compile(r"--fpm-config|-y|-\w*c")
        if _opaque(s, image) or any(
            elsewhere.match(word) for one in files.ran if "fpm" in one.name for word in one.words
        ):
            continue
        if files.cut or not daemons.is_certain(files.held, daemons.POOL):
            continue
        told = daemons.pools(files.held, "listen")
        if not told or any(not UNREACHED.match(one.value) for one in told.values()):
            continue
        one = list(told.values())[-1]
        says = "502 Bad Gateway: connect() failed (111: Connection refused): "
        if one.shipped:
            yield fail(image.started_at, f"{says}the package's www.conf has listen = {one.value}",
                       "listen = 9000 in php-fpm's www.conf")  # fmt: skip
        elif one.value.startswith("/"):
            yield fail(one.at, f"{says}php-fpm listens on {one.value}, and NGINX asks {passes[0]}", "listen = 9000")
        else:
            yield fail(one.at, f"{says}listen = {one.value}", "listen = 9000")


UNREACHED = re.compile(r"/|127\.|localhost:|\[::1\]:")
"""Where php-fpm listens when no other container reaches it."""


@rule(
    "G04", Severity.END,
    asks="PHP has the extension by which WordPress talks to its database.",
    look="docker exec WORDPRESS php -m | grep mysqli",
    needs="compose",
)  # fmt: skip
def has_mysqli(s: Submission) -> Iterator[Finding]:
    for image in s.role("wordpress"):
        family = _family(image)
        installs = [one for one in _build_commands(image) if one.name in ("apt-get", "apt", "apk")]
        names = " ".join(image.packages)
        if family not in ("debian", "alpine") or not re.search(r"\bphp\S*fpm", names) or "--from" in _copy_flags(image):
            continue
        known = {
            name for stage in image.stages for one in stage.every("ARG", "ENV") for name, value in one.pairs if value
        }
        open_ = [
            set(re.findall(r"\$\{?(\w+)", str(one))) - known or re.search(r"[*`]|\$\(", str(one)) for one in installs
        ]
        if any(open_) or "wordpress" in image.packages:
            continue
        # Alpine has a package for each extension; pdo_mysql and mysqlnd are none that WordPress uses.
        has = "mysqli" in names if family == "alpine" else "mysql" in names
        if not has and not re.search(r"mysqli" if family == "alpine" else r"mysqli|mysqlnd", _text(s, image)):
            need = "php-mysql" if family == "debian" else "phpNN-mysqli"
            yield fail(image.started_at, "Your PHP installation appears to be missing the MySQL extension which is "
                       "required by WordPress", f"install {need}")  # fmt: skip


@rule(
    "G05", Severity.END,
    asks="Every secret that a start script reads is given to its service.",
    look="docker compose logs: No such file or directory",
    needs="compose",
)  # fmt: skip
def secrets_are_given(s: Submission) -> Iterator[Finding]:
    for image in s.images.values():
        given = set(image.service.secrets)
        raw = image.service.raw.get("secrets")
        for item in raw if raw is not None else ():
            if isinstance(item, Map) and item.get("target"):
                given.add(str(item["target"]).rpartition("/")[2])
        if any(one.target.startswith("/run") for one in image.service.mounts):
            continue
        told: set[str] = set()
        for start in image.starts:
            texts = {file: s.tree.lenient(file) for file in start.files}
            if start.path is None:
                texts[start.at.file] = " ".join(image.argv)
            sure = start.script.certain()
            for command in start.script.calls():
                if command.name not in ("cat", *SOURCES) or command.function not in sure:
                    continue
                for word in _with_lists(command, start.script):
                    match = re.fullmatch(r"/run/secrets/([\w.-]+)", word)
                    if match is None or match[1] in given or _is_tested("\n".join(texts.values()), word):
                        continue
                    told.add(match[1])
                    yield fail(command.at, f"{image.service.name}: {command.name}: {word}: No such file or directory",
                               f"secrets: [{match[1]}] in the service")  # fmt: skip
            for file, text in texts.items():
                for match in re.finditer(r"(?:\$\(|\bread\b[^\n<]*)<[ \t]*[\"']?(/run/secrets/([\w.-]+))", text):
                    if match[2] in given or _is_tested(text, match[1]):
                        continue
                    at = Place(file, text.count("\n", 0, match.start()) + 1) if file in start.files else start.at
                    yield fail(at, f"{image.service.name}: {match[1]}: No such file or directory",
                               f"secrets: [{match[2]}] in the service")  # fmt: skip
        yield from _read_by_functions(s, image, given | told)
        yield from _read_by_php(s, image, given)


def _read_by_functions(s: Submission, image: Image, given: set[str]) -> Iterator[Finding]:
    """What a function of a library reads, by the words that it is called with."""
    texts = "\n".join(s.tree.lenient(file) for start in image.starts for file in start.files)
    told: set[str] = set()
    for one in s.held(image).started("cat"):
        for word in one.words[1:]:
            match = re.fullmatch(r"/run/secrets/([\w.-]+)", word)
            if match is None or match[1] in given | told or _is_tested(texts, word):
                continue
            told.add(match[1])
            yield fail(one.at, f"{image.service.name}: cat: {word}: No such file or directory",
                       f"secrets: [{match[1]}] in the service")  # fmt: skip


def _with_lists(command: Command, script: Script) -> Iterator[str]:
    """Each argument; one with a loop's variable once for every item of the list."""
    for word in command.words[1:]:
        match = re.search(r"\$\{?(\w+)\}?", word)
        for item in script.items(match[1], command.loops) if match else ():
            yield word.replace(match[0], item) if match else word
        yield word


def _read_by_php(s: Submission, image: Image, given: set[str]) -> Iterator[Finding]:
    for file in sorted(set(image.copies.values())):
        text = s.tree.lenient(file) if file.endswith(".php") else ""
        for match in re.finditer(r"""file_get_contents\(\s*['"](/run/secrets/([\w.-]+))['"]\s*\)""", text):
            line = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
            if match[2] in given or re.search(r"//|#|@|\?|file_exists|is_readable", line):
                continue
            if re.search(rf"(file_exists|is_readable|is_file)\(\s*['\"]{re.escape(match[1])}", text):
                continue
            at = Place(file, text.count("\n", 0, match.start()) + 1)
            yield fail(at, f"{image.service.name}: PHP Warning:  file_get_contents({match[1]}): Failed to open stream: "
                       "No such file or directory", f"secrets: [{match[2]}] in the service")  # fmt: skip


def _is_tested(text: str, path: str) -> bool:
    """Whether the script looks whether it is there, or has an answer when it is not."""
    # A loop or a function has the last part in a variable: `[ -f "/run/secrets/$name" ] || continue`.
    named = rf"(?:{re.escape(path)}(?![\w.-])|{re.escape(path.rpartition('/')[0])}/\$\{{?\w+\}}?)"
    asks = rf"-[efrs]\s+[\"']?{named}[\"']?\s*\]{{1,2}}"
    if re.search(rf"!\s*{asks}\s*[;&]*\s*(?:then\b)?(?:(?!\bfi\b).){{0,400}}?\bexit\s+[1-9]", text, re.S):
        return False  # without it the script ends
    if re.search(rf"-[efrs]\s+[\"']?{named}", text):
        return True
    return any(re.search(named, line) and re.search(r"\|\||2>|&&", line) for line in text.split("\n"))


@rule(
    "G07", Severity.END,
    asks="NGINX tells php-fpm which file to run.",
    look="curl -k https://LOGIN.42.fr: File not found.",
    needs="compose",
)  # fmt: skip
def script_is_named(s: Submission) -> Iterator[Finding]:
    every = [one for _, tree in s.nginx_files for one in walk(tree)]
    included = {posixpath.basename(one.arguments[0]) for one in every if one.name == "include" and one.arguments}
    own = {posixpath.basename(path): file for image in s.role("nginx") for path, file in image.copies.items()}
    opened: set[str] = set()
    while named := (included & own.keys()) - opened:
        opened |= named
        texts = [s.tree.lenient(own[name]) for name in named]
        if any("SCRIPT_FILENAME" in text for text in texts):
            return
        included |= {posixpath.basename(one) for text in texts for one in re.findall(r"\binclude\s+([^;\s]+)", text)}
    included -= opened
    if any(re.search(r"^(?!fastcgi_params$|mime\.types$)[^*]*$", one) for one in included):
        return  # that file may have it
    if any(one.name == "fastcgi_param" and one.arguments[:1] == ("SCRIPT_FILENAME",) for one in every):
        return
    for one in every:
        if one.name == "fastcgi_pass" and one.parents[-1:] == ("location",):
            yield fail(one.at, 'File not found.: FastCGI sent in stderr: "Primary script unknown": php-fpm gets no '
                       "SCRIPT_FILENAME, and fastcgi_params has none",
                       "fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;")  # fmt: skip


@rule(
    "G08", Severity.END,
    asks="depends_on names services of the compose file.",
    look="docker compose config",
    needs="compose",
)  # fmt: skip
def depends_on_services(s: Submission) -> Iterator[Finding]:
    assert s.compose is not None
    for name, service in s.compose.services.items():
        needs = service.raw.get("depends_on")
        # Of another shape it is no compose file: that is the schema's to say.
        for other in needs if isinstance(needs, Map | Seq) else ():
            optional = isinstance(needs, Map) and isinstance(needs[other], Map) and needs[other].get("required")
            if str(other) not in s.compose.services and "$" not in str(other) and str(optional) != "false":
                yield fail(service.place("depends_on"), f'service "{name}" depends on undefined service "{other}": '
                           "invalid compose project", f"one of {', '.join(map(str, s.compose.services))}")  # fmt: skip


@rule(
    "G09", Severity.END,
    asks="What a build downloads over TLS can be verified: the image has certificates of authorities.",
    look="docker compose build",
    needs="compose",
)  # fmt: skip
def downloads_are_verified(s: Submission) -> Iterator[Finding]:
    for image in s.images.values():
        commands = _build_commands(image)
        installs = [one for one in commands if one.name in ("apt-get", "apt") and "install" in one.words]
        if _family(image) != "debian" or not installs or "--from" in _copy_flags(image):
            continue
        if any("--no-install-recommends" not in one.words or "$" in str(one) for one in installs):
            continue
        if not all(WITHOUT_CERTIFICATES.fullmatch(one) for one in image.packages):
            continue
        started = [one for start in image.starts for one in start.script.runtime()]
        for command in (*commands, *started):
            words = command.real
            if command.name not in ("curl", "wget") or command.name not in image.packages:
                continue
            loose = any(re.fullmatch(r"-[a-zA-Z]*k[a-zA-Z]*|--insecure|--no-check-certificate", one) for one in words)
            if any(one.startswith("https://") for one in words) and not loose:
                says = (
                    "curl: (77) error setting certificate file"
                    if command.name == "curl"
                    else ("wget: ERROR: The certificate is not trusted")
                )
                yield fail(command.at, f"{image.service.name}: {says}: nothing installs ca-certificates",
                           "apt-get install ca-certificates")  # fmt: skip


@rule(
    "G10", Severity.END,
    asks="php-fpm's pool has a user that is not root.",
    look="docker compose logs wordpress",
    needs="compose",
)  # fmt: skip
def pool_is_not_root(s: Submission) -> Iterator[Finding]:
    for image in s.role("wordpress"):
        commands = [str(one) for start in image.starts for one in start.script.commands]
        words = "\n".join([" ".join(image.argv), *commands])
        if re.search(r"fpm\S*\s+([^;&|\n]*\s)?(-\w*R\w*|--allow-to-run-as-root)\b", words):
            continue
        for user in daemons.pools(s.held(image).held, "user").values():
            if user.value == "root":
                yield fail(user.at, "ERROR: [pool www] please specify user and group other than root",
                           "user = www-data")  # fmt: skip


@rule(
    "G11", Severity.ADVICE,
    asks="PHP has memory enough to unpack WordPress.",
    look="docker compose logs wordpress",
    needs="compose",
)  # fmt: skip
def memory_is_enough(s: Submission) -> Iterator[Finding]:
    for image in s.role("wordpress"):
        files = s.held(image)
        if _family(image) != "alpine" or files.cut or not daemons.is_certain(files.held, daemons.INI):
            continue
        limit = daemons.php(files.held, "memory_limit")
        if limit is None or not 0 <= _bytes(limit.value) <= OF_ALPINE or "WP_CLI_PHP_ARGS" in _text(s, image):
            continue
        for one in files.ran:
            said = " ".join(one.words)
            if re.search(r"\bwp(-cli)?(\.phar)?\b.*\bcore download\b", said) and "memory_limit" not in said:
                of_package = "PHP Fatal error:  Allowed memory size of 134217728 bytes exhausted: Alpine's PHP has 128M"
                own = f"PHP Fatal error:  Allowed memory size of {_bytes(limit.value)} bytes exhausted: {limit.line}"
                yield advice(one.at, of_package if limit.shipped else own, "php -d memory_limit=512M")


OF_ALPINE = 128 << 20


def _bytes(value: str) -> int:
    """As PHP reads it; -1 is no limit, and what is no number as much as can be."""
    match = re.fullmatch(r"(-?\d+)([KMG]?)", value.strip(), re.I)
    if match is None:
        return 1 << 60
    return int(match[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[match[2].upper()]
