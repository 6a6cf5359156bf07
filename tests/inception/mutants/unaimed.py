"""Further edits of the reference: what whole submissions, written as students of several schools write, taught."""

from __future__ import annotations

from tests.inception.mutants.edits import (
    CHMOD,
    COMPOSE,
    CONF,
    ENV,
    MAKEFILE,
    MARIADB,
    MARIADB_START,
    WORDPRESS,
    WP_INSTALL,
    Edit,
    breach,
    innocent,
    wp,
)

CNF = "srcs/requirements/mariadb/conf/99-inception.cnf"
SETUP = "srcs/setup.sh"
FED = "    mariadbd --user=mysql --bootstrap << EOF\n"
VOLUME = "      - wordpress:/var/www/html\n"
BOUND = "      - type: bind\n        source: ${DATA}/wordpress\n        target: /var/www/html\n"


def alpines(more: str) -> tuple[Edit, ...]:
    """MariaDB on Alpine, whose own file has skip-networking, and what a build makes of its configuration."""
    return (
        (
            MARIADB,
            None,
            "FROM alpine:3.23\n\nRUN apk add --no-cache mariadb mariadb-client && mkdir -p /run/mysqld \\\n"
            f"    && chown mysql:mysql /run/mysqld && {more}\n\nCOPY tools/start.sh /usr/local/bin/start\n{CHMOD}\n"
            'ENTRYPOINT ["start"]\nCMD ["mariadbd", "--user=mysql"]\n',
        ),
        (CNF, None, None),
    )


def fed(text: str) -> tuple[Edit, ...]:
    """The SQL of the first start, piped into --bootstrap."""
    body = (
        "FLUSH PRIVILEGES;\nCREATE DATABASE IF NOT EXISTS \\`${MYSQL_DATABASE}\\`;\n"
        "CREATE USER IF NOT EXISTS '${MYSQL_USER}'@'%' IDENTIFIED BY '${user_password}';\n"
        "GRANT ALL ON \\`${MYSQL_DATABASE}\\`.* TO '${MYSQL_USER}'@'%';\n"
        "ALTER USER 'root'@'localhost' IDENTIFIED BY '${root_password}';\nFLUSH PRIVILEGES;\nEOF\n"
    )
    return ((MARIADB_START, FED + body, text),)


def printed(*first: str) -> str:
    lines = (
        *first,
        "CREATE DATABASE \\`$MYSQL_DATABASE\\`;",
        "CREATE USER '$MYSQL_USER'@'%' IDENTIFIED BY '$user_password';",
        "GRANT ALL ON \\`$MYSQL_DATABASE\\`.* TO '$MYSQL_USER'@'%';",
        "ALTER USER root@localhost IDENTIFIED BY '$root_password';",
    )
    return (
        "    {\n" + "".join(f'        echo "{one}"\n' for one in lines) + "    } | mariadbd --user=mysql --bootstrap\n"
    )


def by_script(boss: str, call: str = "./srcs/setup.sh student") -> tuple[Edit, ...]:
    """No .env: a script that make calls writes it, with what it is handed."""
    text = (
        '#!/bin/sh\nset -e\nlogin="$1"\ncd "$(dirname "$0")"\n[ -f .env ] || cat > .env <<EOF\nDOMAIN_NAME=$login.42.fr\n'
        "DATA=/home/$login/data\nMYSQL_DATABASE=wordpress\nMYSQL_USER=wp\nWP_TITLE=Inception\n"
        f"WP_BOSS_LOGIN={boss}\nWP_BOSS_EMAIL=b@student.42.fr\nWP_WRITER_LOGIN=scribe\nWP_WRITER_EMAIL=w@student.42.fr\nEOF\n"
    )
    return (
        *wp(WP_INSTALL),
        (ENV, None, None),
        ("srcs/.env.example", None, None),
        (SETUP, None, text),
        (MAKEFILE, "\tcp srcs/.env.example srcs/.env\n", f"\t{call}\n"),
    )


def without_x(more: str) -> tuple[Edit, ...]:
    return ((WORDPRESS, CHMOD, more),)


def in_background(start: str) -> tuple[Edit, ...]:
    return (
        (MARIADB, 'ENTRYPOINT ["start"]\nCMD ["mariadbd", "--user=mysql"]', 'ENTRYPOINT ["start"]'),
        (MARIADB_START, 'exec "$@"', start),
    )


def secret(lines: str) -> tuple[Edit, ...]:
    text = f"#!/bin/sh\nset -e\nmkdir -p secrets\n{lines}\n"
    return (
        (MAKEFILE, "\topenssl rand -hex 16 > $@\n", "\tsh srcs/secrets.sh\n"),
        ("srcs/secrets.sh", None, text),
    )


UNAIMED = (
    breach("G02", "a file beside Alpine's that says nothing of the network",
           *alpines("printf '[mysqld]\\nbind-address=0.0.0.0\\n' > /etc/my.cnf.d/docker.cnf")),
    innocent("G02", "a file beside Alpine's that takes connections",
             *alpines("printf '[mysqld]\\nskip-networking=0\\n' > /etc/my.cnf.d/docker.cnf")),
    innocent("G02", "Alpine's own file is written anew",
             *alpines("printf '[mysqld]\\nbind-address=0.0.0.0\\n' > /etc/my.cnf.d/mariadb-server.cnf")),
    innocent("G02", "Alpine's files are taken away", *alpines("rm -f /etc/my.cnf.d/*")),
    breach("D10", "the service manager alone starts the database", *in_background("service mariadb start\nsleep infinity"),
           also={"D06": "fail", "D08": "advice"}),
    innocent("D10", "the daemon after all", *in_background("exec mariadbd --user=mysql")),
    breach("C11", "the site bound into one container, the volume of that place in the other", (COMPOSE, VOLUME, BOUND)),
    breach("G14", "root elsewhere than the volume of that place", (COMPOSE, VOLUME, BOUND),
           (CONF, "root /var/www/html;", "root /srv/site;"), also={"C11": "fail"}),
    breach("G01", "COPY --chmod of another file", *without_x("COPY --chmod=755 tools/wp-config.php /usr/local/bin/wait\n")),
    innocent("G01", "COPY --chmod of its directory", *without_x("COPY --chmod=755 tools/ /usr/local/bin/\n"),
             (WORDPRESS, "/usr/local/bin/start\n", "/usr/local/bin/start.sh\n"), (WORDPRESS, '["start"]', '["start.sh"]')),
    innocent("G01", "COPY --chmod of a pattern", *without_x("COPY --chmod=755 tools/*.sh /usr/local/bin/\n"),
             (WORDPRESS, '["start"]', '["start.sh"]')),
    breach("W01", "a script that make calls writes the .env", *by_script("admin_$login")),
    innocent("W01", "a script that make calls writes the .env, without admin", *by_script("captain_$login")),
    breach("P05", "a function prints what becomes a secret", *secret(
        "word() { echo 'Rz8vQ2mN4'; }\nfor n in db_password db_root_password credentials; do :; done\n"
        "word > secrets/db_password.txt\nword > secrets/db_root_password.txt\nword > secrets/credentials.txt")),
    innocent("P05", "a function makes what becomes a secret", *secret(
        "word() { openssl rand -hex 12; }\nword > secrets/db_password.txt\nword > secrets/db_root_password.txt\n"
        "word > secrets/credentials.txt\necho 'Rz8vQ2mN4 is none' > /dev/null")),
    breach("G06", "echo in braces piped into --bootstrap", *fed(printed())),
    innocent("G06", "echo in braces piped into --bootstrap, FLUSH first", *fed(printed("FLUSH PRIVILEGES;"))),
    breach("G06", "a here-string for --bootstrap", *fed(
        "    mariadbd --user=mysql --bootstrap <<< \"CREATE USER x@localhost IDENTIFIED BY '$user_password';\n"
        "ALTER USER root@localhost IDENTIFIED BY '$root_password';\"\n")),
)  # fmt: skip
