"""Edits of the reference that the rules C decide: the services of compose."""

from __future__ import annotations

from tests.inception.mutants.edits import (
    COMPOSE,
    CONF,
    MAKEFILE,
    MARIADB,
    NGINX,
    README,
    WORDPRESS,
    Mutant,
    breach,
    innocent,
)

SERVICES: tuple[Mutant, ...] = (
    breach(
        "C01",
        "network_mode: host",
        (COMPOSE, "    build: requirements/nginx\n", "    build: requirements/nginx\n    network_mode: host\n"),
    ),
    breach(
        "C01",
        "an external network called host",
        (COMPOSE, "networks:\n  inception:\n", "networks:\n  inception:\n  host:\n    external: true\n"),
    ),
    breach(
        "C01",
        "built on the host's network",
        (COMPOSE, "build: requirements/nginx", "build: {context: requirements/nginx, network: host}"),
    ),
    breach(
        "C01",
        "docker run --network host in the Makefile",
        (MAKEFILE, "re: fclean all", "re: fclean all\n\tdocker run --network host debian:bookworm true"),
        also={"C07": "advice"},
    ),
    innocent(
        "C01",
        "a comment about the host's network",
        (COMPOSE, "services:\n", "# network_mode: host is forbidden\nservices:\n"),
    ),
    innocent(
        "C01",
        "a network called localhost",
        (COMPOSE, "networks:\n  inception:\n", "networks:\n  inception:\n  localhost:\n"),
    ),
    breach(
        "C02",
        "links",
        (COMPOSE, "    depends_on: [wordpress]\n", "    depends_on: [wordpress]\n    links: [wordpress]\n"),
    ),
    breach(
        "C02",
        "external_links",
        (COMPOSE, "    depends_on: [wordpress]\n", "    depends_on: [wordpress]\n    external_links: [redis]\n"),
    ),
    innocent("C02", "useful links in the README", (README, "## Resources", "## Useful links:\n\n## Resources")),
    breach(
        "C03", "no networks", (COMPOSE, "networks:\n  inception:\n\n", ""), (COMPOSE, "  networks: [inception]\n", "")
    ),
    breach(
        "C03",
        "NGINX on another network than WordPress",
        (COMPOSE, "    build: requirements/nginx\n", "    build: requirements/nginx\n    networks: [front]\n"),
        (COMPOSE, "networks:\n  inception:\n", "networks:\n  inception:\n  front:\n"),
        also={"G13": "fail"},
    ),
    breach(
        "C03",
        "a network nobody declared",
        (
            COMPOSE,
            "    build: requirements/nginx\n",
            "    build: requirements/nginx\n    networks: [inception, front]\n",
        ),
    ),
    innocent(
        "C03",
        "the default network, customised",
        (COMPOSE, "networks:\n  inception:\n", "networks:\n  default:\n    name: inception\n"),
        (COMPOSE, "  networks: [inception]\n", ""),
    ),
    innocent(
        "C03",
        "two networks",
        (
            COMPOSE,
            "    build: requirements/nginx\n",
            "    build: requirements/nginx\n    networks: [inception, front]\n",
        ),
        (COMPOSE, "networks:\n  inception:\n", "networks:\n  inception:\n  front:\n"),
    ),
    innocent(
        "C03",
        "an external network",
        (COMPOSE, "networks:\n  inception:\n", "networks:\n  inception:\n    external: true\n"),
        (MAKEFILE, "\t$(COMPOSE) up", "\tdocker network create inception || true\n\t$(COMPOSE) up"),
    ),
    breach("C04", "no restart", (COMPOSE, "  restart: unless-stopped\n", "")),
    breach("C04", "restart: no", (COMPOSE, "restart: unless-stopped", "restart: no")),
    breach(
        "C04",
        "restart by a variable nobody sets",
        (COMPOSE, "restart: unless-stopped", "restart: ${RESTART}"),
        verdict="unclear",
    ),
    innocent("C04", "on-failure with a number", (COMPOSE, "restart: unless-stopped", "restart: on-failure:5")),
    innocent(
        "C04",
        "deploy.restart_policy",
        (COMPOSE, "  restart: unless-stopped\n", "  deploy: {restart_policy: {condition: any}}\n"),
    ),
    innocent("C04", "a variable with a default", (COMPOSE, "restart: unless-stopped", "restart: ${RESTART:-always}")),
    breach("C05", "another name", (COMPOSE, "image: nginx:inception", "image: web:inception")),
    breach("C05", "the name in the tag", (COMPOSE, "image: nginx:inception", "image: inception:nginx")),
    breach("C05", "no image:", (COMPOSE, "    image: nginx:inception\n", ""), verdict="unclear"),
    breach("C05", "no image:, strictly", (COMPOSE, "    image: nginx:inception\n", ""), strict=True),
    innocent("C05", "a registry in front", (COMPOSE, "image: nginx:inception", "image: local/nginx:inception")),
    innocent(
        "C05",
        "a container_name of another kind",
        (COMPOSE, "    image: nginx:inception\n", "    image: nginx:inception\n    container_name: web\n"),
    ),
    breach("C06", "image: nginx:latest", (COMPOSE, "image: nginx:inception", "image: nginx:latest")),
    breach("C06", "FROM debian:latest", (NGINX, "debian:bookworm", "debian:latest")),
    innocent(
        "C06",
        "the word latest in a comment",
        (NGINX, "FROM debian:bookworm", "# not debian:latest\nFROM debian:bookworm"),
    ),
    innocent(
        "C06",
        "latest.tar.gz",
        (
            WORDPRESS,
            "    && mkdir -p /run/php",
            "    && curl -fsSLO https://wordpress.org/latest.tar.gz \\\n    && mkdir -p /run/php",
        ),
    ),
    breach(
        "C07",
        "a service that is pulled",
        (
            COMPOSE,
            "\nnetworks:\n  inception:\n",
            "  redis:\n    <<: *common\n    image: redis:7\n\nnetworks:\n  inception:\n",
        ),
    ),
    breach(
        "C07", "docker pull in the Makefile", (MAKEFILE, "re: fclean all", "re: fclean all\n\tdocker pull nginx:1.27")
    ),
    innocent(
        "C07",
        "pull_policy: never",
        (COMPOSE, "    image: nginx:inception\n", "    image: nginx:inception\n    pull_policy: never\n"),
    ),
    breach(
        "C08",
        "MariaDB is published",
        (COMPOSE, "    image: mariadb:inception\n", '    image: mariadb:inception\n    ports: ["3306:3306"]\n'),
    ),
    breach("C08", "port 80 as well", (COMPOSE, '      - "443:443"\n', '      - "443:443"\n      - "80:80"\n')),
    breach("C08", "443 on another host port", (COMPOSE, '"443:443"', '"8443:443"'), also={}),
    breach(
        "C08",
        "a port the machine chooses",
        (COMPOSE, "    image: wordpress:inception\n", '    image: wordpress:inception\n    ports: ["9000"]\n'),
    ),
    breach(
        "C08",
        "the long form",
        (
            COMPOSE,
            "    image: mariadb:inception\n",
            "    image: mariadb:inception\n    ports:\n      - target: 3306\n        published: 3306\n",
        ),
    ),
    breach(
        "C08", "a port from a variable nobody sets", (COMPOSE, '"443:443"', '"${HTTPS_PORT}:443"'), verdict="unclear"
    ),
    innocent(
        "C08",
        "expose",
        (COMPOSE, "    image: mariadb:inception\n", '    image: mariadb:inception\n    expose: ["3306"]\n'),
    ),
    innocent("C08", "EXPOSE", (MARIADB, "ENTRYPOINT", "EXPOSE 3306\nENTRYPOINT")),
    innocent("C08", "a variable with a default", (COMPOSE, '"443:443"', '"${HTTPS_PORT:-443}:443"')),
    innocent("C08", "an address in front", (COMPOSE, '"443:443"', '"0.0.0.0:443:443"')),
    innocent("C08", "unquoted, base sixty in YAML 1.1", (COMPOSE, '"443:443"', "443:443")),
    innocent("C08", "the long form", (COMPOSE, '      - "443:443"\n', "      - target: 443\n        published: 443\n")),
    innocent(
        "C08",
        "another port inside",
        (COMPOSE, '"443:443"', '"443:8443"'),
        (CONF, "listen 443 ssl;\n        listen [::]:443 ssl", "listen 8443 ssl;\n        listen [::]:8443 ssl"),
    ),
    breach(
        "C09", "the database's volume in the wrong place", (COMPOSE, "mariadb:/var/lib/mysql", "mariadb:/var/www/html")
    ),
    breach("C09", "no volume for the database", (COMPOSE, "    volumes:\n      - mariadb:/var/lib/mysql\n", "")),
    breach("C09", "an anonymous volume", (COMPOSE, "- mariadb:/var/lib/mysql", "- /var/lib/mysql")),
    breach(
        "C09",
        "NGINX has a volume of its own",
        (
            COMPOSE,
            'ports:\n      - "443:443"\n    volumes:\n      - wordpress:/var',
            'ports:\n      - "443:443"\n    volumes:\n      - mariadb2:/var',
        ),
        (COMPOSE, "volumes:\n  mariadb:\n", "volumes:\n  mariadb2:\n  mariadb:\n"),
    ),
    innocent(
        "C09",
        "the long form",
        (COMPOSE, "- mariadb:/var/lib/mysql", "- {type: volume, source: mariadb, target: /var/lib/mysql}"),
    ),
    innocent(
        "C09",
        "read only in NGINX",
        (
            COMPOSE,
            '"443:443"\n    volumes:\n      - wordpress:/var/www/html',
            '"443:443"\n    volumes:\n      - wordpress:/var/www/html:ro',
        ),
    ),
    breach(
        "C10",
        "data in Docker's own directory",
        (
            COMPOSE,
            "  mariadb:\n    driver_opts:\n      type: none\n      o: bind\n      device: ${DATA}/mariadb\n",
            "  mariadb:\n",
        ),
    ),
    breach("C10", "data somewhere else", (COMPOSE, "${DATA}/mariadb", "/srv/data/mariadb")),
    breach("C10", "of another login", (COMPOSE, "${DATA}/mariadb", "/home/other/data/mariadb"), login="student"),
    breach("C10", "a variable nobody sets", (COMPOSE, "${DATA}/mariadb", "${DATA_PATH}/mariadb"), verdict="unclear"),
    innocent("C10", "$HOME", (COMPOSE, "${DATA}/mariadb", "${HOME}/data/mariadb")),
    innocent("C10", "$USER and a slash at the end", (COMPOSE, "${DATA}/mariadb", "/home/${USER}/data/mariadb/")),
    breach(
        "C11",
        "bind mounts",
        (COMPOSE, "- mariadb:/var/lib/mysql", "- /home/student/data/mariadb:/var/lib/mysql"),
        login="student",
    ),
    innocent(
        "C11",
        "bind mounts before version 5.2",
        (COMPOSE, "- mariadb:/var/lib/mysql", "- /home/student/data/mariadb:/var/lib/mysql"),
        login="student",
        subject="5",
    ),
    innocent(
        "C11",
        "a configuration file as a bind mount",
        (COMPOSE, "- mariadb:/var/lib/mysql", "- mariadb:/var/lib/mysql\n      - ./my.cnf:/etc/mysql/my.cnf:ro"),
    ),
    breach(
        "C12",
        "no environment",
        (COMPOSE, "  env_file: .env\n", ""),
        (COMPOSE, "${DATA}/mariadb", "/home/student/data/mariadb"),
        (COMPOSE, "${DATA}/wordpress", "/home/student/data/wordpress"),
        also={"W01": "unclear", "G16": "fail"},
    ),
    innocent(
        "C12",
        "bare names",
        (COMPOSE, "  env_file: .env\n", "  environment: [MYSQL_DATABASE, MYSQL_USER, DOMAIN_NAME, WP_BOSS_LOGIN]\n"),
    ),
    breach(
        "C13",
        "no secrets",
        (COMPOSE, "    secrets: [db_password, db_root_password]\n", ""),
        (COMPOSE, "    secrets: [db_password, credentials]\n", ""),
        verdict="advice",
        also={"G05": "fail"},
    ),
    breach(
        "C13",
        "a secret nobody declared",
        (COMPOSE, "secrets: [db_password, credentials]", "secrets: [db_password, credentials, salt]"),
        verdict="advice",
    ),
)
