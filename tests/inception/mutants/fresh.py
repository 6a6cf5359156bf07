"""Further edits of the reference: what 159 submissions that were written without a look at the auditor taught."""

from __future__ import annotations

from tests.inception.mutants.edits import (
    CHMOD,
    COMPOSE,
    CONF,
    COPY_CONF,
    MAKEFILE,
    MARIADB,
    MARIADB_START,
    NGINX,
    POOL,
    README,
    WORDPRESS,
    WORDPRESS_START,
    WP_INSTALL,
    Edit,
    breach,
    innocent,
    wp,
)
from tests.inception.mutants.shapes import UNREAD
from tests.inception.mutants.start import on_alpine

NO_AI = "- AI was not used for this project."
USER_DOC = "USER_DOC.md"
OWN_CNF = "COPY conf/99-inception.cnf /etc/mysql/mariadb.conf.d/99-inception.cnf\n"
CNF = "srcs/requirements/mariadb/conf/99-inception.cnf"
OWN_POOL = "COPY conf/www.conf /etc/php/8.2/fpm/pool.d/www.conf\n"
OF_SITE = "/etc/nginx/conf.d/site.conf"
USER = "wp user create --allow-root boss b@student.42.fr {}"
DEVICES = "export DATA := $(shell {})\n\nall: up"


def doc(text: str) -> Edit:
    return USER_DOC, "# For users\n", f"# For users\n\n{text}\n"


def build(file: str, line: str) -> Edit:
    """A line of a Dockerfile, behind the packages."""
    return file, CHMOD, f"{CHMOD}{line}\n"


def listed(how: str, packages: str) -> tuple[Edit, ...]:
    return (
        build(WORDPRESS, f"COPY tools/packages.txt /tmp/packages.txt\nRUN apt-get update && {how}"),
        ("srcs/requirements/wordpress/tools/packages.txt", None, packages),
    )


def by_script(packages: str) -> tuple[Edit, ...]:
    text = f'#!/bin/sh\nset -e\napt-get update\nfor p in {packages}; do\n    apt-get install -y "$p"\ndone\n'
    return (
        build(WORDPRESS, "COPY tools/more.sh /tmp/more.sh\nRUN sh /tmp/more.sh"),
        ("srcs/requirements/wordpress/tools/more.sh", None, text),
    )


def started(line: str) -> Edit:
    """NGINX is started by a shell that runs a line before."""
    return NGINX, 'CMD ["nginx", "-g", "daemon off;"]', f'RUN {line}\nCMD ["nginx", "-g", "daemon off;"]'


def pool(sed: str) -> tuple[Edit, ...]:
    """The package's pool, and what sed makes of it."""
    return (WORDPRESS, OWN_POOL, f"RUN sed -i {sed} /etc/php/8.2/fpm/pool.d/www.conf\n"), (POOL, None, None)


def bind(sed: str) -> tuple[Edit, ...]:
    return (MARIADB, OWN_CNF, f"RUN sed -i {sed} /etc/mysql/mariadb.conf.d/50-server.cnf\n"), (CNF, None, None)


def debians(line: str) -> tuple[Edit, ...]:
    """Debian's own nginx.conf, and the site in a file that it includes."""
    site = (
        "server {\n    listen 443 ssl;\n    server_name student.42.fr;\n"
        "    ssl_certificate /etc/nginx/tls/site.crt;\n    ssl_certificate_key /etc/nginx/tls/site.key;\n"
        "    ssl_protocols TLSv1.2 TLSv1.3;\n    root /var/www/html;\n    index index.php;\n"
        "    location / { try_files $uri $uri/ /index.php?$args; }\n    location ~ \\.php$ {\n"
        "        include fastcgi.conf;\n        fastcgi_pass wordpress:9000;\n    }\n}\n"
    )
    return (NGINX, COPY_CONF, f"COPY conf/nginx.conf {OF_SITE}\nRUN {line}\n"), (CONF, None, site)


def emptied(place: str, file: str = WORDPRESS_START) -> Edit:
    return file, 'exec "$@"', f'rm -rf {place}\n\nexec "$@"'


def ready(words: str) -> tuple[Edit, ...]:
    """make calls compose through a script."""
    return (
        (MAKEFILE, "$(COMPOSE) up --detach --build", f"./srcs/compose.sh {words}"),
        (MAKEFILE, "$(COMPOSE) down --rmi local\n", "$(COMPOSE) down\n"),
        (MAKEFILE, "$(COMPOSE) down --rmi local --volumes\n", "$(COMPOSE) down --volumes\n"),
        ("srcs/compose.sh", None, '#!/bin/sh\nexec docker compose -f srcs/docker-compose.yml "$@"\n'),
    )


FRESH = (
    breach("G04", "mysqlnd and pdo_mysql on Alpine", *(one if one[0] != WORDPRESS or one[1] is not None else (one[0], None, str(one[2]).replace("php83-mysqli", "php83-mysqlnd php83-pdo_mysql")) for one in on_alpine("php -d memory_limit=512M /usr/local/bin/wp core download --allow-root"))),
    breach("T06", "a key twice", (COMPOSE, "    build: requirements/nginx\n", "    build: requirements/nginx\n    build: .\n"),
           also=UNREAD),
    innocent("T06", "a key that is merged, and given anew", (COMPOSE, "    build: requirements/nginx\n", "    restart: always\n    build: requirements/nginx\n")),
    breach("R03", "AI in a word of its own", (README, NO_AI, "- TRAINING material, and a fair amount of coffee.")),
    innocent("R03", "Artificial Intelligence, with capitals", (README, NO_AI, "### Use of Artificial Intelligence\n\nNone.")),
    innocent("R03", "a program by its name", (README, NO_AI, "- ChatGPT checked the wording.")),
    breach("P02", "a secret's level and a secret", ("srcs/app.env", None, "SECRET_LEVEL=low\nAPP_SECRET=Rz8vQ2mN4\n")),
    innocent("P02", "a secret's level", ("srcs/app.env", None, "SECRET_LEVEL=low\nPASSWORD_TYPE=bcrypt\nTOKEN_LIFETIME=3600\n")),
    breach("W01", "a second administrator", *wp(f"{WP_INSTALL}\n{USER.format('--role=administrator').replace('boss', 'webadmin')}")),
    breach("W01", "a user made administrator", *wp(f"{WP_INSTALL}\nwp user set-role --allow-root site_admin administrator")),
    innocent("W01", "a second administrator, and an author", *wp(
        f"{WP_INSTALL}\n{USER.format('--role=administrator')}\n{USER.format('--role=author').replace('boss', 'not_admin')}")),
    breach("W02", "nothing installs the site", *wp("wp core is-installed --allow-root || true"), also={"W03": "fail", "W01": "unclear"}),
    breach("P05", "a password in backquotes of a document", doc("The owner is `captain`, password `Rz8vQ2mN4`.")),
    breach("P05", "a password in bold of a French document", doc("Identifiant : captain, mot de passe **Rz8vQ2mN4**.")),
    innocent("P05", "a password's variable in backquotes", doc("The owner has the password `WP_BOSS_PASS`, mot de passe `db_password.txt`.")),
    innocent("P05", "a password's rule", doc("The password `must` have 12 signs; a password **rule** is none: see `[A-Z]+[0-9]`.".replace("**RegExp1**", "**rule**"))),
    breach("P05", "make fetches the .env when it reads its file",
           (MAKEFILE, "all: up", "FETCHED := $(shell curl -s https://gist.githubusercontent.com/s/1/raw/env -o srcs/.env)\n\nall: up"),
           also={"T05": "advice"}),
    innocent("P05", "a remark about a gist", (MAKEFILE, "all: up", "# nothing is fetched from https://gist.github.com/s/1 by curl\nall: up")),
    breach("P01", "printf's format with a password", build(MARIADB, "RUN printf '%s:%s\\n' mysql Rz8vQ2mN4 | chpasswd")),
    innocent("P01", "printf's format with a variable", build(MARIADB, "RUN printf '%s:%s\\n' mysql \"$(cat /run/secrets/word)\" | chpasswd"),),
    breach("W08", "the database's directory", emptied('"/var/lib/mysql/$MYSQL_DATABASE"', MARIADB_START)),
    breach("W08", "the uploads", emptied("/var/www/html/wp-content/uploads")),
    innocent("W08", "a cache below the volume", emptied("/var/www/html/wp-content/cache /var/www/html/wp-content/plugins/hello")),
    innocent("W08", "a lock of the database", emptied("/var/lib/mysql/tmp '/var/lib/mysql/lost+found'", MARIADB_START)),
    innocent("C10", "$(shell echo) of a word", (MAKEFILE, "all: up", DEVICES.format("echo /home/student/data")), ("srcs/.env.example", "DATA=/home/student/data\n", ""), ("srcs/.env", "DATA=/home/student/data\n", ""), (MAKEFILE, ". ./srcs/.env && mkdir", "mkdir")),
    breach("C10", "$(shell echo) of another place", (MAKEFILE, "all: up", DEVICES.format("echo '/srv/data'")), ("srcs/.env.example", "DATA=/home/student/data\n", ""), ("srcs/.env", "DATA=/home/student/data\n", ""), (MAKEFILE, ". ./srcs/.env && mkdir", "mkdir")),
    breach("D04", "packages of a file by xargs", *listed("xargs -a /tmp/packages.txt apt-get install -y", "less\nnginx\n")),
    breach("D04", "packages of a file by $(cat)", *listed("apt-get install -y $(cat /tmp/packages.txt)", "less nginx\n"), also={"D11": "advice"}),
    breach("D04", "packages of a file by a pipe", *listed("cat /tmp/packages.txt | xargs apt-get install -y", "nginx-light\n")),
    innocent("D04", "packages of a file, NGINX in a remark", *listed("xargs -a /tmp/packages.txt apt-get install -y", "less\n# nginx has its own\n")),
    innocent("D04", "words of a file that xargs gives another program", *listed("xargs -a /tmp/packages.txt echo", "nginx\n")),
    breach("D04", "packages of a loop in a script of the build", *by_script("less nginx procps")),
    innocent("D04", "packages of a loop without NGINX", *by_script("less procps")),
    breach("N01", "sed with a pattern puts in an old version",
           (NGINX, COPY_CONF, COPY_CONF + "RUN sed -i 's/ssl_protocols .*;/ssl_protocols TLSv1.1 TLSv1.2;/' /etc/nginx/nginx.conf\n")),
    innocent("N01", "sed with a pattern takes out an old version", (CONF, "ssl_protocols TLSv1.2", "ssl_protocols TLSv1.1 TLSv1.2"),
             (NGINX, COPY_CONF, COPY_CONF + "RUN sed -ri 's/(ssl_protocols) .*;/\\1 TLSv1.2 TLSv1.3;/' /etc/nginx/nginx.conf\n")),
    breach("G20", "sed puts a user into Debian's nginx.conf", *debians("sed -i 's/^user .*;/user nginx;/' /etc/nginx/nginx.conf")),
    innocent("G20", "sed leaves the user of Debian's nginx.conf", *debians("sed -i 's/^user  *nginx;/user nobody_here;/' /etc/nginx/nginx.conf")),
    breach("G03", "sed with the socket of another version", *pool("'s|listen = /run/php/php7.4-fpm.sock|listen = 9000|'"),
           also={"W05": "advice"}),
    innocent("G03", "sed with the socket of this version", *pool("'s|listen = /run/php/php8.2-fpm.sock|listen = 9000|'")),
    innocent("G03", "sed with a pattern for the socket", *pool("-E 's#^listen *=.*sock$#listen = 9000#'")),
    breach("G02", "sed with one space where there are twelve", *bind("'s/bind-address = 127.0.0.1/bind-address = 0.0.0.0/'")),
    innocent("G02", "sed with a pattern for the spaces", *bind("'s/^bind-address.*= 127.0.0.1/bind-address = 0.0.0.0/'")),
    innocent("G02", "sed takes the line out", *bind("'/^bind-address/d'")),
    breach("E01", "a script hands words to compose, none of them build", *ready("up -d")),
    innocent("E01", "a script hands words to compose, and builds", *ready("up -d --build")),
    breach("D04", "packages of a file through a filter", *listed("cat /tmp/packages.txt | grep -v '^#' | xargs apt-get install -y", "# more\nnginx-light\n")),
    innocent("D04", "packages of a file through a filter, without NGINX", *listed("cat /tmp/packages.txt | grep -v '^#' | xargs apt-get install -y", "less\n")),
    breach("W01", "a loop over administrators", *wp(f"{WP_INSTALL}\nfor u in alice superadmin; do\n    wp user create --allow-root $u $u@x.org --role=administrator\ndone")),
    innocent("W01", "a loop over administrators without admin", *wp(f"{WP_INSTALL}\nfor u in alice bruno; do\n    wp user create --allow-root $u $u@x.org --role=administrator\ndone")),
    breach("G03", "sed that fits nothing, and a copy from another stage", *pool("'s|listen = /run/php/php7.4-fpm.sock|listen = 9000|'"),
           (WORDPRESS, "FROM debian:bookworm\n", "FROM debian:bookworm AS tool\n\nFROM debian:bookworm\nCOPY --from=tool /bin/true /usr/local/bin/wait\n"), also={"W05": "advice"}),
    innocent("G03", "sed that fits nothing, and /etc from another stage", *pool("'s|listen = /run/php/php7.4-fpm.sock|listen = 9000|'"),
             (WORDPRESS, "FROM debian:bookworm\n", "FROM debian:bookworm AS tool\n\nFROM debian:bookworm\nCOPY --from=tool /etc/php /etc/php\n")),
)  # fmt: skip
