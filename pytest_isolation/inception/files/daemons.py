"""What MariaDB and php-fpm are told by the files of their containers: the last line of an option counts."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise

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
        if one is not None and not one.shipped and one.certain and "includedir" not in one.text:
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


FPM = re.compile(r"/etc/php[^/]*(?:/[\d.]+/fpm)?/php-fpm\.conf")


def fpm(held: Mapping[str, Held], name: str) -> Option | None:
    """The last line that gives php-fpm itself, no pool, the option `name`."""
    found: Option | None = None
    for path in sorted(path for path in held if FPM.fullmatch(path) or POOL.search(path)):
        section = "global" if FPM.fullmatch(path) else ""
        for line, at in lines_of(held[path].pieces):
            if match := re.match(r"\s*\[([^\]]+)\]", line):
                section = match[1]
            elif section == "global" and (match := re.match(rf"[ \t]*{re.escape(name)}[ \t]*=[ \t]*([^;\s]+)", line)):
                found = Option(match[1], at, path, held[path].shipped, line.strip())
    return found


INI = re.compile(r"/etc/php(?:/[\d.]+/\w+|\d*)/(?:php\.ini|conf\.d/[^/]+\.ini)")


def php(held: Mapping[str, Held], name: str) -> Option | None:
    """The last line that gives PHP the setting `name`: php.ini goes before conf.d."""
    found: Option | None = None
    own = tuple(posixpath.dirname(path) for path in held if path.endswith("/php.ini") and INI.fullmatch(path))
    read = [path for path in held if INI.fullmatch(path) and path.startswith(own or "/")]
    for path in sorted(read, key=lambda one: ("conf.d/" in one, one)):
        for line, at in lines_of(held[path].pieces):
            if match := re.match(rf"[ \t]*{re.escape(name)}[ \t]*=[ \t]*([^;\s]*)", line):
                found = Option(match[1].strip("\"'"), at, path, held[path].shipped, line.strip())
    return found


@dataclass(frozen=True, slots=True)
class Supervisor:
    """What supervisord is told."""

    stays: bool
    """It does not go to the background."""
    programs: tuple[tuple[str, Place], ...]
    """(command, place)"""
    certain: bool


SUPERVISORS = ("/etc/supervisor/supervisord.conf", "/etc/supervisord.conf")


def supervisor(held: Mapping[str, Held], words: Sequence[str]) -> Supervisor:
    """By the words that it is started with and its files; the package's own includes conf.d."""
    asked = next((after for word, after in pairwise(words) if word in ("-c", "--configuration")), None)
    asked = asked or next((word[16:] for word in words if word.startswith("--configuration=")), None)
    main = asked or next((path for path in SUPERVISORS if path in held), None)
    stays = any(re.fullmatch(r"-[a-z]*n[a-z]*|--nodaemon", word) for word in words[1:])
    wanted = [main] if main else ["/etc/supervisor/conf.d/*.conf", "/etc/supervisor.d/*.ini"]
    read: list[str] = []
    programs: list[tuple[str, Place]] = []
    certain = main is None or main in held
    while wanted:
        pattern = wanted.pop(0)
        for path in sorted(one for one in held if one not in read and fnmatchcase(one, pattern)):
            read.append(path)
            certain = certain and held[path].certain and not held[path].others
            section = ""
            for line, at in lines_of(held[path].pieces):
                if match := re.match(r"\[([^\]]+)\]", line):
                    section = match[1].strip()
                match = re.match(r"([\w-]+)\s*[=:]\s*(.*?)\s*(?:\s;.*)?$", line)
                if match is None:
                    continue
                if section == "supervisord" and match[1] == "nodaemon":
                    stays = stays or match[2].lower() in ("true", "1", "yes", "on")
                elif section.startswith("program:") and match[1] == "command":
                    programs.append((match[2].replace("%%", "%"), at))
                elif section == "include" and match[1] == "files":
                    wanted += [posixpath.join(posixpath.dirname(path), one) for one in match[2].split()]
    return Supervisor(stays, tuple(programs), certain)
