"""Further edits of the reference: what whole submissions, written as students of several schools write, taught."""

from __future__ import annotations

from tests.inception.mutants.edits import (
    CHMOD,
    COMPOSE,
    CONF,
    COPY_CONF,
    ENV,
    MAKEFILE,
    MARIADB,
    MARIADB_START,
    MKDIR,
    NGINX,
    OF_NGINX,
    WORDPRESS,
    WORDPRESS_START,
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


LINES = (
    "CREATE DATABASE %s;\\n' \"$MYSQL_DATABASE",
    "CREATE USER '\\''%s'\\''@'\\''%%'\\'' IDENTIFIED BY '\\''%s'\\'';\\n' \"$MYSQL_USER\" \"$user_password",
    "ALTER USER root@localhost IDENTIFIED BY '\\''%s'\\'';\\n' \"$root_password",
)


def in_file(*first: str) -> str:
    """SQL that printf writes line by line, and --bootstrap reads."""
    said = [*first, *(f"printf '{line}\"" for line in LINES)]
    lines = "".join(f"    {one} >> /tmp/first.sql\n" for one in said)
    return f"{lines}    mariadbd --user=mysql --bootstrap < /tmp/first.sql\n"


def built_for(domain: str) -> tuple[Edit, ...]:
    """The site's name is put in when the image is built."""
    line = "COPY conf/nginx.conf /tmp/nginx.conf\nARG DOMAIN_NAME\n"
    line += "RUN DOMAIN_NAME=$DOMAIN_NAME envsubst '$DOMAIN_NAME' < /tmp/nginx.conf > /etc/nginx/nginx.conf\n"
    return (
        (NGINX, COPY_CONF, line),
        (CONF, "server_name student.42.fr", "server_name ${DOMAIN_NAME}"),
        (COMPOSE, OF_NGINX, f"    build: {{context: requirements/nginx, args: {{DOMAIN_NAME: {domain}}}}}\n"),
    )


def snippet(lines: str) -> tuple[Edit, ...]:
    """What NGINX tells php-fpm stands in a file of its own."""
    old = (
        "            include /etc/nginx/fastcgi_params;\n"
        "            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;\n"
        "            fastcgi_pass wordpress:9000;\n"
    )
    return (
        (CONF, old, "            include snippets/site-php.conf;\n"),
        ("srcs/requirements/nginx/conf/site-php.conf", None, f"{lines}fastcgi_pass wordpress:9000;\n"),
        (NGINX, COPY_CONF, f"{COPY_CONF}COPY conf/site-php.conf /etc/nginx/snippets/site-php.conf\n"),
    )


WHICH = (MAKEFILE, "COMPOSE = docker compose", "COMPOSE = $(shell command -v docker-compose || echo docker compose)")
ASKS = 'secret() {\n    if [ ! -r "/run/secrets/$1" ]; then\n        echo "no $1" >&2\n        %s\n    fi\n    cat "/run/secrets/$1"\n}\n'
THROUGH = 'site() { wp --allow-root "$@"; }\nperson() { site user create "$1" "$1@x.org" --role="$2"; }\n'


def at_start(line: str) -> Edit:
    return WORDPRESS_START, "php /opt/inception/install.php", f"{line}\nphp /opt/inception/install.php"


UNAIMED = (
    breach("G02", "a file beside Alpine's that says nothing of the network",
           *alpines("printf '[mysqld]\\nbind-address=0.0.0.0\\n' > /etc/my.cnf.d/docker.cnf")),
    breach("G02", "a file that is read before Alpine's takes connections",
           *alpines("printf '[mysqld]\\nskip-networking=0\\n' > /etc/my.cnf.d/docker.cnf")),
    innocent("G02", "a file that is read after Alpine's takes connections",
             *alpines("printf '[mysqld]\\nskip-networking=0\\n' > /etc/my.cnf.d/zz-docker.cnf")),
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
    breach("G06", "printf writes a file for --bootstrap", *fed(in_file())),
    innocent("G06", "printf writes a file for --bootstrap, FLUSH first", *fed(in_file("echo 'FLUSH PRIVILEGES;'"))),
    breach("N04", "a build argument is another name than the variable of the container", *built_for("www.other.org")),
    innocent("N04", "a build argument is the variable of the container", *built_for('"${DOMAIN_NAME}"')),
    breach("G07", "a file that is included names no script", *snippet("include fastcgi_params;\n")),
    innocent("G07", "a file that is included names the script",
             *snippet("include fastcgi_params;\nfastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;\n")),
    innocent("G07", "a file that is included includes one that does", *snippet("include fastcgi.conf;\n")),
    innocent("S05", "the shell finds out which compose there is", WHICH),
    breach("E02", "the shell finds out which compose there is, and no directory", WHICH, (MAKEFILE, MKDIR, "")),
    breach("G05", "a script sources a secret", at_start(". /run/secrets/site")),
    innocent("G05", "a script sources a secret that is there", at_start("[ -f /run/secrets/site ] && . /run/secrets/site")),
    breach("G05", "a function ends the script without the secret", at_start(ASKS % "exit 1" + "token=$(secret site)")),
    innocent("G05", "a function does without the secret", at_start(ASKS % "return 0" + "token=$(secret site)")),
    breach("W01", "an administrator through two functions", *wp(f"{WP_INSTALL}\n{THROUGH}person SuperAdmin administrator")),
    innocent("W01", "an administrator and an author through two functions",
             *wp(f"{WP_INSTALL}\n{THROUGH}person bruno administrator\nperson not_admin author")),
    breach("G01", "COPY --chmod without x", *without_x(""), (WORDPRESS, "COPY tools/start.sh", "COPY --chmod=0644 tools/start.sh")),
    innocent("G01", "COPY --chmod with x for its owner", *without_x(""), (WORDPRESS, "COPY tools/start.sh", "COPY --chmod=0744 tools/start.sh")),
    breach("G02", "a file beside Debian's without an address", (CNF, "bind-address = 0.0.0.0\n", "")),
    innocent("G02", "a file instead of Debian's without an address", (CNF, "bind-address = 0.0.0.0\n", ""),
             (MARIADB, "mariadb.conf.d/99-inception.cnf\n", "mariadb.conf.d/50-server.cnf\n")),
    breach("G04", "packages by a version in ARG", (WORDPRESS, "FROM debian:bookworm\n", "FROM debian:bookworm\nARG PHP=8.2\n"),
           (WORDPRESS, "php8.2-fpm php8.2-mysql wordpress \\\n        wordpress-theme-twentytwentythree", "php$PHP-fpm php$PHP-curl"), *wp(WP_INSTALL)),
    innocent("G04", "packages by a version in ARG, mysql among them", (WORDPRESS, "FROM debian:bookworm\n", "FROM debian:bookworm\nARG PHP=8.2\n"),
             (WORDPRESS, "php8.2-fpm php8.2-mysql wordpress \\\n        wordpress-theme-twentytwentythree", "php$PHP-fpm php$PHP-mysql"), *wp(WP_INSTALL)),
)  # fmt: skip
