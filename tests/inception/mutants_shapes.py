"""More edits of the reference: repositories, YAML, Makefiles and images in the shapes that people give them."""

from __future__ import annotations

from pytest_isolation.inception.registry import every_rule
from tests.inception.mutants import COMPOSE, ENV, MAKEFILE, Edit, breach, innocent

MKDIR = "\t. ./srcs/.env && mkdir -p $$DATA/mariadb $$DATA/wordpress\n"
SECRET = "secrets/db_password.txt"
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
    breach("C07", "a define runs a container by itself",
           (MAKEFILE, "all: up", "define more\ndocker run -d redis:7\nendef\n\nall: up"),
           (MAKEFILE, "\t$(COMPOSE) up --detach --build\n", "\t$(COMPOSE) up --detach --build\n\t$(more)\n"), verdict="advice"),
    breach(
        "C02", "another target starts the compose file",
        (MAKEFILE, "all: up\n", "help:\n\techo make up\n\nall: up\n"), ("srcs/stack.yml", None, "@srcs/docker-compose.yml"),
        ("srcs/stack.yml", "  networks: [inception]\n", "  networks: [inception]\n  links: [x]\n"),
        (MAKEFILE, "srcs/docker-compose.yml", "srcs/stack.yml"), also={"S06": "fail"},
    ),
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
