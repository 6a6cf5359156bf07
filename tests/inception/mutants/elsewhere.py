"""Further edits of the reference: Makefiles that call others, NGINX files that nothing includes, branches for other words."""

from __future__ import annotations

from tests.inception.mutants.edits import (
    CONF,
    COPY_CONF,
    MAKEFILE,
    MARIADB,
    MARIADB_START,
    NGINX,
    WORDPRESS,
    WORDPRESS_START,
    Edit,
    breach,
    innocent,
)
from tests.inception.support import REFERENCE

OLD = "server {\n    listen 443 ssl;\n    server_name old.example.org;\n    ssl_protocols TLSv1;\n}\n"
INCLUDE = "include /etc/nginx/mime.types;"
MAKE = (REFERENCE / MAKEFILE).read_text()


def make_in(directory: str, call: str, text: str) -> tuple[Edit, ...]:
    """The Makefile at the root calls another."""
    return (MAKEFILE, None, f"all:\n\t{call}\n\nre:\n\t{call}\n"), (f"{directory}/Makefile", None, text)


BELOW = MAKE.replace("-f srcs/docker-compose.yml", "-f docker-compose.yml").replace("srcs/.env", ".env")
BELOW = (
    BELOW.replace("./.env", ".env")
    .replace("secrets/", "../secrets/")
    .replace("mkdir -p secrets", "mkdir -p ../secrets")
)


NOTHING = "all:\n\techo nothing\n"
CALLS = (
    '$(MAKE) -C "srcs"',
    "cd srcs; $(MAKE)",
    "$(MAKE) -sC srcs",
    "cd $(CURDIR)/srcs && $(MAKE)",
    "cd srcs && LANG=C $(MAKE)",
    "for d in srcs; do $(MAKE) -C $$d; done",
    "(cd secrets && ls); (cd srcs && $(MAKE) -j 4 all)",
    "$(MAKE) --directory=srcs $(MAKECMDGOALS)",
)


def also_copied(*more: Edit) -> tuple[Edit, ...]:
    return (NGINX, COPY_CONF, f"{COPY_CONF}COPY conf/old.conf /etc/nginx/parts/old.conf\n"), (
        "srcs/requirements/nginx/conf/old.conf", None, OLD), *more  # fmt: skip


def cases(branch: str, looked_at: str = "$1") -> tuple[Edit, ...]:
    return (
        (MARIADB_START, 'exec "$@"', f'case "{looked_at}" in\n    {branch}) exec bash ;;\n    *) exec "$@" ;;\nesac'),
    )


PYTHON = (
    (WORDPRESS, "COPY tools/start.sh /usr/local/bin/start\n", "COPY tools/start.py /usr/local/bin/start\n"),
    (WORDPRESS, 'CMD ["php-fpm8.2", "-F"]\n', ""),
    (WORDPRESS_START, None, None),
)
RUN_FPM = "import os\nos.execvp('php-fpm8.2', ['php-fpm8.2', '-F'])\n"

BONUS = "\nbonus:\n\tdocker compose -f srcs/docker-compose.yml -f srcs/bonus.yml up -d --build\n\nre: fclean all"
REDIS = "    networks: [inception]\n    restart: always\n  wordpress:\n    environment: {CACHE: redis}\n"


def other_target(service: str) -> tuple[Edit, ...]:
    """`make bonus` starts one service more."""
    return (
        (MAKEFILE, "\nre: fclean all", BONUS),
        ("srcs/bonus.yml", None, f"services:\n  redis:\n    {service}\n{REDIS}"),
        ("srcs/requirements/redis/Dockerfile", None, 'FROM debian:bookworm\nCMD ["redis-server"]\n'),
        ("srcs/requirements/redis/.dockerignore", None, ".git\n"),
    )


ELSEWHERE = (
    breach("B06", "another target starts an image that is ready made", *other_target("image: redis:7")),
    breach("B06", "another target starts a container on the host's network",
           *other_target("build: requirements/redis\n    network_mode: host")),
    innocent("B06", "another target starts what is built", *other_target("build: requirements/redis")),
    innocent("S05", "a Makefile in srcs, by -C", *make_in("srcs", "@$(MAKE) --no-print-directory -C srcs $@", BELOW)),
    innocent("S05", "a Makefile in srcs, by cd", *make_in("srcs", "cd srcs && $(MAKE)", BELOW)),
    breach("S05", "a Makefile in srcs that starts nothing", *make_in("srcs", "$(MAKE) -C srcs all", "all:\n\techo nothing\n"),
           also={"S06": "fail"}),
    *(innocent("S05", f"a Makefile in srcs: {call}", *make_in("srcs", call, BELOW)) for call in CALLS),
    *(breach("S05", f"a Makefile in srcs that starts nothing: {call}", *make_in("srcs", call, NOTHING), also={"S06": "fail"})
      for call in CALLS[:3]),
    innocent("S05", "stack.mk in srcs, by -C and -f",
             *make_in("srcs", "$(MAKE) -C srcs -f stack.mk", "none:\n\techo none\n"), ("srcs/stack.mk", None, BELOW)),
    innocent("S05", "stack.mk in srcs, by -f", *make_in("srcs", "$(MAKE) -f srcs/stack.mk", NOTHING), ("srcs/stack.mk", None, MAKE)),
    breach("S05", "stack.mk in srcs that starts nothing",
           *make_in("srcs", "$(MAKE) -f srcs/stack.mk", BELOW), ("srcs/stack.mk", None, NOTHING), also={"S06": "fail"}),
    innocent("S05", "two goals of one make", (MAKEFILE, "all: up\n", "all:\n\t$(MAKE) -j 2 down up\n")),
    breach("S05", "a make of a directory that only the run knows", *make_in("srcs", "$(MAKE) -C $(STACK)", BELOW),
           verdict="unclear", also={"S06": "unclear"}),
    breach("M01", "a Makefile in srcs links containers",
           *make_in("srcs", "$(MAKE) -C srcs all link", BELOW.replace("\nre:", "\nlink:\n\tdocker run --link a:b mariadb:inception\n\nre:")),
           also={"C07": "advice"}),
    innocent("N01", "a server that nothing includes", *also_copied()),
    breach("N01", "a server that the main file includes", *also_copied((CONF, INCLUDE, f"{INCLUDE}\n    include parts/*.conf;"))),
    breach("N01", "a server that the build puts in its place",
           *also_copied((CONF, INCLUDE, f"{INCLUDE}\n    include /etc/nginx/conf.d/*.conf;"),
                        (NGINX, 'CMD ["nginx"', 'RUN cp /etc/nginx/parts/old.conf /etc/nginx/conf.d/\nCMD ["nginx"'))),
    breach("N01", "a server that the build links by a path from WORKDIR",
           *also_copied((CONF, INCLUDE, f"{INCLUDE}\n    include /etc/nginx/conf.d/*.conf;"),
                        (NGINX, 'CMD ["nginx"', 'WORKDIR /etc/nginx/conf.d\nRUN ln -s ../parts/* .\nCMD ["nginx"'))),
    innocent("N01", "the build links another directory by a path from WORKDIR",
             *also_copied((CONF, INCLUDE, f"{INCLUDE}\n    include /etc/nginx/conf.d/*.conf;"),
                          (NGINX, 'CMD ["nginx"', 'WORKDIR /etc/nginx/conf.d\nRUN ln -s ../counterparts/* .\nCMD ["nginx"'))),
    breach("N01", "another main file, by its name alone",
           *also_copied((NGINX, 'CMD ["nginx", ', 'CMD ["nginx", "-c", "old.d.conf", '), (NGINX, "/etc/nginx/parts/old.conf", "/etc/nginx/parts/a.conf\nCOPY conf/old.conf /usr/share/nginx/old.d.conf"))),
    innocent("N05", "php-fpm by a variable", (CONF, "fastcgi_pass wordpress:9000;", "set $php wordpress:9000;\n            fastcgi_pass $php;")),
    breach("N05", "another port by a variable",
           (CONF, "fastcgi_pass wordpress:9000;", "set $php wordpress;\n            fastcgi_pass $php:9001;")),
    innocent("D06", "a shell for who asks for one", *cases("shell")),
    innocent("D06", "a shell for who asks for one, and a usual word", *cases("sh|bash", "${1:-mariadbd}")),
    breach("D06", "a shell for the words it is started with", *cases("mariadbd|shell"), also={}),
    breach("D06", "a shell for the usual word", *cases("shell", "${1:-shell}"),
           (MARIADB, 'CMD ["mariadbd", "--user=mysql"]\n', "")),
    breach("D06", "a shell for the word that ENTRYPOINT has", *cases("shell"),
           (MARIADB, 'ENTRYPOINT ["start"]\nCMD ["mariadbd", "--user=mysql"]\n', 'ENTRYPOINT ["start", "shell"]\n'), also={}),
    innocent("D06", "a shell for another word than ENTRYPOINT has", *cases("shell"),
             (MARIADB, 'ENTRYPOINT ["start"]\nCMD ["mariadbd", "--user=mysql"]\n', 'ENTRYPOINT ["start", "mariadbd", "--user=mysql"]\n')),
    breach("D10", "a program in Python", *PYTHON, ("srcs/requirements/wordpress/tools/start.py", None, f"#!/usr/bin/env python3\n{RUN_FPM}"),
           verdict="unclear"),
)  # fmt: skip
