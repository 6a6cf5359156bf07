"""What a clone lacks before `make`: the `.env` files and the secrets, from the user or made up."""

from __future__ import annotations

import os
import posixpath
import re
import secrets
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from pytest_isolation.errors import Unavailable
from pytest_isolation.inception.compose import Compose
from pytest_isolation.inception.model import Submission
from pytest_isolation.inception.secrets import NAME, asks_for_one, is_env_file, is_example
from pytest_isolation.inception.tree import normal
from pytest_isolation.inception.variables import ENVIRONMENT, read_env, unresolved
from pytest_isolation.inception.yaml import Map

MAX_COPY = 1 << 30
"""Bytes of a submission; a real one has less than one mebibyte."""


@dataclass(frozen=True, slots=True)
class Supplied:
    """A file that a clone lacks, and where its content is from."""

    path: str
    """Relative to the top of the copy."""
    source: str
    """Of the author's example, given, or made up."""
    made_up: frozenset[str] = frozenset()
    """Names whose values are ours: what follows from them says nothing about the author."""


def copy(top: Path, to: Path) -> None:
    """All of a submission but what is no file, directory or link.  Links stay links.

    Raises Unavailable for one that is too large.
    """
    size = 0
    for directory, _, names in os.walk(top):
        for name in names:
            size += (Path(directory) / name).lstat().st_size
        if size > MAX_COPY:
            raise Unavailable(f"the submission has more than {MAX_COPY >> 20} MiB", "remove the generated files")
    shutil.copytree(top, to, symlinks=True, ignore=_no_specials, dirs_exist_ok=True)


def _no_specials(directory: str, names: list[str]) -> list[str]:
    def special(name: str) -> bool:
        kind = (Path(directory) / name).lstat().st_mode
        return not (stat.S_ISREG(kind) or stat.S_ISDIR(kind) or stat.S_ISLNK(kind))

    return [name for name in names if special(name)]


def supply(top: Path, s: Submission, given: Path | None, login: str, domain: str) -> list[Supplied]:
    """Write what is missing into the copy at `top`; what is there stays.

    `given` is the file, or the directory, of --inception-env.  A file is every missing .env; of a directory, each
    missing file is taken by its path or by its name.
    """
    assert s.compose is not None
    made = []
    names = Names(s, login, domain)
    for path in _env_files(s):
        if not (top / path).exists():
            made.append(_env(top, path, given, names))
    for path in _secret_files(s.compose):
        if not (top / path).exists():
            found = _given(given, path)
            _write(top / path, found if found is not None else f"{secrets.token_hex(16)}\n")
            made.append(Supplied(path, "given" if found is not None else "made up"))
    return made


def _given(given: Path | None, path: str) -> str | None:
    if given is None or not given.is_dir():
        return None
    for place in (given / path, given / posixpath.basename(path)):
        if place.is_file():
            return place.read_text(encoding="utf-8", errors="surrogateescape")
    return None


def _env(top: Path, path: str, given: Path | None, names: Names) -> Supplied:
    found = (
        given.read_text(encoding="utf-8", errors="surrogateescape")
        if given is not None and given.is_file()
        else _given(given, path)
    )
    if found is not None:
        _write(top / path, found)
        return Supplied(path, "given")
    example = names.example_of(path)
    values = names.of()
    made_up = set(values)
    for name, value in (read_env(names.text(example), example) if example else {}).items():
        if value and not (asks_for_one(value) and NAME.search(name)) and not re.fullmatch(r"<.*>", value):
            values[name] = str(value)
            made_up.discard(name)
        else:
            values[name] = names.value(name)
            made_up.add(name)
    _write(top / path, "".join(f"{name}={value}\n" for name, value in values.items()))
    return Supplied(path, f"the author's {example}" if example else "made up", frozenset(made_up))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)  # a daemon that is no root reads its secret through a mount of this file


def _env_files(s: Submission) -> list[str]:
    """The one that compose interpolates from, first, and every env_file."""
    assert s.compose is not None
    base = next((service.base for service in s.compose.services.values()), s.srcs)
    found = [posixpath.join(base, ".env")] if s.compose.written else []
    for service in s.compose.services.values():
        for written in service.env_files:
            path = normal(posixpath.join(service.base, written))
            if path is not None and not written.startswith("/") and "$" not in written:
                found.append(path)
    return list(dict.fromkeys(found))


def _secret_files(compose: Compose) -> list[str]:
    base = posixpath.dirname(compose.files[0])
    found = []
    for secret in compose.top("secrets").values():
        file = secret.get("file") if isinstance(secret, Map) else None
        if isinstance(file, str) and not file.startswith("/") and "$" not in file:
            path = normal(posixpath.join(base, file))
            if path is not None:
                found.append(path)
    return found


class Names:
    """Which variables a stack asks for, and a value for each that fits its name."""

    def __init__(self, s: Submission, login: str, domain: str) -> None:
        self._s = s
        self._login, self._domain = login, domain
        self._passwords: dict[str, str] = {}

    def example_of(self, path: str) -> str | None:
        """The author's example of an env file: beside it, else anywhere."""
        examples = [one for one in sorted(self._s.tree.files) if is_example(one) and is_env_file(one)]
        near = [one for one in examples if posixpath.dirname(one) == posixpath.dirname(path)]
        return next(iter(near or examples), None)

    def text(self, path: str) -> str:
        """A file of the submission; what is no UTF-8 in it is replaced."""
        return self._s.tree.lenient(path)

    def of(self) -> dict[str, str]:
        """What the compose file asks for, and what the services with this env file read."""
        assert self._s.compose is not None
        asked = {variable for _, variable in self._s.compose.written}
        for image in self._s.images.values():
            service = image.service
            known = {*service.environment, *(name for start in image.starts for name in start.script.assignments)}
            for start in image.starts:
                asked |= {
                    name for command in start.script.commands for word in command.words for name in unresolved(word)
                } - known
            for file in set(image.copies.values()):
                if file.endswith(".php"):
                    asked |= set(re.findall(r"getenv\(\s*['\"](\w+)['\"]", self.text(file))) - known
            asked |= {name for name, value in service.environment.items() if value is None}
        return {
            name: self.value(name) for name in sorted(asked - ENVIRONMENT) if re.fullmatch(r"[A-Z][A-Z0-9_]+", name)
        }

    def value(self, name: str) -> str:
        """The same for the same name: two files may both have it."""
        for pattern, value in (
            (r"MAIL", f"{'owner' if re.search('ADMIN|ROOT|BOSS|OWNER', name) else 'writer'}@{self._domain}"),
            (r"URL|SITE", f"https://{self._domain}"),
            (r"DOMAIN|SERVER_NAME|^HOST(NAME)?$", self._domain),
            (r"(DB|MYSQL|MARIADB|DATABASE)_?HOST", self._service("mariadb")),
            (r"PORT", "9000" if re.search("FPM|PHP|WP|WORDPRESS", name) else "3306"),
            (r"ADMIN.*(USER|LOGIN|NAME)|(USER|LOGIN|NAME).*ADMIN", "captain"),
            (r"(DB|MYSQL|MARIADB|SQL)_?(NAME|DATABASE)$|DATABASE", "wordpress"),
            (r"(DB|MYSQL|MARIADB|SQL).*USER", "wpuser"),
            (r"^LOGIN$|^USER_?NAME$|INTRA", self._login),
            (r"USER|LOGIN", "scribe"),
            (r"DATA|VOLUME|PATH|DIR", f"/home/{self._login}/data"),
            (r"ROLE", "author"),
            (r"PREFIX", "wp_"),
        ):  # fmt: skip
            if re.search(pattern, name) and not (NAME.search(name) and pattern != "MAIL"):
                return value
        if NAME.search(name):
            # WordPress and the database may call the same password differently.
            kind = "ROOT" if "ROOT" in name else "DB" if re.search(r"DB|SQL|MARIA|DATABASE", name) else name
            return self._passwords.setdefault(kind, secrets.token_hex(12))
        return "inception"

    def _service(self, role: str) -> str:
        return next((image.service.name for image in self._s.role(role)), role)
