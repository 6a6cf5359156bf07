"""Configuration that packages ship, after what `sed` makes of it: a pattern that fits nothing leaves it as it was."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from pytest_isolation.inception import releases, rendered, sed
from pytest_isolation.inception.place import Place
from pytest_isolation.inception.variables import interpolate

if TYPE_CHECKING:
    from pytest_isolation.inception.model import Image, Submission

NGINX = "user www-data;"
"""Of Debian's nginx.conf."""
BIND = "bind-address            = 127.0.0.1"
"""Of Debian's 50-server.cnf."""
SOCKET = "user = www-data\ngroup = www-data\nlisten = /run/php/php{}-fpm.sock\nlisten.owner = www-data"
"""Of the pool of Debian's php-fpm."""
LOOPBACK = "user = nobody\ngroup = nobody\nlisten = 127.0.0.1:9000"
"""Of the pool of Alpine's."""


PHP = {"bullseye": "7.4", "bookworm": "8.2", "trixie": "8.4"}
"""What `php-fpm` is on Debian."""


def pool(family: str, release: str | None, packages: str) -> str | None:
    """The lines of the package's www.conf that decide; None where its version is not known."""
    if family == "alpine":
        return LOOPBACK
    named = re.search(r"\bphp(\d\.\d)-fpm\b", packages)
    version = named[1] if named else PHP.get(release or "")
    return SOCKET.format(version) if version and family == "debian" else None


def after_sed(s: Submission, image: Image, file: str, text: str, others: str) -> tuple[str, Place] | None:
    """What `text`, of the package's file of that name, is in the container, and where the last `sed` is.

    None where nothing is done by sed, or something else may change it: `others` is a pattern of the places that the
    program reads its configuration from.
    """
    own = rendered.known(s, image)
    last: Place | None = None
    if any(re.search(others, path) for path in image.copies) or re.search(others, " ".join(image.argv)):
        return None
    every = [*image.build_scripts, *(start.script for start in image.starts)]
    if any(re.search(others, target) for script in every for target, _, _ in script.heredocs):
        return None
    for script in every:
        values = {**own, **{name: interpolate(value, own) for name, (value, _) in script.assignments.items()}}
        for command in script.runtime():
            said = " ".join((*command.words, command.into))
            if not re.search(others, said):
                continue
            edits = sed.read(command.real) if command.name == "sed" else None
            named = [word for word in command.real[1:] if re.search(others, word)]
            if command.name in ("mkdir", "chown", "chmod", "ls", "cat", "grep", "echo") and not command.into:
                continue
            if edits is None or command.conditional or command.function or command.loops or command.into:
                return None
            if not any(re.search(rf"(?:^|/)(?:{re.escape(file)}|\*(?:\.\w+)?)$", word) for word in named):
                return None
            text, last = sed.edited(text, edits, partial(interpolate, known=values)), command.at
    return None if last is None or "$" in text else (text, last)


def files(s: Submission, image: Image) -> dict[str, str]:
    """Path -> those lines of the packages' files that decide, as the image's packages ship them."""
    from pytest_isolation.inception.rules.d_images import _named

    family, tag = _named(image.stages[0].base) if image.stages else ("", "")
    found: dict[str, str] = {}
    packages = " ".join(image.packages)
    if family == "debian" and {"mariadb-server", "default-mysql-server"} & set(image.packages):
        found["/etc/mysql/mariadb.conf.d/50-server.cnf"] = f"[mysqld]\n{BIND}\n"
    elif family == "alpine" and {"mariadb", "mysql"} & set(image.packages):
        found["/etc/my.cnf.d/mariadb-server.cnf"] = "[mysqld]\nskip-networking\n"
    if re.search(r"\bphp[\d.]*-?fpm", packages):
        release = releases.series_of(family, tag, s.asked.day) if family == "debian" else None
        text = pool(family, getattr(release, "name", None), packages)
        version = re.search(r"php([\d.]+)-fpm", text or "") or re.search(r"\bphp(\d+)-fpm", packages)
        if text is not None and version is not None:
            at = f"/etc/php/{version[1]}/fpm/pool.d" if family == "debian" else f"/etc/php{version[1]}/php-fpm.d"
            found[f"{at}/www.conf"] = f"[www]\n{text}\n"
    return found
