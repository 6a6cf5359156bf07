"""What an edit of the reference submission is, and the words of the reference that many edits name.

An edit is (file, old, new): `old` must be there; None writes the file whole, and `new` None removes it.
`says` is what must differ from the reference: rule -> verdict; empty for a look-alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Edit = tuple[str, str | None, str | None]

COMPOSE = "srcs/docker-compose.yml"
ENV = "srcs/.env"
MARIADB = "srcs/requirements/mariadb/Dockerfile"
MARIADB_START = "srcs/requirements/mariadb/tools/start.sh"
WORDPRESS = "srcs/requirements/wordpress/Dockerfile"
WORDPRESS_START = "srcs/requirements/wordpress/tools/start.sh"
NGINX = "srcs/requirements/nginx/Dockerfile"
CONF = "srcs/requirements/nginx/conf/nginx.conf"
INSTALL = "srcs/requirements/wordpress/tools/install.php"
MAKEFILE = "Makefile"
README = "README.md"
FIRST_LINE = "*This project has been created as part of the 42 curriculum by student.*"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQ==\n-----END PRIVATE KEY-----\n"
WP_CLI = "php /opt/inception/install.php"


POOL = "srcs/requirements/wordpress/conf/www.conf"
MKDIR = "\t. ./srcs/.env && mkdir -p $$DATA/mariadb $$DATA/wordpress\n"
CHMOD = "RUN chmod 755 /usr/local/bin/start\n"
COPY_CONF = "COPY conf/nginx.conf /etc/nginx/nginx.conf\n"
OF_NGINX = "    build: requirements/nginx\n"
AS_CONFIG = (
    (NGINX, COPY_CONF, ""),
    (COMPOSE, OF_NGINX, OF_NGINX + "    configs: [{source: site, target: /etc/nginx/nginx.conf}]\n"),
    (
        COMPOSE,
        "\nvolumes:\n  mariadb",
        "\nconfigs:\n  site:\n    file: requirements/nginx/conf/nginx.conf\n\nvolumes:\n  mariadb",
    ),
)
"""NGINX's configuration by a config of compose."""


@dataclass(frozen=True, slots=True)
class Mutant:
    name: str
    says: dict[str, str]
    edits: tuple[Edit, ...]
    asked: dict[str, Any] = field(default_factory=dict)
    above: bool = False
    """The repository begins in the directory above; a file of an edit may begin with `../`."""


def breach(
    rule: str,
    name: str,
    *edits: Edit,
    verdict: str = "fail",
    also: dict[str, str] | None = None,
    above: bool = False,
    **asked: Any,
) -> Mutant:
    return Mutant(f"{rule}: {name}", {rule: verdict, **(also or {})}, edits, asked, above)


def innocent(rule: str, name: str, *edits: Edit, above: bool = False, **asked: Any) -> Mutant:
    return Mutant(f"{rule}: {name} (innocent)", {}, edits, asked, above)


def wp(command: str) -> tuple[Edit, ...]:
    """The site installed by wp-cli instead of our PHP."""
    dockerfile = "tools/wp-config.php tools/install.php /opt/inception/"
    return (
        (WORDPRESS_START, WP_CLI, command),
        (WORDPRESS, dockerfile, "tools/wp-config.php /opt/inception/"),
        (INSTALL, None, None),
    )


WP_INSTALL = (
    "wp core install --allow-root --url=https://$DOMAIN_NAME --title=Site --admin_user=$WP_BOSS_LOGIN "
    "--admin_email=$WP_BOSS_EMAIL\nwp user create --allow-root $WP_WRITER_LOGIN $WP_WRITER_EMAIL --role=author"
)
