"""What MariaDB and php-fpm are told by the files of their containers: the last line of an option counts."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pytest_isolation.inception.files.flow import Held, lines_of
from pytest_isolation.inception.place import Place

SECTIONS = frozenset({"mysqld", "server", "mariadb", "mariadbd", "mysqld_safe", ""})
"""Of a .cnf file, those that the server reads."""
CNF = re.compile(r"/etc/(mysql/.*|my\.cnf\.d/[^/]*|my)\.cnf")
OPTION = re.compile(r"\s*([\w-]+)\s*(?:=\s*([^#;]*?))?\s*(?:[#;].*)?$")
POOL = re.compile(r"/(pool|php-fpm)\.d/[^/]+\.conf$")


@dataclass(frozen=True, slots=True)
class Option:
    """One line of a configuration."""

    value: str
    """"" where the line has none."""
    at: Place
    path: str
    shipped: bool
    """It stands in a package's file that nothing changed."""
    line: str
    """As it is written."""


def is_certain(held: Mapping[str, Held], wanted: re.Pattern[str]) -> bool:
    """Whether what the files of these paths hold is known."""
    return all(one.certain and not one.others for path, one in held.items() if wanted.search(path))


def database(held: Mapping[str, Held], name: str, defaults: str | None = None) -> Option | None:
    """The last line that gives MariaDB the option `name`, with _ for -; `defaults`: of `--defaults-file`."""
    found: Option | None = None
    for path in [defaults] if defaults else _read_by_database(held):
        section = ""
        for line, at in lines_of(held[path].pieces) if path in held else ():
            if match := re.match(r"\s*\[([\w.-]+)\]", line):
                section = re.sub(r"-[\d.]+$", "", match[1])
                continue
            match = OPTION.match(line) if section in SECTIONS else None
            if match and match[1].replace("-", "_").lower() == name:
                value = (match[2] or "").strip("\"' \r")
                found = Option(value, at, path, held[path].shipped, line.strip())
    return found


def _read_by_database(held: Mapping[str, Held]) -> list[str]:
    """Paths in the order in which the packages' own files include them."""

    def rank(path: str) -> tuple[int, str]:
        where = posixpath.dirname(path)
        places = ("/etc", "/etc/mysql", "/etc/mysql/conf.d", "/etc/mysql/mariadb.conf.d", "/etc/my.cnf.d")
        return places.index(where) if where in places else len(places), path

    paths = sorted((path for path in held if CNF.fullmatch(path)), key=rank)
    for main, below in (("/etc/my.cnf", "/etc/my.cnf.d/"), ("/etc/mysql/my.cnf", "/etc/mysql/"),
                        ("/etc/mysql/mariadb.cnf", "/etc/mysql/")):  # fmt: skip
        one = held.get(main)
        if one is not None and not one.shipped and one.certain and "includedir" not in one.text and one.source == "":
            paths = [path for path in paths if not path.startswith(below) or path in (main, "/etc/mysql/my.cnf")]
    return paths


def pools(held: Mapping[str, Held], name: str) -> dict[str, Option]:
    """Pool of php-fpm -> the last line that gives it the option `name`."""
    found: dict[str, Option] = {}
    for path in sorted(path for path in held if POOL.search(path)):
        section = ""
        for line, at in lines_of(held[path].pieces):
            if match := re.match(r"\s*\[([^\]]+)\]", line):
                section = match[1]
            elif match := re.match(rf"[ \t]*{re.escape(name)}[ \t]*=[ \t]*([^;\s]+)", line):
                found[section] = Option(match[1].strip("\"'"), at, path, held[path].shipped, line.strip())
    return found
