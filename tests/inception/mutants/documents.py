"""Edits of the reference that the rules R, M and X decide: documents, make, and what else a reader meets."""

from __future__ import annotations

from tests.inception.mutants.edits import (
    COMPOSE,
    CONF,
    ENV,
    FIRST_LINE,
    MAKEFILE,
    MARIADB_START,
    NGINX,
    README,
    WORDPRESS,
    WP_INSTALL,
    Mutant,
    breach,
    innocent,
    wp,
)

DOCUMENTS: tuple[Mutant, ...] = (
    breach("R01", "no README", (README, None, None)),
    breach("R02", "on line 3", (README, FIRST_LINE, "# Inception\n\n" + FIRST_LINE)),
    breach("R02", "in a heading", (README, FIRST_LINE, "# " + FIRST_LINE), verdict="unclear"),
    breach("R02", "no italics", (README, FIRST_LINE, FIRST_LINE.strip("*"))),
    breach("R02", "not there", (README, FIRST_LINE + "\n\n", "")),
    innocent(
        "R02",
        "underscores, two logins, no dot",
        (README, FIRST_LINE, "_This project has been created as part of the 42 curriculum by student, other_"),
    ),
    innocent("R02", "a byte order mark", (README, FIRST_LINE, "\ufeff" + FIRST_LINE)),
    breach("R03", "no instructions", (README, "## Instructions", "## Usage")),
    breach("R03", "nothing about AI", (README, "- AI was not used for this project.\n", "")),
    innocent("R03", "emoji and another level", (README, "## Description", "# 🐳 Description")),
    breach(
        "R04",
        "no comparison of networks",
        (README, "### Docker network vs host network", "### Networks"),
        (
            README,
            "On a network of Docker only published ports are open; on the host's network every port of the container is.",
            "Ports.",
        ),
    ),
    innocent(
        "R04", "as a table", (README, "### Virtual machines vs Docker", "| virtual machine | docker |\n|---|---|")
    ),
    breach("R05", "no USER_DOC.md", ("USER_DOC.md", None, None)),
    breach("R06", "an empty DEV_DOC.md", ("DEV_DOC.md", None, "")),
    breach(
        "R07",
        "in French",
        (
            README,
            "## Resources",
            4
            * (
                "Le projet est fait de trois conteneurs et les images sont dans un dossier qui est avec le fichier du "
                "projet. Les volumes sont pour la base et le site, et une partie est dans le dossier des données avec les secrets. "
                "Le serveur est dans un conteneur, la base est dans un autre, et le site est avec du PHP par le réseau. "
                "Les ports sont pour le serveur et une image est faite par un fichier dans le dossier du service. Le tout est "
                "sur une machine avec les outils qui sont dans le système, et la suite est au choix pour les bonus du sujet.\n\n"
            )
            + "## Resources",
        ),
    ),
    innocent(
        "R01",
        "none needed before version 5",
        (README, None, None),
        ("USER_DOC.md", None, None),
        ("DEV_DOC.md", None, None),
        subject="3",
    ),
    breach(
        "M01",
        "--link",
        (MAKEFILE, "re: fclean all", "re: fclean all\n\tdocker run --link db:db web:1"),
        also={"C07": "advice"},
    ),
    innocent("M01", "COPY --link", (NGINX, "COPY conf", "COPY --link conf")),
    innocent(
        "M02",
        "prune of what has the project's label",
        (
            MAKEFILE,
            "down --rmi local\n",
            "down\n\tdocker image prune -f --filter label=com.docker.compose.project=srcs\n",
        ),
    ),
    breach(
        "M02",
        "docker system prune",
        (MAKEFILE, "re: fclean all", "prune:\n\tdocker system prune -af\n\nre: fclean all"),
        verdict="advice",
    ),
    breach("X01", "no .dockerignore", ("srcs/requirements/nginx/.dockerignore", None, None), verdict="advice"),
    breach("X02", "version:", (COMPOSE, "x-common:", 'version: "3.8"\nx-common:'), verdict="advice"),
    breach(
        "X03",
        "waits for a health nobody checks",
        (COMPOSE, "    depends_on: [wordpress]\n", "    depends_on: {wordpress: {condition: service_healthy}}\n"),
        verdict="advice",
    ),
    breach(
        "X04",
        "a key nobody knows",
        (COMPOSE, "    build: requirements/nginx\n", "    build: requirements/nginx\n    port: 443\n"),
    ),
    innocent(
        "X04",
        "an extension",
        (COMPOSE, "    build: requirements/nginx\n", "    build: requirements/nginx\n    x-note: mine\n"),
    ),
    innocent(
        "shape",
        "a script by its path from WORKDIR",
        (WORDPRESS, "tools/start.sh /usr/local/bin/start", "tools/start.sh /srv/start.sh"),
        (WORDPRESS, "chmod 755 /usr/local/bin/start", "chmod 755 /srv/start.sh"),
        (WORDPRESS, "WORKDIR /var/www/html", "WORKDIR /srv"),
        (WORDPRESS, 'ENTRYPOINT ["start"]', 'ENTRYPOINT ["./start.sh"]'),
    ),
    innocent(
        "shape",
        "wp-cli as another user",
        *wp(
            "su www-data -s /bin/sh -c 'wp core install --url=https://$DOMAIN_NAME --admin_user=$WP_BOSS_LOGIN'\nsudo -u www-data wp user create $WP_WRITER_LOGIN x@y"
        ),
    ),
    innocent(
        "shape",
        "wp-cli as a phar",
        *wp(WP_INSTALL.replace("wp core", "php wp-cli.phar core").replace("wp user", "php wp-cli.phar user")),
    ),
    breach(
        "W01",
        "administrator, as another user",
        *wp(
            "su www-data -s /bin/sh -c 'wp core install --url=https://$DOMAIN_NAME --admin_user=Administrator'\nwp user create $WP_WRITER_LOGIN x@y"
        ),
    ),
    innocent(
        "N05",
        "another service's PHP as well",
        (
            CONF,
            "        location / {",
            "        location /other {\n            fastcgi_pass mariadb:9000;\n        }\n\n        location / {",
        ),
    ),
    breach("N05", "another service's PHP alone", (CONF, "wordpress:9000", "mariadb:9000")),
    breach(
        "D06",
        "an endless loop in sh -c",
        (MARIADB_START, 'exec "$@"', "sh -c 'tail -f /dev/null'"),
    ),
    innocent(
        "shape",
        "paths from the project directory",
        (MAKEFILE, "-f srcs/docker-compose.yml", "-f srcs/docker-compose.yml --project-directory ."),
        *(
            (COMPOSE, f"build: requirements/{name}", f"build: srcs/requirements/{name}")
            for name in ("nginx", "wordpress", "mariadb")
        ),
        (COMPOSE, "env_file: .env", "env_file: srcs/.env"),
        *((COMPOSE, "file: ../secrets", "file: secrets") for _ in range(3)),
        (".env", None, "@srcs/.env"),
        (".gitignore", "srcs/.env", ".env"),
    ),
    innocent(
        "C08",
        "a bonus that is served by an NGINX of its own",
        (
            COMPOSE,
            "\nnetworks:\n",
            '  site:\n    <<: *common\n    build: requirements/site\n    image: site:inception\n    ports: ["8080:80"]\n\nnetworks:\n',
        ),
        ("srcs/requirements/site/Dockerfile", None, "@" + NGINX),
        ("srcs/requirements/site/conf/nginx.conf", None, "server { listen 80; }\n"),
        ("srcs/requirements/site/.dockerignore", None, ".git\n"),
    ),
    innocent(
        "C10",
        "$USER, which the shell sets and not the .env",
        (COMPOSE, "${DATA}/mariadb", "/home/$USER/data/mariadb"),
        (ENV, "LOGIN=", "USER=\nLOGIN="),
    ),
)
