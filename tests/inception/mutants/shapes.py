"""More edits of the reference: repositories, YAML, Makefiles and images in the shapes that people give them."""

from __future__ import annotations

from pytest_isolation.inception.registry import every_rule
from tests.inception.mutants.edits import (
    COMPOSE,
    CONF,
    ENV,
    MAKEFILE,
    MARIADB,
    MARIADB_START,
    MKDIR,
    NGINX,
    WORDPRESS,
    WORDPRESS_START,
    Edit,
    breach,
    innocent,
)
from tests.inception.support import REFERENCE

SECRET = "secrets/db_password.txt"
TEMPLATES = (
    (
        "envsubst",
        "${DOMAIN_NAME}",
        "envsubst '$DOMAIN_NAME' < /etc/nginx/nginx.conf.template > /etc/nginx/nginx.conf\n",
    ),
    ("sed", "THE_DOMAIN", 'sed -i "s|THE_DOMAIN|${DOMAIN_NAME}|g" /etc/nginx/nginx.conf\n'),
    ("a here-document", "", "DOMAIN_NAME"),
)
"""(name, what stands in the file, what the start script does)"""
NGINX_GO = "srcs/requirements/nginx/tools/go"
SITE = (REFERENCE / CONF).read_text()


def templated(placed: str, script: str) -> tuple[Edit, ...]:
    """NGINX's configuration filled in when its container starts."""
    start = 'COPY tools/go /go\nRUN chmod +x /go\nENTRYPOINT ["/go"]\nCMD ["nginx"'
    if placed:
        target = "/etc/nginx/nginx.conf" + (".template" if "template" in script else "")
        return (
            (CONF, "server_name student.42.fr", f"server_name {placed}"),
            (NGINX, "nginx.conf /etc/nginx/nginx.conf", f"nginx.conf {target}"),
            (NGINX, 'CMD ["nginx"', start),
            (NGINX_GO, None, f'#!/bin/sh\nset -e\n{script}exec "$@"\n'),
        )
    body = SITE.replace("$", "\\$").replace("server_name student.42.fr", f"server_name ${{{script}}}")
    return (
        (CONF, None, None),
        (NGINX, "COPY conf/nginx.conf /etc/nginx/nginx.conf\n", ""),
        (NGINX, 'CMD ["nginx"', start),
        (NGINX_GO, None, f'#!/bin/sh\nset -e\ncat > /etc/nginx/nginx.conf << EOF\n{body}EOF\nexec "$@"\n'),
    )


UNREAD = {one.id: "unclear" for one in every_rule() if one.needs not in ("", "makefile")}
"""Without a compose file that can be read, nobody knows."""


def cleaned(line: str) -> Edit:
    """A further target of the Makefile that runs `line`."""
    return MAKEFILE, "re: fclean all", f"purge:\n\t{line}\n\nre: fclean all"


SHAPES = (
    # -- a repository that begins above the submission
    innocent("P02", "a repository above, which ignores by the submission's own .gitignore", above=True),
    innocent(
        "P08", "the .gitignore is above, with paths from there",
        (".gitignore", None, None), ("../.gitignore", None, "/inception/srcs/.env\n/inception/secrets/\n"), above=True,
    ),
    innocent(
        "P08", "the .gitignore is above, with names for any place",
        (".gitignore", None, None), ("../.gitignore", None, ".env\nsecrets\n"), above=True,
    ),
    breach(
        "P08", "the .gitignore above is about another directory",
        (".gitignore", None, "*.swp\n"), ("../.gitignore", None, "/push_swap/\n/srcs/.env\n"),
        verdict="advice", above=True,
    ),
    breach(
        "P02", "a repository above tracks the .env",
        (".gitignore", None, "secrets/\n"), (ENV, None, "@srcs/.env\nDB_PASSWORD=Rz8vQ2mN4\n"),
        also={"P08": "advice"}, above=True,
    ),
    breach(
        "P03", "a repository above tracks a secret",
        (".gitignore", None, ".env\n"), (SECRET, None, "Rz8vQ2mN4\n"), also={"P08": "advice"}, above=True,
    ),
    innocent("P02", "another directory of the repository above has a secret",
             ("../push_swap/.env", None, "DB_PASSWORD=Rz8vQ2mN4\n"), above=True),
    breach(
        "P02", "a repository above that tracks nothing of it decides nothing",
        (ENV, None, "@srcs/.env\nDB_PASSWORD=Rz8vQ2mN4\n"), ("../.gitignore", None, "inception\n"),
        verdict="unclear", above=True,
    ),
    # -- cleaning takes everybody's things
    *(
        breach("M02", line, cleaned(line), verdict="advice")
        for line in (
            "-docker rm -f $$(docker ps -aq)", "docker stop `docker ps -qa`", "docker volume rm $$(docker volume ls -q) || true",
            "docker rmi -f $(shell docker images -qa)", "@docker ps -aq | xargs -r docker rm -f",
            "docker images | awk '{print $$3}' | xargs docker rmi", "docker builder prune -af",
            "for one in $$(docker volume ls -q); do docker volume rm $$one; done",
            "docker container rm $$(docker container ls -a -q --filter status=exited)",
            "docker image prune -af --filter until=24h", "docker volume rm $$(docker volume ls -qf dangling=true)",
        )
    ),
    *(
        innocent("M02", line, cleaned(line))
        for line in (
            "docker rm -f $$(docker ps -aq --filter label=com.docker.compose.project=srcs)",
            "docker rm -f $$(docker ps -aq -f name=inception)", "docker ps -aq | grep inception | xargs -r docker rm -f",
            "docker rmi $$(docker images -q 'inception-*')", "docker stop nginx wordpress mariadb",
            "docker rm $$($(COMPOSE) ps -aq)", "docker system prune -af --filter label=inception",
            "docker ps -a && docker images && docker volume ls", "docker volume rm srcs_mariadb srcs_wordpress",
        )
    ),
    # -- what make makes, and how it says so
    innocent("C10", "make copies the .env from a tracked file", (ENV, None, None)),
    innocent(
        "C10", "a script that make calls copies the .env",
        (ENV, None, None), (MAKEFILE, "\tcp srcs/.env.example srcs/.env\n", "\tbash srcs/tools/env.sh\n"),
        ("srcs/tools/env.sh", None, "#!/bin/sh\nset -e\n[ -f srcs/.env ] || cp srcs/.env.example srcs/.env\n"),
    ),
    breach(
        "W01", "the .env that make copies asks for a name", (ENV, None, None),
        ("srcs/.env.example", "WP_BOSS_LOGIN=captain", "WP_BOSS_LOGIN=<your admin>"), verdict="unclear",
    ),
    breach(
        "W01", "the .env that make copies has admin in it", (ENV, None, None),
        ("srcs/.env.example", "WP_BOSS_LOGIN=captain", "WP_BOSS_LOGIN=siteadmin"),
    ),
    breach(
        "C10", "make copies the .env from a file that is not there",
        (ENV, None, None), (MAKEFILE, "cp srcs/.env.example", "cp $$HOME/inception.env"),
        verdict="unclear", also={"W01": "unclear"},
    ),
    innocent("E02", "directories as prerequisites, by a pattern",
             (MAKEFILE, MKDIR, ""), (MAKEFILE, "up: srcs/.env", "DATA = /home/student/data\n$(DATA)/%:\n\tmkdir -p $@\n\n"
              "up: $(DATA)/mariadb $(DATA)/wordpress srcs/.env")),
    breach("E02", "a pattern that makes another directory",
           (MAKEFILE, MKDIR, ""), (MAKEFILE, "up: srcs/.env", "DATA = /home/student/data\n$(DATA)/%:\n\tmkdir -p $@\n\n"
            "up: $(DATA)/mariadb srcs/.env")),
    innocent("S06", "what starts the stack is a define with parameters",
             (MAKEFILE, "all: up", "define start\nmkdir -p $(1)/mariadb $(1)/wordpress\n-$(COMPOSE) up $(2)\nendef\n\nall: up"),
             (MAKEFILE, MKDIR + "\t$(COMPOSE) up --detach --build\n", "\t$(call start,/home/student/data,-d --build)\n")),
    innocent("M02", "a branch of a condition that never holds",
             (MAKEFILE, "re: fclean all", "MODE = quiet\nifeq ($(MODE),loud)\npurge:\n\tdocker system prune -af\nelse\npurge: fclean\nendif\n\nre: fclean all")),
    breach("M02", "a branch of a condition that holds",
           (MAKEFILE, "re: fclean all", "MODE = quiet\nifneq ($(MODE), loud)  # now\npurge:\n\tdocker system prune -af\nelse\npurge: fclean\nendif\n\nre: fclean all"),
           verdict="advice"),
    innocent("S06", "conditions that depend on the machine",
             (MAKEFILE, "COMPOSE = docker compose -f srcs/docker-compose.yml\n",
              "ifeq ($(shell which docker-compose),)\nCOMPOSE = docker compose -f srcs/docker-compose.yml\nelse ifdef OLD\n"
              "COMPOSE = docker-compose -f srcs/docker-compose.yml\nelse\nCOMPOSE = docker-compose -f srcs/docker-compose.yml\nendif\n")),
    *(
        innocent(
            "S06", f"branch {taken} of three",
            (MAKEFILE, "all: up", f"A = {taken}\nifeq ($(A),1)\nall: {one}\nelse ifeq ($(A),2)\nall: {two}\nelse\nall: {three}\nendif\n#"),
        )
        for taken, one, two, three in ((1, "up", "down", "clean"), (2, "down", "up", "clean"), (3, "down", "clean", "up"))
    ),
    breach("C07", "a define runs a container by itself",
           (MAKEFILE, "all: up", "define more\ndocker run -d redis:7\nendef\n\nall: up"),
           (MAKEFILE, "\t$(COMPOSE) up --detach --build\n", "\t$(COMPOSE) up --detach --build\n\t$(more)\n"), verdict="advice"),
    breach(
        "C02", "another target starts the compose file",
        (MAKEFILE, "all: up\n", "help:\n\techo make up\n\nall: up\n"), ("srcs/stack.yml", None, "@srcs/docker-compose.yml"),
        ("srcs/stack.yml", "  networks: [inception]\n", "  networks: [inception]\n  links: [x]\n"),
        (MAKEFILE, "srcs/docker-compose.yml", "srcs/stack.yml"), also={"S06": "fail"},
    ),
    # -- images, and what builds and starts them
    innocent("S08", "the package's name is in an ARG",
             (MARIADB, "FROM debian:bookworm\n", "FROM debian:bookworm\nARG SERVER=mariadb-server\n"),
             (MARIADB, "recommends mariadb-server", "recommends $SERVER")),
    innocent("S08", "the packages are in an ENV, several in one",
             (NGINX, "FROM debian:bookworm\n", 'FROM debian:bookworm\nENV NEEDED="nginx openssl"\n'),
             (NGINX, "recommends nginx openssl", "recommends ${NEEDED}")),
    breach("D04", "NGINX in WordPress by an ARG",
           (WORDPRESS, "FROM debian:bookworm\n", "FROM debian:bookworm\nARG ALSO=nginx\n"),
           (WORDPRESS, "php8.2-mysql wordpress ", "php8.2-mysql $ALSO wordpress ")),
    innocent("D04", "an ARG that compose gives another value",
             (WORDPRESS, "FROM debian:bookworm\n", "FROM debian:bookworm\nARG ALSO=nginx\n"),
             (WORDPRESS, "php8.2-mysql wordpress ", "php8.2-mysql $ALSO wordpress "),
             (COMPOSE, "build: requirements/wordpress\n", "build: {context: requirements/wordpress, args: {ALSO: less}}\n")),
    innocent("S08", "a script that RUN starts installs it",
             (MARIADB, "    && apt-get install -y --no-install-recommends mariadb-server \\\n", "    && sh /tmp/install.sh \\\n"),
             (MARIADB, "RUN apt-get update", "COPY tools/install.sh /tmp/\nRUN apt-get update"),
             ("srcs/requirements/mariadb/tools/install.sh", None,
              "#!/bin/sh\nset -e\napt-get install -y mariadb-server && rm -rf /var/lib/apt/lists/*\n")),
    breach("D04", "a script that RUN starts installs NGINX in MariaDB",
           (MARIADB, "RUN apt-get update", "COPY tools/more.sh /tmp/\nRUN sh /tmp/more.sh && apt-get update"),
           ("srcs/requirements/mariadb/tools/more.sh", None, "#!/bin/sh\napt-get update && apt-get install -y nginx\n")),
    innocent("D04", "a script that nothing starts installs NGINX in MariaDB",
             (MARIADB, "RUN apt-get update", "COPY tools/more.sh /tmp/\nRUN apt-get update"),
             ("srcs/requirements/mariadb/tools/more.sh", None, "#!/bin/sh\napt-get update && apt-get install -y nginx\n")),
    breach("D06", "a shell's words start a script with an endless loop",
           (NGINX, 'CMD ["nginx", "-g", "daemon off;"]',
            'COPY tools/go.sh /go.sh\nCMD ["bash", "-ec", "bash /go.sh && exec nginx -g \'daemon off;\'"]'),
           ("srcs/requirements/nginx/tools/go.sh", None, "#!/bin/bash\nwhile true; do echo waiting; sleep 1; done\n")),
    innocent("D06", "a shell's words start a script with a loop that ends",
             (NGINX, 'CMD ["nginx", "-g", "daemon off;"]',
              'COPY tools/go.sh /go.sh\nCMD ["bash", "-ec", "bash /go.sh && exec nginx -g \'daemon off;\'"]'),
             ("srcs/requirements/nginx/tools/go.sh", None, "#!/bin/bash\nfor one in 1 2 3; do echo $one; sleep 1; done\n")),
    *(
        breach("D05", f"a list that is none, and a loop behind it: {command}",
               (NGINX, 'CMD ["nginx", "-g", "daemon off;"]', f"COPY tools/go.sh /go.sh\nCMD {command}"),
               ("srcs/requirements/nginx/tools/go.sh", None,
                "#!/bin/bash\nwhile true; do echo waiting; sleep 1; done\nexec nginx -g 'daemon off;'\n"),
               also={"D06": "fail"})
        for command in ('["bash", "/go.sh"]  # the site', "['bash', '/go.sh']")
    ),
    innocent("D05", "a comment on the line before", (NGINX, 'CMD ["nginx"', '# the site\nCMD ["nginx"')),
    breach("D09", "mysqld_safe by the start script", (MARIADB, '"mariadbd", "--user', '"mysqld_safe", "--user'), verdict="advice"),
    breach("D09", "mariadbd-safe without a script",
           (MARIADB, 'ENTRYPOINT ["start"]\nCMD ["mariadbd", "--user=mysql"]', 'CMD ["mariadbd-safe", "--user=mysql"]'),
           verdict="advice", also={"G19": "fail"}),
    innocent("D09", "mysqld itself", (MARIADB, '"mariadbd", "--user', '"mysqld", "--user')),
    breach("C06", "a base without a tag", (NGINX, "FROM debian:bookworm", "FROM debian"), also={"D02": "fail"}),
    breach("C06", "an image without a tag", (COMPOSE, "image: nginx:inception", "image: nginx"), verdict="advice"),
    innocent("C06", "a stage has no tag",
             (NGINX, "FROM debian:bookworm", "FROM debian:bookworm AS base\nFROM base")),
    innocent("C06", "a tag by a variable", (NGINX, "FROM debian:bookworm", "ARG RELEASE=debian:bookworm\nFROM $RELEASE")),
    # -- configuration with values that a script puts in
    *(
        mutant
        for way, placed, script in TEMPLATES
        for mutant in (
            innocent("N04", f"the name by {way}", *templated(placed, script)),
            breach("N04", f"another name by {way}", *templated(placed, script),
                   (ENV, "DOMAIN_NAME=student.42.fr", "DOMAIN_NAME=jmartin.42.fr")),
            breach("N04", f"a name by {way} that nobody gives", *templated(placed, script.replace("DOMAIN_NAME", "SITE_NAME")),
                   verdict="unclear"),
        )
    ),
    innocent("T03", "a start script without .sh writes the configuration", *templated(*TEMPLATES[2][1:]),),
    # -- root's password
    breach("W06", "an empty password", (MARIADB_START, "BY '${root_password}'", "BY ''")),
    breach("W06", "from other containers alone", (MARIADB_START, "ALTER USER 'root'@'localhost'", "CREATE USER 'root'@'%'")),
    breach("W06", "by SET PASSWORD alone", (MARIADB_START, "ALTER USER 'root'@'localhost' IDENTIFIED BY '${root_password}';",
                                            "SET PASSWORD FOR 'root'@'localhost' = PASSWORD('${root_password}');"), verdict="advice"),
    innocent("W06", "by the plugin's name", (MARIADB_START, "IDENTIFIED BY '${root_password}'",
                                             "IDENTIFIED VIA mysql_native_password USING PASSWORD('${root_password}')")),
    innocent("W06", "for both hosts", (MARIADB_START, "ALTER USER 'root'@'localhost'",
                                       "CREATE USER 'root'@'%' IDENTIFIED BY '${root_password}';\nALTER USER 'root'@'localhost'")),
    # -- a script that chmod names is not run by the build
    innocent("D04", "chmod of a script that nothing starts",
             (MARIADB, "RUN chmod 755", "COPY tools/more.sh /opt/more.sh\nRUN chmod 755 /opt/more.sh\nRUN chmod 755"),
             ("srcs/requirements/mariadb/tools/more.sh", None, "#!/bin/sh\napt-get update && apt-get install -y nginx\n")),
    breach("P05", "a password in a script, given again later",
           (WORDPRESS_START, "set -eu\n", "set -eu\nDB_PASSWORD='Rz8vQ2mN4'\nDB_PASSWORD=$(cat /run/secrets/db_password)\n")),
    breach("S09", "Alpine calls MariaDB's server mariadb",
           (WORDPRESS, "FROM debian:bookworm\n\nRUN apt-get update \\\n    && apt-get install -y --no-install-recommends php8.2-fpm php8.2-mysql wordpress \\\n        wordpress-theme-twentytwentythree \\\n",
            "FROM alpine:3.23\n\nRUN apk add --no-cache php83-fpm php83-mysqli php83-phar mariadb \\\n"), (WORDPRESS, "php-fpm8.2", "php-fpm83"),
           (WORDPRESS, "/etc/php/8.2/fpm/pool.d/", "/etc/php83/php-fpm.d/")),
    breach("N04", "a name that is nobody's, and the login is not known", (CONF, "server_name student.42.fr", "server_name localhost"),
           (ENV, "DATA=/home/student/data", "DATA=${HOME}/data"), also={}),
    # -- a compose file that nothing reads
    *(
        breach("T06", name, (COMPOSE, old, new), also=also)
        for name, old, new, also in (
            ("a tab for an indentation", "  restart: unless-stopped\n", "\trestart: unless-stopped\n", UNREAD),
            ("a quote that is not closed", "  restart: unless-stopped\n", "  restart: 'unless-stopped\n", UNREAD),
            ("a colon too many", "image: nginx:inception", "image: nginx: inception", UNREAD),
        )
    ),
    innocent("T06", "tabs before comments", (COMPOSE, "restart: unless-stopped\n", "restart:\tunless-stopped\t# always\n")),
    innocent("T06", "a tab in a value", (COMPOSE, "x-common:", "x-note: one\ttwo\nx-common:")),
)  # fmt: skip
