"""Further edits of the reference: scripts that scripts name, source, or find in a directory; SQL in templates and dumps."""

from __future__ import annotations

from tests.inception.mutants.edits import (
    CONF,
    INSTALL,
    MAKEFILE,
    MARIADB,
    MARIADB_START,
    NGINX,
    WORDPRESS,
    WORDPRESS_START,
    WP_CLI,
    Edit,
    breach,
    innocent,
)

TOOLS = "srcs/requirements/mariadb/tools/"
COPIED = "COPY tools/start.sh /usr/local/bin/start\n"
ENDLESS = "while true; do\n    sleep 60\ndone\n"
BOUNDED = 'n=0\nwhile true; do\n    n=$((n + 1))\n    [ "$n" -gt 3 ] && break\n    sleep 1\ndone\n'
MAIN = f'main() {{\n{ENDLESS}}}\n[ "${{0##*/}}" = lib.sh ] && main\n'
MAIN_IF = f'if [[ "${{BASH_SOURCE[0]}}" == "$0" ]]; then\n{ENDLESS}fi\n'
SHOWS = 'for part in a b; do\n    echo "$part"\ndone\n'
BACKGROUND = "watch() {\n    df /var/lib/mysql > /dev/null &\n}\n"
FOREGROUND = "watch() {\n    df /var/lib/mysql > /dev/null && echo enough\n}\n"


def beside(text: str, lines: str, target: str = "/usr/local/bin/lib.sh") -> tuple[Edit, ...]:
    """MariaDB's image has one script more, and its start script these lines."""
    return (
        (MARIADB, COPIED, f"{COPIED}COPY tools/lib.sh {target}\n"),
        (f"{TOOLS}lib.sh", None, text),
        (MARIADB_START, "set -eu\n", f"set -eu\n{lines}"),
    )


def parts(text: str, lines: str) -> tuple[Edit, ...]:
    """The start script goes through a directory."""
    return (
        (MARIADB, COPIED, f"{COPIED}COPY tools/start.d/ /start.d/\n"),
        (f"{TOOLS}start.d/10-first.sh", None, "echo first\n"),
        (f"{TOOLS}start.d/90-last.sh", None, text),
        (MARIADB_START, "set -eu\n", f"set -eu\n{lines}"),
    )


SQL = """FLUSH PRIVILEGES;
CREATE DATABASE IF NOT EXISTS ${MYSQL_DATABASE};
CREATE USER IF NOT EXISTS '${MYSQL_USER}'@'%' IDENTIFIED BY '${user_password}';
GRANT ALL ON ${MYSQL_DATABASE}.* TO '${MYSQL_USER}'@'%';
"""
ROOT = "ALTER USER 'root'@'localhost' IDENTIFIED BY '${root_password}';\n"
TEMPLATE_START = """#!/bin/sh
set -eu
if [ ! -d /var/lib/mysql/mysql ]; then
    mariadb-install-db --user=mysql --datadir=/var/lib/mysql --skip-test-db > /dev/null
    user_password=$(cat /run/secrets/db_password)
    root_password=$(cat /run/secrets/db_root_password)
    export user_password root_password
    envsubst < /etc/mysql/init.sql.in | mariadbd --user=mysql --bootstrap
fi
exec "$@"
"""


def template(sql: str) -> tuple[Edit, ...]:
    return (
        (MARIADB, "mariadb-server \\\n", "mariadb-server gettext-base \\\n"),
        (MARIADB, COPIED, f"{COPIED}COPY tools/init.sql.in /etc/mysql/\n"),
        (f"{TOOLS}init.sql.in", None, sql),
        (MARIADB_START, None, TEMPLATE_START),
    )


def dumped(login: str, second: str = "subscriber", word: str = "''") -> tuple[Edit, ...]:
    """The site comes with an SQL dump."""
    return (
        (MARIADB, COPIED, f"{COPIED}COPY tools/site.sql /srv/\n"),
        (
            MARIADB_START,
            "FLUSH PRIVILEGES;\nEOF\n",
            "FLUSH PRIVILEGES;\nEOF\n    mariadbd --user=mysql --bootstrap < /srv/site.sql\n",
        ),
        (WORDPRESS_START, WP_CLI, "true"),
        (WORDPRESS, "tools/wp-config.php tools/install.php", "tools/wp-config.php"),
        (INSTALL, None, None),
        (
            f"{TOOLS}site.sql",
            None,
            "USE wordpress;\nCREATE TABLE `blog_users` (ID bigint, user_login varchar(60));\n"
            f"INSERT INTO `blog_users` (`ID`, `user_pass`, `user_login`) VALUES (1, {word}, '{login}'),\n(2, '', 'it''s admin');\n"
            "INSERT INTO `blog_usermeta` VALUES "
            "(7,1,'blog_capabilities','a:1:{s:13:\"administrator\";b:1;}'),"
            f"(8,2,'blog_capabilities','a:1:{{s:10:\"{second}\";b:1;}}');\n",
        ),
    )


def by_argument(login: str) -> tuple[Edit, ...]:
    """A build argument gives the login, and sed puts it into the configuration."""
    return (
        (NGINX, "FROM debian:bookworm\n", f"FROM debian:bookworm\nARG LOGIN\nARG WHO={login}\n"),
        (NGINX, "COPY conf/nginx.conf /etc/nginx/nginx.conf\n",
         "COPY conf/nginx.conf /etc/nginx/nginx.conf\nRUN sed -i \"s/__LOGIN__/${WHO}/\" /etc/nginx/nginx.conf\n"),
        (CONF, "server_name student.42.fr;", "server_name __LOGIN__.42.fr;"),
    )  # fmt: skip


def by_script(lines: str) -> tuple[Edit, ...]:
    return (
        (MAKEFILE, "$(COMPOSE) up --detach --build", "./run.sh start"),
        (MAKEFILE, "COMPOSE = docker compose -f srcs/docker-compose.yml\n", "COMPOSE = ./run.sh\n"),
        ("run.sh", None, f"#!/bin/bash\nset -e\n{lines}"),
    )


FOLLOWED = (
    breach("D07", "a sourced function leaves a program behind", *beside(BACKGROUND, '. "$(dirname "$0")/lib.sh"\nwatch\n')),
    innocent("D07", "a sourced function that nobody calls", *beside(BACKGROUND, '. "$(dirname "$0")/lib.sh"\n')),
    innocent("D07", "a sourced function in the foreground", *beside(FOREGROUND, ". /usr/local/bin/lib.sh\nwatch\n")),
    breach("D06", "a sourced file goes on for ever", *beside(ENDLESS, 'here="$(cd "$(dirname "$0")" && pwd)"\n. "$here/lib.sh"\n')),
    breach("D06", "a sourced file by a path from $0", *beside(ENDLESS, '. "${0%/*}/lib.sh"\n')),
    innocent("D06", "a sourced file that waits", *beside(BOUNDED, '. "${0%/*}/lib.sh"\n')),
    breach("D06", "a program in quotes", *beside(ENDLESS, '"/usr/local/bin/lib.sh"\n'), also={}),
    innocent("D06", "a program in quotes that waits", *beside(BOUNDED, '"/usr/local/bin/lib.sh"\n')),
    breach("D06", "a script of /usr/local/sbin by its name", *beside(ENDLESS, "lib.sh\n", "/usr/local/sbin/lib.sh")),
    breach("D06", "a loop over a directory sources it", *parts(ENDLESS, 'for part in /start.d/*.sh; do\n    . "$part"\ndone\n')),
    innocent("D06", "a loop over a directory of others", *parts(ENDLESS, 'for part in /start.d/1*.sh; do\n    . "$part"\ndone\n')),
    breach("D06", "what find finds is run",
           *parts(ENDLESS, "find /start.d -type f | sort | while read -r part; do\n    sh \"$part\"\ndone\n")),
    innocent("D06", "what find finds is run, and waits",
             *parts(BOUNDED, "find /start.d -type f | sort | while read -r part; do\n    sh \"$part\"\ndone\n")),
    innocent("D06", "what find finds is shown",
             *parts(ENDLESS, "find /start.d -type f | sort | while read -r part; do\n    cat \"$part\"\ndone\n")),
    breach("D06", "the first of two loops with one variable",
           *parts(ENDLESS, f'for part in /start.d/*.sh; do\n    . "$part"\ndone\n{SHOWS}')),
    innocent("D06", "two loops with one variable, the first waits",
             *parts(BOUNDED, f'for part in /start.d/*.sh; do\n    . "$part"\ndone\n{SHOWS}')),
    breach("D06", "what find finds is run, and a list of the same name",
           *parts(ENDLESS, f'find /start.d -type f | while read -r part; do\n    sh "$part"\ndone\n{SHOWS}')),
    innocent("D06", "what find finds is shown, and a list of the same name is run",
             *parts(ENDLESS, 'find /start.d -type f | while read -r part; do\n    cat "$part"\ndone\n'
                    'for part in /start.d/1*.sh; do\n    sh "$part"\ndone\n')),
    innocent("D06", "a library that goes on for ever when it is executed", *beside(MAIN, ". /usr/local/bin/lib.sh\n")),
    innocent("D06", "a library that goes on for ever when it is executed, by if",
             *beside(MAIN_IF, ". /usr/local/bin/lib.sh\n")),
    breach("D06", "a library whose main is called", *beside(MAIN, ". /usr/local/bin/lib.sh\nmain\n")),
    breach("D06", "a library is executed", *beside(MAIN, "lib.sh\n")),
    breach("D06", "a library that goes on for ever by another condition",
           *beside(MAIN.replace('"${0##*/}"', '"${WATCH:-lib.sh}"'), ". /usr/local/bin/lib.sh\n")),
    breach("D06", "run-parts", *parts(ENDLESS, "run-parts --regex '.*' /start.d\n")),
    innocent("G16", "a sourced file sets it", *beside("COLOUR=blue\n", '. "$(dirname "$0")/lib.sh"\necho "$COLOUR"\n')),
    breach("G16", "a sourced file sets another", *beside("COLOR=blue\n", '. "$(dirname "$0")/lib.sh"\necho "$COLOUR"\n')),
    breach("G05", "a sourced file reads a secret that is not given",
           *beside("more=$(cat /run/secrets/more)\n", '. "$(dirname "$0")/lib.sh"\n')),
    innocent("W06", "SQL in a template", *template(SQL + ROOT)),
    breach("W06", "SQL in a template, and none for root", *template(SQL)),
    breach("P05", "a password in a template of SQL",
           *template((SQL + ROOT).replace("${user_password}", "Rz8vQ2mN4"))),
    innocent("W01", "a dump whose second user is called admin", *dumped("captain")),
    breach("W01", "a dump's administrator", *dumped("theAdmin")),
    breach("W01", "a dump's second administrator", *dumped("captain", "administrator")),
    breach("W01", "a dump with calls of functions", *dumped("theAdmin", word="MD5('x(')")),
    innocent("W01", "a dump with calls of functions, and no admin", *dumped("captain", word="SHA2(CONCAT('admin', NOW()), 256)")),
    innocent("N04", "a name by a build argument", *by_argument("student")),
    breach("N04", "another name by a build argument", *by_argument("teacher")),
    innocent("S05", "a script whose array is docker compose",
             *by_script('compose=(docker compose -f srcs/docker-compose.yml)\n"${compose[@]}" up --build -d\n')),
    breach("S05", "a script whose array is podman-compose",
           *by_script('compose=(podman-compose -f srcs/docker-compose.yml)\n"${compose[@]}" up --build -d\n'),
           also={"S06": "fail"}),
)  # fmt: skip
