"""Further edits of the reference: what odd submissions, and generated ones, taught."""

from __future__ import annotations

from textwrap import indent

from tests.inception.mutants.edits import (
    AS_CONFIG,
    CHMOD,
    COMPOSE,
    CONF,
    MAKEFILE,
    MARIADB,
    MARIADB_START,
    NGINX,
    Edit,
    breach,
    innocent,
)
from tests.inception.support import REFERENCE

READ_MORE = "read_more() {\n    more=$(cat /run/secrets/more)\n}\n\n"
OPENSSL = (
    " \\\n    && openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=student.42.fr \\\n"
    "        -keyout /etc/nginx/tls/site.key -out /etc/nginx/tls/site.crt"
)
NAMED = (NGINX, "FROM debian:bookworm\n", "FROM debian:bookworm AS common\nLABEL project=inception\n\nFROM common\n")

TLS_LINES = "ssl_certificate /etc/nginx/tls/site.crt;\n        ssl_certificate_key /etc/nginx/tls/site.key;"

AS_ROOT = (MARIADB, '["mariadbd", "--user=mysql"]', '["mariadbd"]')

LAST = {"D09": "advice"}
NGINX_CONF = (REFERENCE / CONF).read_text()
START = (REFERENCE / MARIADB_START).read_text().replace("EOF", "SQL")


AS_TEXT = (
    *AS_CONFIG,
    (
        COMPOSE,
        "    file: requirements/nginx/conf/nginx.conf\n",
        "    content: |\n" + indent(NGINX_CONF.replace("$", "$$"), "      "),
    ),
    (CONF, None, None),
)


def script_of_nginx(lines: str) -> tuple[Edit, ...]:
    """NGINX's container starts this."""
    return (
        (
            NGINX,
            'CMD ["nginx", "-g", "daemon off;"]',
            'COPY tools/go.sh /go.sh\nRUN chmod +x /go.sh\nENTRYPOINT ["/go.sh"]',
        ),
        ("srcs/requirements/nginx/tools/go.sh", None, f"#!/bin/sh\n{lines}"),
    )


def in_dockerfile(word: str, text: str) -> tuple[Edit, ...]:
    """MariaDB's start script as a here-document of COPY."""
    return (
        (MARIADB, "COPY tools/start.sh /usr/local/bin/start\n", f"COPY <<{word} /usr/local/bin/start\n{text}EOF\n"),
        (MARIADB_START, None, None),
    )


ODD = (
    # -- functions that every start calls, and those that need not be called
    breach("G05", "a secret that a function reads", (MARIADB_START, "set -eu\n", f"set -eu\n{READ_MORE}read_more\n")),
    breach("G05", "a secret that a function of a function reads",
           (MARIADB_START, "set -eu\n", f"set -eu\n{READ_MORE}main() {{\n    read_more\n}}\n\nmain\n")),
    innocent("G05", "a secret that a function reads, where it is there",
             (MARIADB_START, "set -eu\n", f"set -eu\n{READ_MORE}[ ! -e /run/secrets/more ] || read_more\n")),
    innocent("G05", "a secret that a function reads, which nobody calls", (MARIADB_START, "set -eu\n", f"set -eu\n{READ_MORE}")),
    # -- a certificate where all that is put into the image is in sight
    breach("N06", "nothing makes it, and the base has a name", NAMED, (NGINX, OPENSSL, "")),
    innocent("N06", "made, and the base has a name", NAMED),
    breach("N06", "nothing makes it, and the configuration is a config", *AS_CONFIG, (NGINX, OPENSSL, "")),
    innocent("N06", "nothing makes it here, and a secret brings it", *AS_CONFIG, (NGINX, OPENSSL, ""), (CONF, TLS_LINES, TLS_LINES.replace("/etc/nginx/tls", "/run/secrets"))),
    # -- a configuration whose text stands in the compose file
    breach("G20", "user nginx on Debian, in a config's text", *AS_TEXT, (COMPOSE, "user www-data;", "user nginx;")),
    innocent("G20", "the distribution's user in a config's text", *AS_TEXT),
    # -- passwords among the words of a command
    breach("P05", "a password in the test of a container's health",
           (COMPOSE, '["CMD", "mariadb-admin", "ping", "--silent"]', "mysqladmin ping -uroot -pInc3ptionRoot --silent")),
    breach("P05", "a password in a list of words", (COMPOSE, '"ping", "--silent"]', '"-uroot", "--password=Inc3ptionRoot", "ping"]')),
    innocent("P05", "the test of a container's health with its variable",
             (COMPOSE, '["CMD", "mariadb-admin", "ping", "--silent"]', "mysqladmin ping -uroot -p$$MYSQL_ROOT_PASSWORD -P 3306 --silent")),
    breach("P05", "a password that a start script gives a client", (MARIADB_START, 'exec "$@"', 'mysqladmin -uroot -pInc3ptionRoot ping || true\nexec "$@"')),
    innocent("P05", "a client asks for the password", (MARIADB_START, 'exec "$@"', 'mysqladmin -uroot -p ping < /dev/null || true\nexec "$@"')),
    breach("P05", "a password in a recipe of the Makefile", (MAKEFILE, "\nre: fclean all", "\nsql:\n\t$(COMPOSE) exec mariadb true; mysqldump -uroot -pInc3ptionRoot wp\n\nre: fclean all")),
    breach("P01", "a password that RUN gives a client", (NGINX, "COPY conf", "RUN mysql -uroot -pInc3ptionRoot -e 'select 1' || true\nCOPY conf")),
    # -- loops and sleeps that end as little as the usual ones
    *(
        breach("D06", name, *script_of_nginx(f"nginx\n{line}\n"), also={"D10": "fail"} | also)
        for name, line, also in (
            ("a sleep of days", "sleep 365d", {}),
            ("a sleep of years, in seconds", "exec sleep 2147483647", {}),
            ("while sleep", "while sleep 3600; do :; done", LAST),
            ("until what is never true", "until [ 1 = 2 ]; do sleep 9; done", LAST),
            ("while what is always true", "while [ 1 -eq 1 ]; do sleep 9; done", LAST),
            ("watch", "watch -n 60 true", {}),
        )
    ),
    *(
        innocent("D06", name, *script_of_nginx(f"{line}\nexec nginx -g 'daemon off;'\n"))
        for name, line in (
            ("a sleep of seconds", "sleep 10"),
            ("until a value is another", 'n=0\nuntil [ "$n" = 3 ]; do n=$((n + 1)); sleep 1; done'),
            ("a loop of sleeps with an end", "for n in 1 2 3; do sleep 1; done"),
            ("while sleep, and a way out", "while sleep 1; do [ -d /var/www/html ] && break; done"),
            ("a test of constants that holds at once", "until [ 1 = 1 ]; do sleep 1; done"),
        )
    ),
    # -- files whose text stands in a Dockerfile
    innocent("T03", "a start script in the Dockerfile", *in_dockerfile('"EOF"', START)),
    breach("D06", "a loop in a start script of the Dockerfile", *in_dockerfile("'EOF'", START.replace('exec "$@"', "while true; do sleep 1; done")),
           also=LAST),
    breach("P01", "a password in a start script of the Dockerfile", *in_dockerfile('"EOF"', START.replace("set -eu\n", "set -eu\nDB_PASSWORD=Rz8vQ2mN4\n"))),
    breach("W06", "the builder puts its own variables in, and has none", *in_dockerfile("EOF", START)),
    innocent("G16", "the builder leaves what is escaped", *in_dockerfile("EOF", START.replace("\\`", "\\\\`").replace("${", "\\${").replace('$@', '\\$@').replace("$(", "\\$("))),
    breach("N01", "an old version in a configuration of the Dockerfile", (NGINX, "COPY conf/nginx.conf /etc/nginx/nginx.conf\n",
           f"COPY <<'CONF' /etc/nginx/nginx.conf\n{NGINX_CONF.replace('TLSv1.2 TLSv1.3', 'TLSv1.1 TLSv1.2')}CONF\n"), (CONF, None, None)),
    # -- templates of SQL
    innocent("P05", "words that stand for values in SQL",
             ("srcs/requirements/mariadb/tools/init.sql", None, "CREATE USER '__USER__'@'%' IDENTIFIED BY '__PASS__';\nALTER USER root@localhost IDENTIFIED BY '@ROOT_PASS@';\n"),
             (MARIADB, CHMOD, CHMOD + "COPY tools/init.sql /opt/init.sql\n")),
    breach("P05", "a value in SQL beside words that stand for values",
           ("srcs/requirements/mariadb/tools/init.sql", None, "CREATE USER '__USER__'@'%' IDENTIFIED BY 'Inc3ption_Wp';\n"),
           (MARIADB, CHMOD, CHMOD + "COPY tools/init.sql /opt/init.sql\n")),
    # -- a script that begins again as another user
    innocent("G18", "the script begins again as mysql", AS_ROOT,
             (MARIADB_START, "set -eu\n", 'set -eu\nif [ "$(id -u)" = 0 ]; then\n    exec gosu mysql "$0" "$@"\nfi\n')),
    breach("G18", "another program runs as mysql", AS_ROOT, (MARIADB_START, "set -eu\n", "set -eu\ngosu mysql true\n")),
)  # fmt: skip
