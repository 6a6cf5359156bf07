"""Further edits of the reference: what submissions written to mislead taught.  Credentials that are handed on, decoded
or kept as a default; what make exports; directories that its shell does not make."""

from __future__ import annotations

from tests.inception.mutants.edits import (
    CHMOD,
    COMPOSE,
    ENV,
    MAKEFILE,
    MARIADB,
    MARIADB_START,
    MKDIR,
    README,
    WORDPRESS_START,
    WP_INSTALL,
    Edit,
    breach,
    innocent,
    wp,
)

SET = "set -eu\n"
NGINX_CONF = "srcs/requirements/nginx/conf/nginx.conf"
CONF = "srcs/requirements/mariadb/conf/99-inception.cnf"
DATA = "DATA=/home/student/data\n"
BY_FILE = "  env_file: .env\n"
RECIPE = "\nre: fclean all"
COMPOSE_UP = "\t$(COMPOSE) up --detach --build\n"
ENCODED = "TVlTUUxfUEFTU1dPUkQ9Uno4dlEybU40Cg==\n"
"""MYSQL_PASSWORD=Rz8vQ2mN4"""
ARRAY = """install_site() {{
    local -a options=(
        --url="https://$DOMAIN_NAME"
        --title="Le site"  # en clair
        --admin_user="{login}"
        --admin_email="$WP_BOSS_EMAIL"
    )
    options+=(--admin_password="$(cat /run/secrets/credentials)")
    wp core install --allow-root "${{options[@]}}"
}}
install_site
wp user create --allow-root "$WP_WRITER_LOGIN" "$WP_WRITER_EMAIL" --role=author"""
BASH: Edit = (WORDPRESS_START, "#!/bin/sh\n", "#!/bin/bash\n")
FPM = 'exec "$(command -v php-fpm8.2)" {}'
OF_WORDPRESS: Edit = ("srcs/requirements/wordpress/Dockerfile", 'CMD ["php-fpm8.2", "-F"]\n', "")


def start(line: str) -> Edit:
    """A line of MariaDB's start script."""
    return MARIADB_START, SET, f"{SET}{line}\n"


def recipe(line: str) -> Edit:
    return MAKEFILE, RECIPE, f"{RECIPE}\n\t{line}"


def exported(line: str, *more: Edit) -> tuple[Edit, ...]:
    """The volumes' place is what make exports; no .env has it."""
    return (
        (MAKEFILE, "COMPOSE =", f"{line}\nCOMPOSE ="),
        (MAKEFILE, MKDIR, "\tmkdir -p /home/student/data/mariadb /home/student/data/wordpress\n"),
        ("srcs/.env.example", DATA, ""),
        (ENV, DATA, ""),
        *more,
    )


def made(line: str, *more: Edit) -> tuple[Edit, ...]:
    return ((MAKEFILE, MKDIR, f"\t{line}\n"), *more)


LITERAL_DATA: tuple[Edit, ...] = (
    (COMPOSE, "${DATA}/mariadb", "/home/student/data/mariadb"),
    (COMPOSE, "${DATA}/wordpress", "/home/student/data/wordpress"),
)

HANDED = (
    # -- what a variable is when nothing else sets it
    breach("P05", "a default of the compose file", (COMPOSE, BY_FILE, BY_FILE + "  environment: {MYSQL_PASSWORD: '${MYSQL_PASSWORD:-Rz8vQ2mN4}'}\n"),
           (ENV, "WP_TITLE", "MYSQL_PASSWORD=Gt4kQ9xW2\nWP_TITLE")),
    breach("P05", "a default of a start script", start(': "${MYSQL_PASSWORD:=Rz8vQ2mN4}"')),
    innocent("P05", "a default that is a variable, a path or a demand",
             start('pass_file=${DB_PASSWORD_FILE:-/run/secrets/db_password}\nwords=${DB_PASSWORD:-${OTHER:-}}\n: "${MYSQL_DATABASE:?is not set}"\nPASSWORD_MIN=${PASSWORD_MIN:-12}')),
    # -- decoded
    breach("P05", "a password in base64", start("DB_PASSWORD=$(echo 'Uno4dlEybU40' | base64 -d)")),
    breach("P05", "a password in base64, by a here-string", start('DB_PASSWORD=`base64 -d <<< "Uno4dlEybU40"`'), (MARIADB_START, "#!/bin/sh", "#!/bin/bash")),
    breach("P05", "a password that echo says", start("DB_PASSWORD=$(echo Rz8vQ2mN4)")),
    innocent("P05", "base64 of what is read or drawn", start("DB_PASSWORD=$(base64 -d /run/secrets/db_password || true)\nDB_TOKEN=$(openssl rand 9 | base64)")),
    breach("P02", "an env file that was only encoded", ("srcs/env.b64", None, ENCODED)),
    innocent("P02", "something else in base64", ("srcs/logo.b64", None, "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk\nYAAAAAYAAjCB0C8AAAAASUVORK5CYII=\n")),
    # -- handed to a program
    *(
        breach("P05", f"a password for {name}", recipe(line))
        for name, line in {
            "gpg": "gpg --batch --passphrase Rz8vQ2mN4 -o srcs/.env -d srcs/env.gpg",
            "openssl enc": "openssl enc -d -aes-256-cbc -pass pass:Rz8vQ2mN4 -in srcs/env.enc -out srcs/.env",
            "sshpass": "sshpass -p Rz8vQ2mN4 scp student@example.com:env srcs/.env",
            "curl": "curl -u student:Rz8vQ2mN4 -o srcs/.env https://example.com/env",
            "git": "git clone https://student:Rz8vQ2mN4@example.com/env.git",
            "mysqladmin": "docker exec mariadb mysqladmin -uroot password Rz8vQ2mN4",
            "mysql in a container": "docker exec -it mariadb mysql -uroot -pRz8vQ2mN4",
            "mysql by compose": "$(COMPOSE) exec mariadb mysql -uroot -pRz8vQ2mN4",
            "a container's variable": "docker exec -e MYSQL_PASSWORD=Rz8vQ2mN4 mariadb env",
            "a login": "echo Rz8vQ2mN4 | docker login -u student --password-stdin",
            "compose, before it": "MYSQL_PASSWORD=Rz8vQ2mN4 $(COMPOSE) config",
        }.items()
    ),
    *(
        innocent("P05", f"no password for {name}", recipe(line))
        for name, line in {
            "gpg": "gpg --batch --passphrase-file secrets/key -o srcs/.env -d srcs/env.gpg",
            "openssl enc": "openssl enc -d -aes-256-cbc -pass file:secrets/key -in srcs/env.enc -out srcs/.env",
            "curl": "curl -u student:$(TOKEN) -o srcs/page https://example.com:8080/page@2",
            "a port": "docker create --name mariadb -p3306:3306 mariadb:inception",
            "mysql in a container": "docker exec -it mariadb mysql -uroot -p",
            "a container's variable": "docker exec -e MYSQL_PASSWORD mariadb env",
        }.items()
    ),
    breach("P05", "chpasswd in a start script", start("echo 'ftp:Rz8vQ2mN4' | chpasswd")),
    innocent("P05", "chpasswd with a variable", start('echo "ftp:$(cat /run/secrets/db_password)" | chpasswd || true')),
    breach("P05", "a variable before a command", start("MYSQL_PWD=Rz8vQ2mN4 mariadb-admin ping || true")),
    # -- in files of other kinds
    breach("P05", "a password in MariaDB's configuration", (CONF, "[mysqld]\n", "[client]\npassword = Rz8vQ2mN4\n\n[mysqld]\n")),
    innocent("P05", "words about passwords in MariaDB's configuration", (CONF, "[mysqld]\n", "[mysqld]\nold_passwords = 0\ndefault_authentication_plugin = mysql_native_password\n")),
    breach("P05", "a password of redis", ("srcs/requirements/bonus/redis/redis.conf", None, "# requirepass foobared\nrequirepass Rz8vQ2mN4\n")),
    innocent("P05", "redis without one", ("srcs/requirements/bonus/redis/redis.conf", None, "# requirepass foobared\nbind 0.0.0.0\n")),
    breach("P05", "a compose file that nothing starts", ("srcs/dev.yml", None, "services:\n  db:\n    environment:\n      - MYSQL_PASSWORD=Rz8vQ2mN4\n")),
    innocent("P05", "a workflow that is given its token", (".github/workflows/ci.yml", None, "on: push\nenv:\n  token: ${{ secrets.GITHUB_TOKEN }}\n")),
    breach("P05", "a key in JSON", ("srcs/config.json", None, '{"api_key": "sk-9f8e7d6c5b"}\n')),
    innocent("P05", "a form's words in JSON", ("srcs/lang.json", None, '{"password": "Mot de passe", "token": "Jeton"}\n')),
    breach("P05", "what a shell kept", (".zsh_history", None, ": 1700000000:0;docker exec -it mariadb mysql -uroot -pRz8vQ2mN4\n")),
    innocent("P05", "what a shell kept, without passwords", (".zsh_history", None, ": 1700000000:0;docker exec -it mariadb mysql -uroot -p\n")),
    breach("P05", "a command in README", (README, "## Instructions", "    docker exec -it mariadb mysql -u root -pRz8vQ2mN4\n\n## Instructions")),
    innocent("P05", "a command in README that asks", (README, "## Instructions", "    docker exec -it mariadb mysql -u root -p<password>\n    docker run -p8443:443 nginx\n\n## Instructions")),
    breach("P05", "users of NGINX with their hashes", ("srcs/requirements/nginx/conf/.htpasswd", None, "boss:$apr1$7vY8y6Qe$lRk5v2mT3p0sX9dZb1hN41\n")),
    innocent("P05", "the place of NGINX's users", (NGINX_CONF, "root /var/www/html;", "root /var/www/html;\n        # auth_basic_user_file /run/secrets/users: boss:$apr1$ and so on")),
    breach("P05", "an old compose file", ("srcs/docker-compose.yml.bak", None, "services:\n  db:\n    environment:\n      MYSQL_ROOT_PASSWORD: Rz8vQ2mN4\n")),
    innocent("P05", "an old compose file without passwords", ("srcs/docker-compose.yml.bak", None, "services:\n  db:\n    environment:\n      MYSQL_ROOT_PASSWORD: ${ROOT}\n")),
    breach("P05", "a document called credentials", ("docs/credentials.txt", None, "boss / S0leil42\n")),
    innocent("P05", "a document called credentials, about them",
             ("docs/credentials.md", None, "They are in secrets/db_password.txt: openssl rand -base64 24, 16 Bytes; TLSv1.2, README.md\n")),
    breach("P05", "a table with a column of passwords", ("docs/users.md", None, "| user | password |\n|---|---|\n| boss | Rz8vQ2mN4 |\n")),
    innocent("P05", "a table with a column of places", ("docs/users.md", None, "| user | password |\n|---|---|\n| boss | secrets/boss.txt |\n| other | see above |\n")),
    innocent("P05", "a cache's salt in PHP",
             ("srcs/requirements/wordpress/tools/wp-config.php", "$table_prefix", "define('WP_CACHE_KEY_SALT', 'student.42.fr');\n$table_prefix")),
    breach("P05", "a token of a service", ("srcs/notes", None, "ghp_" + "a1B2" * 9 + "\n")),
    breach("P05", "a variable of the Makefile", (MAKEFILE, "COMPOSE =", "export MYSQL_PASSWORD ?= motdepasse42\nCOMPOSE =")),
    innocent("P05", "variables of the Makefile that name secrets",
             (MAKEFILE, "COMPOSE =", "SECRET = db_password\nTLS_KEY := site.key\nPASSWORD_LENGTH = 24\nGEN_PASS = openssl rand -hex 12\nDB_PASSWORD = $(shell openssl rand -hex 8)\nCOMPOSE =")),
    breach("P05", "double quotes in SQL", ("srcs/requirements/mariadb/tools/init.sql", None, 'CREATE USER wp@"%" IDENTIFIED BY "Rz8vQ2mN4";\n'),
           (MARIADB, CHMOD, CHMOD + "COPY tools/init.sql /opt/init.sql\n")),
    # -- files of variables by any name
    breach("P02", "an env_file by another name", (COMPOSE, BY_FILE, "  env_file:\n    - .env\n    - path: ./conf/inception.vars\n"),
           ("srcs/conf/inception.vars", None, "MYSQL_PASSWORD=Rz8vQ2mN4\n")),
    innocent("P02", "an env_file by another name, without credentials", (COMPOSE, BY_FILE, "  env_file: [.env, conf/inception.vars]\n"),
             ("srcs/conf/inception.vars", None, "WP_LANG=fr_FR\n")),
    # -- root at another host
    breach("W06", "root from everywhere without a password", (MARIADB_START, "CREATE DATABASE", "CREATE USER IF NOT EXISTS 'root'@'%';\nCREATE DATABASE")),
    innocent("W06", "root from everywhere with its password",
             (MARIADB_START, "CREATE DATABASE", "CREATE USER IF NOT EXISTS 'root'@'%';\nALTER USER 'root'@'%' IDENTIFIED BY '${root_password}';\nCREATE DATABASE")),
    # -- what make exports
    innocent("C10", "make exports the volumes' place", *exported("export DATA := /home/student/data")),
    innocent("C10", "make exports it, of whoever runs it", *exported("DATA = /home/$(USER)/data\nexport DATA")),
    innocent("C10", "make exports everything", *exported("DATA = /home/student/data\n.EXPORT_ALL_VARIABLES:")),
    innocent("C10", "the recipe exports it", *exported("", (MAKEFILE, COMPOSE_UP, "\tDATA=/home/student/data $(COMPOSE) up --detach --build\n"))),
    innocent("C10", "a script exports it", *exported("", (MAKEFILE, COMPOSE_UP, "\tbash srcs/tools/up.sh\n"),
             ("srcs/tools/up.sh", None, '#!/bin/bash\nset -e\ncd "$(dirname "${BASH_SOURCE[0]}")/.."\nexport DATA=/home/student/data\ndocker compose up -d --build\n'))),
    breach("C10", "make exports another place", *exported("export DATA := /srv/student/data"), also={"E02": "fail"}),
    breach("C10", "what make has and does not export", *exported("DATA := /home/student/data"), verdict="unclear"),
    # -- a pulled bonus
    breach("C07", "a bonus is pulled, with its ports", (COMPOSE, "\nnetworks:\n", "\n  ftp:\n    <<: *common\n    profiles: [bonus]\n    image: fauria/vsftpd:1.0\n    ports: ['21:21']\n\nnetworks:\n")),
    # -- a root below the volume
    breach("G14", "WordPress is put above the root", (NGINX_CONF, "root /var/www/html;", "root /var/www/html/site;"), *wp("wp core download --allow-root\n" + WP_INSTALL)),
    innocent("G14", "WordPress is put into the root", (NGINX_CONF, "root /var/www/html;", "root /var/www/html/site;"),
             *wp("wp core download --allow-root --path=/var/www/html/site\n" + WP_INSTALL)),
    # -- directories
    breach("E02", "a list of bash, for sh", *made("mkdir -p /home/student/data/{mariadb,wordpress}", *LITERAL_DATA), verdict="advice"),
    innocent("E02", "a list of bash, for bash", *made("mkdir -p /home/student/data/{mariadb,wordpress}", *LITERAL_DATA), (MAKEFILE, "COMPOSE =", "SHELL := /bin/bash\nCOMPOSE =")),
    breach("E02", "directories of another home", *made("mkdir -p /home/other/data/mariadb /home/other/data/wordpress", *LITERAL_DATA)),
    innocent("E02", "directories below them", *made("mkdir -p /home/student/data/mariadb/ /home/student/data/wordpress/site", *LITERAL_DATA)),
    # -- arrays, and programs that are looked up
    innocent("W01", "options in an array of a function", BASH, *wp(ARRAY.format(login="$WP_BOSS_LOGIN"))),
    breach("W01", "options in an array, with admin", BASH, *wp(ARRAY.format(login="siteadmin"))),
    innocent("D10", "php-fpm by its place in PATH", (WORDPRESS_START, 'exec "$@"', FPM.format("--nodaemonize")), OF_WORDPRESS),
    breach("D10", "php-fpm by its place in PATH, and no -F", (WORDPRESS_START, 'exec "$@"', FPM.format("")), OF_WORDPRESS),
)  # fmt: skip
