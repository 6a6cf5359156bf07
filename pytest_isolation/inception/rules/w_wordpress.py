"""W: WordPress and its database."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from pytest_isolation.inception import rendered
from pytest_isolation.inception.dump import administrators
from pytest_isolation.inception.files import daemons
from pytest_isolation.inception.finding import Finding, Severity, advice, fail, not_applicable, passed, unclear
from pytest_isolation.inception.model import Image, Submission
from pytest_isolation.inception.place import Place
from pytest_isolation.inception.registry import rule
from pytest_isolation.inception.rules.d_images import _texts
from pytest_isolation.inception.script import Command, Script
from pytest_isolation.inception.variables import interpolate, unresolved

WP = re.compile(r"(^|/)wp(-cli[\w.-]*)?$|wp-cli[\w.-]*\.phar$|^\$\{?WP(_?CLI)?(_CMD)?\}?$", re.I)
"""wp-cli, as scripts call it."""


def wp_commands(s: Submission, *verb: str) -> list[Command]:
    """Calls of wp-cli with this verb in what WordPress's container runs, also by functions and variables around it."""
    found = []
    for image in s.role("wordpress"):
        for start in image.starts:
            for command in start.script.calls():
                words = [word for word in command.words if not word.startswith("-")]
                program = next((at for at, word in enumerate(words[:6]) if WP.search(word)), None)
                if program is None:
                    continue
                said = words[program + 1 : program + 3 + len(verb)]  # a value may stand before: --path /var/www
                if any(tuple(said[at : at + len(verb)]) == verb for at in range(3)):
                    found.append(command)
    return found


def option(command: Command, name: str) -> str | None:
    """The value of `--name=VALUE` or `--name VALUE` among a command's words, quotes taken off; None without it."""
    for at, word in enumerate(command.words):
        if word.startswith(f"--{name}="):
            return word.partition("=")[2].strip("'\"")
        if word == f"--{name}" and at + 1 < len(command.words):
            return command.words[at + 1]
    return None


def known(s: Submission) -> dict[str, str]:
    """What WordPress's container knows."""
    return rendered.known_by(s, "wordpress")


GETENV = re.compile(r"""(?:getenv\(\s*|\$_(?:ENV|SERVER)\[\s*)['"](\w+)['"]""")


def php_installs(s: Submission) -> list[tuple[Place, list[str]]]:
    """Calls of wp_install() in PHP that WordPress's container has: (place, arguments)."""
    found = []
    for image in s.role("wordpress"):
        for path in sorted(set(image.copies.values())):
            text = s.tree.lenient(path) if path.endswith(".php") else ""
            for match in re.finditer(r"\bwp_install\(", text):
                place = Place(path, text.count("\n", 0, match.start()) + 1)
                found.append((place, [_php_value(one, text) for one in _arguments(text[match.end() :])]))
    return found


def _arguments(text: str) -> list[str]:
    """Up to the bracket that closes the call."""
    made, depth, quote = [""], 0, ""
    for char in text[:4_000]:
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
            if depth < 0:
                break
        elif char == "," and depth == 0:
            made.append("")
            continue
        made[-1] += char
    return [one.strip() for one in made]


def _php_value(text: str, file: str) -> str:
    """A literal, or ${NAME} of an environment variable, or what was written."""
    if match := re.fullmatch(r"""['"]([^'"$]*)['"]""", text):
        return match[1]
    if re.fullmatch(r"\$\w+", text) and (match := re.search(re.escape(text) + r"\s*=\s*([^;]+);", file)):
        text = match[1].strip()
    if match := GETENV.match(text):
        return f"${{{match[1]}}}"
    return text


def _dumps(s: Submission) -> list[str]:
    """SQL files in an image that have WordPress's users."""
    files = {path for image in s.role("mariadb") + s.role("wordpress") for path in image.copies.values()}
    return [path for path in sorted(files) if path.endswith(".sql") and re.search(r"\w+_users", s.tree.lenient(path))]


@rule(
    "W01", Severity.END,
    asks="The administrator's login does not contain admin, in any case.",
    look="wp user list --role=administrator --field=user_login --allow-root",
    needs="wordpress",
)  # fmt: skip
def not_admin(s: Submission) -> Iterator[Finding]:
    installs = [(one.at, option(one, "admin_user")) for one in wp_commands(s, "core", "install")]
    installs += [(at, arguments[1] if len(arguments) > 1 else None) for at, arguments in php_installs(s)]
    for at, written in installs:
        if written is None:
            yield unclear(at, "it names no administrator", "the administrator's login")
            continue
        value = interpolate(written, known(s))
        names = unresolved(value)
        if names or "$" in value or "(" in value:
            yield unclear(at, f"the administrator is {written}", f"the value of {names[0] if names else written}")
        elif "admin" in value.lower():
            found = value if value == written else f"{written}, which is {value}"
            yield fail(at, f"the administrator is {found}", "choose a login without admin in it")
    for command, written in _promoted(s):
        value = interpolate(written, known(s))
        if "$" not in value and "(" not in value and "admin" in value.lower():
            found = value if value == written else f"{written}, which is {value}"
            yield fail(command.at, f"another administrator is {found}", "choose a login without admin in it")
    dumped = [(path, *one) for path in _dumps(s) for one in administrators(s.tree.lenient(path))]
    for path, login, line in dumped:
        if "admin" in login.lower():
            yield fail(Place(path, line), f"the administrator is {login}", "choose a login without admin in it")
    if not installs and not dumped:
        at = s.role("wordpress")[0].started_at
        yield unclear(at, "nothing seen creates the administrator", "the administrator's login")


def _promoted(s: Submission) -> Iterator[tuple[Command, str]]:
    """(command, login) of the users that wp-cli makes administrators beside the first."""
    for verb in ("create", "update", "set-role", "add-role"):
        for command in wp_commands(s, "user", verb):
            words = command.words[command.words.index(verb) + 1 :]
            plain = [word for word in words if not word.startswith("-")]
            by_word = verb.endswith("role") and plain[1:2] == ["administrator"]
            role = (option(command, "role") or "").strip("'\"")
            if plain and (by_word or interpolate(role, known(s)) == "administrator"):
                login = plain[0].strip("'\"")
                lists = dict(command.loops)
                for one in lists.get(login.strip("${}"), ()) if login.startswith("$") else ():
                    yield command, one
                yield command, login


@rule(
    "W02", Severity.RULE,
    asks="The database has two users of WordPress: an administrator and another.",
    look="wp user list --allow-root",
    needs="wordpress",
)  # fmt: skip
def two_users(s: Submission) -> Iterator[Finding]:
    created = wp_commands(s, "user", "create")
    if created:
        yield passed(str(created[0])[:80], created[0].at)
        return
    texts = [str(command) for image in s.role("wordpress") + s.role("mariadb") for start in image.starts
             for command in start.script.commands] + [s.tree.lenient(path) for path in _dumps(s)]  # fmt: skip
    texts += [s.tree.lenient(path) for image in s.role("wordpress") for path in set(image.copies.values())
              if path.endswith(".php")]  # fmt: skip
    if any(re.search(r"INSERT INTO\s+`?\w*_users`?|wp_create_user|wp_insert_user", text, re.I) for text in texts):
        return
    at = s.role("wordpress")[0].started_at
    if wp_commands(s, "core", "install") or php_installs(s):
        yield fail(at, "only the administrator is created", "wp user create LOGIN EMAIL --role=author")
    elif s.role("wordpress")[0].starts and not _is_installed(s):
        yield fail(
            at, "nothing creates a user: the installation page asks for one", "wp user create LOGIN EMAIL --role=author"
        )
    else:
        yield unclear(at, "no command creates users", "how they are made")


@rule(
    "W03", Severity.END,
    asks="WordPress is installed and set up: no installation page greets a visitor.",
    look="curl -k https://LOGIN.42.fr must not redirect to install.php",
    needs="wordpress",
)  # fmt: skip
def installed(s: Submission) -> Iterator[Finding]:
    if _is_installed(s):
        return
    image = s.role("wordpress")[0]
    if not image.starts:
        yield unclear(image.started_at, "it starts no script that is here", "how WordPress is installed")
        return
    yield fail(image.started_at, "nothing installs WordPress", "wp core install … in the start script")


def _is_installed(s: Submission) -> bool:
    """Whether a command, PHP or SQL installs WordPress."""
    commands = wp_commands(s, "core", "install") or wp_commands(s, "core", "multisite-install")
    return bool(commands or _dumps(s) or php_installs(s))


@rule(
    "W04", Severity.RULE,
    asks="The site's address is https://LOGIN.42.fr.",
    look="wp option get siteurl --allow-root",
    needs="wordpress",
)  # fmt: skip
def site_url(s: Submission) -> Iterator[Finding]:
    for command in wp_commands(s, "core", "install"):
        written = option(command, "url")
        if written is None:
            continue
        value = interpolate(written, known(s))
        if unresolved(value):
            yield unclear(command.at, f"--url={written}", f"the value of {unresolved(value)[0]}")
            continue
        host = re.sub(r"^\w+://", "", value).split("/")[0]
        if value.startswith("http://"):
            yield fail(command.at, f"--url={value}: not https", f"--url=https://{host}")
        elif host.split(":")[0] in ("localhost", "127.0.0.1"):
            yield fail(command.at, f"--url={value}", f"--url=https://{s.domain or 'LOGIN.42.fr'}")
        elif s.domain and host != s.domain:
            yield fail(command.at, f"--url={value}; expected {s.domain}", f"--url=https://{s.domain}")


@rule(
    "W05", Severity.ADVICE,
    asks="php-fpm listens on TCP port 9000.",
    look="docker exec CONTAINER cat /etc/php/*/fpm/pool.d/www.conf | grep listen",
    needs="wordpress",
)  # fmt: skip
def fpm_listens(s: Submission) -> Iterator[Finding]:
    for image in s.role("wordpress"):
        files = s.held(image)
        told = daemons.pools(files.held, "listen")
        fix = "listen = 0.0.0.0:9000 in the pool's configuration"
        if files.cut or not told or not daemons.is_certain(files.held, daemons.POOL):
            # What is not known may be anything that names the port.
            if not any("9000" in text for text, _ in _texts(s, image)) and not files.unseen:
                yield advice(image.started_at, "no listen = 9000 was found; Debian's pool listens on a socket", fix)
        elif not any(re.search(r"(^|:)9000$", one.value) for one in told.values()):
            one = list(told.values())[-1]
            at = image.started_at if one.shipped else one.at
            yield advice(at, f"no listen = 9000 was found; the pool has listen = {one.value}", fix)


@rule("W07", Severity.RULE, asks="A comment can be written, and a page edited.", look="a browser", needs="wordpress")
def editable(s: Submission) -> Iterator[Finding]:
    yield not_applicable("only the running site can show it")


@rule(
    "W08", Severity.END,
    asks="What was written is there after a restart: no start script empties a volume.",
    look="write a comment; docker compose restart; read it",
    needs="compose",
)  # fmt: skip
def keeps_its_data(s: Submission) -> Iterator[Finding]:
    fix = "only where nothing is there yet: if [ ! -f … ]; then … fi"
    for role in ("wordpress", "mariadb"):
        for image in s.role(role):
            held = [one.target.rstrip("/") for one in image.service.mounts if one.kind in ("volume", "bind")]
            for start in image.starts:
                values = rendered.known(s, image)
                for command in _always(start.script):
                    if path := _emptied(command, start.script, image, held, values):
                        yield fail(command.at, f"{image.service.name}: {command}: every start empties {path}", fix)
                    elif DROPS.search(str(command)) and not command.name.startswith(("echo", "grep")):
                        yield fail(command.at, f"{image.service.name}: {command}: every start removes the site", fix)


DROPS = re.compile(
    r"\bwp\b.*\bdb (reset|drop|clean)\b|\bDROP\s+(DATABASE|SCHEMA)\b(?!\s+(IF\s+EXISTS\s+)?[`'\"]?test\b)", re.I
)


def _always(script: Script) -> list[Command]:
    """Commands that every start runs: none of a branch, of a function that only a branch calls, or behind a way out."""
    sure: list[Command] = []
    called = script.certain()
    for one in script.commands:
        if one.conditional and one.function is None and (one.is_exec or one.name in ("exit", "return")):
            break
        if one.is_exec and one.function is None and not one.conditional:
            break
        if not one.conditional and one.function in called:
            sure.append(one)
    return sure


OF_THE_SITE = re.compile(r"wp-content(/uploads)?|wp-content/plugins|wp-content/themes")


def _holds_data(below: str, role: str, values: Mapping[str, str]) -> bool:
    """Whether a directory of a volume is the site's own: the database's, the system tables, the uploads."""
    if role == "wordpress":
        return OF_THE_SITE.fullmatch(below) is not None
    names = {value for name, value in values.items() if DATABASE.search(name)}
    return below == "mysql" or below in names or any(DATABASE.search(name) for name in unresolved(below))


DATABASE = re.compile(r"(^|_)(DATABASE|DB|DB_?NAME|DATABASE_?NAME|BASE)$", re.I)
"""What variables with the name of the database are called."""


def _emptied(command: Command, script: Script, image: Image, held: list[str], known: Mapping[str, str]) -> str | None:
    """The volume, or the part of it that is the site, whose files `rm -r` or `find -delete` takes away."""
    words = command.real
    if command.name == "rm":
        if not any(re.match(r"-\w*[rR]|--recursive", word) for word in words[1:]):
            return None
        places = [word for word in words[1:] if not word.startswith("-")]
    elif command.name == "find" and "-delete" in words and not {"-name", "-mtime", "-iname", "-path"} & set(words):
        places = list(words[1:2])
    else:
        return None
    before = [one for one in script.commands if one.name == "cd" and len(one.real) > 1 and one.at < command.at]
    here = before[-1].real[1] if before else str(image.service.text("working_dir") or image.workdir)
    values = {**known, **{name: value for name, (value, _) in script.assignments.items()}}
    for written in places:
        path = interpolate(written, values)
        whole = posixpath.normpath(posixpath.join(here, re.sub(r"/(\*|\.\*|\{.*\}|\.\[.*)$", "", f"/{path}"[1:])
                                                  if path not in ("*", ".*", ".") else "."))  # fmt: skip
        store = next((one for one in held if whole == one or whole.startswith(f"{one}/")), None)
        if store is not None and (whole == store or _holds_data(whole[len(store) + 1 :], image.role, known)):
            return whole
    return None
