"""G: the container will not answer, because it asks for another by a name that nobody has."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from pytest_isolation.inception import rendered
from pytest_isolation.inception.finding import Finding, Severity, fail
from pytest_isolation.inception.model import Submission
from pytest_isolation.inception.place import Place
from pytest_isolation.inception.registry import rule
from pytest_isolation.inception.rules.n_nginx import reached_as
from pytest_isolation.inception.rules.w_wordpress import option, wp_commands
from pytest_isolation.inception.variables import interpolate


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
    names = {name for image in s.images.values() for name in reached_as(image.service)}
    for written, at in _database_hosts(s):
        value = interpolate(written, rendered.known(s, "wordpress"))
        host, _, port = value.partition(":")
        if not re.fullmatch(r"[\w.-]+", host) or port.startswith("/") or host in names:
            continue  # a variable that no file gives, or a socket
        if re.search(r"\d+\.\d+\.\d+\.\d+|\..*\.", host) and not host.startswith("127."):
            continue  # an address, or a full name that this machine may know
        right = min((str(image.service.name) for image in s.role("mariadb")), default="mariadb")
        here = host.startswith(("localhost", "127."))
        says = "Connection refused" if here else "getaddrinfo failed: Name or service not known"
        yield fail(at, f"Error establishing a database connection: {says}: no container is called {host}", right)


def _database_hosts(s: Submission) -> Iterator[tuple[str, Place]]:
    """What WordPress is told of its database's place, by wp-cli or in a file that the image has."""
    for command in (*wp_commands(s, "config", "create"), *wp_commands(s, "core", "config")):
        if written := option(command, "dbhost"):
            yield written, command.at
    for image in s.role("wordpress"):
        for file in sorted(set(image.copies.values())):
            if posixpath.basename(file).startswith("wp-config") and file.endswith(".php"):
                text = s.tree.lenient(file)
                touched = "sed" in {one.name for start in image.starts for one in start.script.commands}
                match = re.search(r"""^\s*define\(\s*['"]DB_HOST['"]\s*,\s*['"]([\w.:-]+)['"]""", text, re.M)
                if match and not touched:
                    yield match[1], Place(file, text.count("\n", 0, match.start(1)) + 1)
