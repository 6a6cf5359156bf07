"""Broken stacks: one thing wrong with the reference at a time, what is said of it, and what only looks as wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pytest_isolation.inception.live.facts import Facts
from pytest_isolation.inception.live.judge import ASKS
from pytest_isolation.inception.live.stack import SETTLE_S, Stack

COMPOSE = "srcs/docker-compose.yml"
NGINX = "srcs/requirements/nginx"


@dataclass(frozen=True)
class Mutant:
    edits: tuple[tuple[str, str, str], ...]
    """(file, what is there, what comes instead)"""
    says: dict[str, str]
    """Rule -> verdict, of all that do not pass."""
    does: Callable[[Stack, Facts], Facts] = lambda _, facts: facts
    """What else is looked at."""
    fresh: bool = False
    """Whether it shows only where nothing is stored yet."""
    settles: float = SETTLE_S
    """Seconds until it is looked at; of a stack that never answers, fewer."""


def crash(stack: Stack, facts: Facts) -> Facts:
    return replace(facts, crashes=stack.crash_all())


def stop(stack: Stack, facts: Facts) -> Facts:
    return replace(facts, stops=stack.stop_all())


def down_and_up(stack: Stack, facts: Facts) -> Facts:
    stack.store()
    assert stack.cycle().status == 0
    return replace(facts, kept=stack.kept(facts.site))


def make_again(stack: Stack, facts: Facts) -> Facts:
    return replace(facts, again=stack.make("again"))


OWN = "  mariadb:\n    <<: *common\n"
CONF, START = f"{NGINX}/conf/nginx.conf", "srcs/requirements/mariadb/tools/start.sh"
OF_NGINX, OF_MARIADB, OF_WORDPRESS = (f"    build: requirements/{one}\n" for one in ("nginx", "mariadb", "wordpress"))
OLD_TLS = "ssl_ciphers ALL:@SECLEVEL=0; ssl_protocols TLSv1.1 TLSv1.2"
ON_HOST = "  mariadb:\n    restart: always\n    env_file: .env\n    network_mode: host\n"
MARIADB, CHMOD = "srcs/requirements/mariadb/Dockerfile", "RUN chmod 755 /usr/local/bin/start\n"
CNF, POOL = "srcs/requirements/mariadb/conf/99-inception.cnf", "srcs/requirements/wordpress/conf/www.conf"
INSTALL, INSERT = "srcs/requirements/wordpress/tools/install.php", "wp_insert_user(["
SETS = "update_option('{}', 1);\n" + INSERT
ALTER = "ALTER USER 'root'@'localhost' IDENTIFIED BY '${root_password}';\n"
VIA = "VIA mysql_native_password USING PASSWORD('${root_password}')"
MAKEFILE, MAKES = "Makefile", "\t$(COMPOSE) up"
NOT_MADE = dict.fromkeys(ASKS, "unclear") | {"L12": "fail"}
UNASKED = dict.fromkeys(("L03", "L13", "L14"), "unclear")
NO_DATABASE = {"L02": "fail"} | UNASKED
TAGS = ("database:inception", "example.org/team/mariadb:inception")
"""Of images that are called otherwise than the reference's."""
BROKEN_S = 20
"""Enough for containers that end to be started again."""


def elsewhere(volume: str, target: str) -> tuple[tuple[str, str, str], ...]:
    """A volume without a place, at `target`: instead of the store, or beside it."""
    own = f"elsewhere:{target}"
    new = own if volume.endswith(target) else f"{volume}\n      - {own}"
    return (COMPOSE, f"- {volume}", f"- {new}"), (COMPOSE, "\nvolumes:\n", "\nvolumes:\n  elsewhere:\n")


MUTANTS = {
    "TLS 1.1 allowed": Mutant(((CONF, "ssl_protocols TLSv1.2", OLD_TLS),), {"L07": "fail"}),
    "port 80 open": Mutant(
        ((CONF, "listen 443 ssl;", "listen 443 ssl; listen 80;"),
         (COMPOSE, '- "443:443"', '- "443:443"\n      - "80:80"')), {"L02": "fail"},
    ),
    "no restart": Mutant(((COMPOSE, OF_NGINX, OF_NGINX + '    restart: "no"\n'),), {"L05": "fail"}, crash),
    "PID 1 is a shell": Mutant(
        ((f"{NGINX}/Dockerfile", 'CMD ["nginx", "-g", "daemon off;"]', "CMD nginx -g 'daemon off;'; true"),),
        {"L10": "advice"}, stop,
    ),
    "extra port": Mutant(((COMPOSE, OF_MARIADB, OF_MARIADB + '    ports: ["33060:3306"]\n'),), {"L06": "fail"}),
    "host network": Mutant(
        ((COMPOSE, OWN, ON_HOST),
         (COMPOSE, OF_WORDPRESS, OF_WORDPRESS + '    extra_hosts: ["mariadb:host-gateway"]\n')), {"L08": "fail"},
    ),
    "bind mount instead of a volume": Mutant(
        ((COMPOSE, "- mariadb:/var/lib/mysql", "- ${DATA}/mariadb:/var/lib/mysql"),), {"L15": "fail"},
    ),
    "admin user named admin": Mutant(
        (("srcs/.env", "WP_BOSS_LOGIN=captain", "WP_BOSS_LOGIN=TheAdmin"),), {"L13": "fail"}, fresh=True,
    ),
    "data not persistent": Mutant(
        ((START, "set -eu\n", "set -eu\nrm -rf /var/lib/mysql/* /var/lib/mysql/.i*\n"),), {"L04": "fail"},
        down_and_up, fresh=True,
    ),
    "wizard not finished": Mutant(
        (("srcs/requirements/wordpress/tools/start.sh", "php /opt/inception/install.php\n", ""),),
        # Of a site that is not set up nobody can say who its users are.
        {"L02": "fail", "L03": "unclear", "L13": "unclear", "L14": "unclear"}, fresh=True,
    ),
    # -- what students ask about in public, and what the stack then does
    "start script without x bit": Mutant(((MARIADB, CHMOD, ""),), NOT_MADE),
    "start script with CR LF": Mutant(((START, "#!/bin/sh\n", "#!/bin/sh\r\n"),), NOT_MADE),
    "MariaDB on loopback": Mutant(((CNF, "0.0.0.0", "127.0.0.1"),), NO_DATABASE, settles=BROKEN_S),
    "a secret that is not given": Mutant(
        ((COMPOSE, "[db_password, credentials]", "[credentials]"),), NO_DATABASE, settles=BROKEN_S
    ),
    "php-fpm on a socket": Mutant(
        ((POOL, "listen = 9000", "listen = /run/php/fpm.sock"),), {"L02": "fail", "L03": "fail"}, settles=BROKEN_S,
    ),
    "NGINX asks for nobody": Mutant(
        ((CONF, "fastcgi_pass wordpress", "fastcgi_pass php"),),
        {"L01": "fail", "L02": "fail", "L07": "fail"} | UNASKED, settles=BROKEN_S,
    ),
    "HTTP on port 443": Mutant(
        ((CONF, "listen 443 ssl;", "listen 443;"), (CONF, "listen [::]:443 ssl;", "listen [::]:443;")),
        {"L02": "fail", "L07": "fail", "L03": "fail"}, settles=BROKEN_S,
    ),
    "root has no password": Mutant(((START, ALTER, ""),), {"L14": "fail"}, fresh=True),
    # mariadb-install-db lets root in by the socket, too, and only ALTER USER takes that away
    "root has a password by SET PASSWORD": Mutant(
        ((START, ALTER, "SET PASSWORD FOR 'root'@'localhost' = PASSWORD('${root_password}');\n"),), {"L14": "fail"},
        fresh=True,
    ),
    "data in Docker's own directory": Mutant(elsewhere("mariadb:/var/lib/mysql", "/var/lib/mysql"), {"L11": "fail"}),
    "image by another name": Mutant(((COMPOSE, "image: mariadb:", "image: database:"),), {"L09": "fail"}),
    "make fails the second time": Mutant(
        ((MAKEFILE, MAKES, "\tmkdir srcs/once\n" + MAKES),), {"L16": "fail"}, make_again
    ),
    "visitors may not comment": Mutant(
        ((INSTALL, INSERT, SETS.format("comment_registration")),), {"L03": "fail"}, fresh=True
    ),
}  # fmt: skip
"""Each breaks its rule."""

LOOK_ALIKES = {
    "start script without x bit that sh reads": Mutant(
        ((MARIADB, CHMOD, ""), (MARIADB, '["start"]', '["sh", "/usr/local/bin/start"]')), {}
    ),
    "CR LF where NGINX takes it": Mutant(((CONF, "worker_processes auto;\n", "worker_processes auto;\r\n"),), {}),
    "MariaDB on every address": Mutant(((CNF, "0.0.0.0", "*"),), {}),
    "a secret by its long form": Mutant(
        ((COMPOSE, "[db_password, credentials]", "[{source: db_password, target: db_password}, credentials]"),), {}
    ),
    "php-fpm on every address": Mutant(((POOL, "listen = 9000", "listen = 0.0.0.0:9000"),), {}),
    "NGINX asks by an upstream": Mutant(
        ((CONF, "    server {", "    upstream php { server wordpress:9000; }\n    server {"),
         (CONF, "fastcgi_pass wordpress:9000", "fastcgi_pass php")), {},
    ),
    "TLS on port 443 of one address": Mutant(((CONF, "listen [::]:443 ssl;", ""),), {}),
    "root has a password by the plugin's name": Mutant(((START, "BY '${root_password}'", VIA),), {}, fresh=True),
    "logs in Docker's own directory": Mutant(elsewhere("mariadb:/var/lib/mysql", "/var/log/mysql"), {}),
    "image of a registry's name": Mutant(((COMPOSE, "image: mariadb:", "image: example.org/team/mariadb:"),), {}),
    "make makes a directory once": Mutant(((MAKEFILE, MAKES, "\tmkdir -p srcs/more\n" + MAKES),), {}, make_again),
    "comments wait for the author": Mutant(((INSTALL, INSERT, SETS.format("comment_moderation")),), {}, fresh=True),
}  # fmt: skip
"""Each looks like the broken one of the same place, and is right."""
