"""Edits of the reference into shapes that are odd and legal."""

from __future__ import annotations

from tests.inception.mutants.edits import COMPOSE, CONF, MAKEFILE, NGINX, Mutant, breach, innocent

LEGAL: tuple[Mutant, ...] = (
    innocent(
        "shape",
        "compose.yaml",
        ("srcs/compose.yaml", None, "@" + COMPOSE),
        (COMPOSE, None, None),
        (MAKEFILE, "-f srcs/docker-compose.yml", "--project-directory srcs -f srcs/compose.yaml"),
    ),
    innocent(
        "shape",
        "an override by a second -f",
        ("srcs/more.yml", None, "services:\n  nginx:\n    labels: [a=b]\n"),
        (MAKEFILE, "-f srcs/docker-compose.yml", "-f srcs/docker-compose.yml -f srcs/more.yml"),
    ),
    breach(
        "C08",
        "an override opens a port",
        ("srcs/more.yml", None, 'services:\n  mariadb:\n    ports: ["3306:3306"]\n'),
        (MAKEFILE, "-f srcs/docker-compose.yml", "-f srcs/docker-compose.yml -f srcs/more.yml"),
    ),
    innocent(
        "shape",
        "include",
        ("srcs/net.yml", None, "networks:\n  inception:\n"),
        (COMPOSE, "networks:\n  inception:\n\n", ""),
        (COMPOSE, "x-common:", "include: [net.yml]\nx-common:"),
    ),
    innocent(
        "N06",
        "made in a here-document of a stage that is copied from",
        (
            NGINX,
            "FROM debian:bookworm\n",
            "FROM debian:bookworm AS tls\nRUN apt-get update && apt-get install -y --no-install-recommends openssl \\\n"
            "    && rm -rf /var/lib/apt/lists/*\nRUN <<EOF\nmkdir /tls\nopenssl req -x509 -newkey rsa:2048 -nodes "
            "-subj /CN=x -keyout /tls/site.key -out /tls/site.crt\nEOF\nFROM debian:bookworm\n"
            "COPY --from=tls /tls /etc/nginx/tls\n",
        ),
        (
            NGINX,
            " nginx openssl \\",
            " nginx \\",
        ),
        (
            NGINX,
            "    && mkdir -p /etc/nginx/tls \\\n    && openssl req -x509 -newkey rsa:2048 -nodes -days 365 "
            "-subj /CN=student.42.fr \\\n        -keyout /etc/nginx/tls/site.key -out /etc/nginx/tls/site.crt\n",
            "    && true\n",
        ),
    ),
    breach(
        "N06",
        "made in a stage that nobody copies from",
        (
            NGINX,
            "FROM debian:bookworm\n",
            "FROM debian:bookworm AS tls\nRUN openssl req -x509 -newkey rsa:2048 -nodes "
            "-subj /CN=x -keyout /tls/site.key -out /tls/site.crt\nFROM debian:bookworm\n",
        ),
        (NGINX, " nginx openssl \\", " nginx \\"),
        (
            NGINX,
            "    && mkdir -p /etc/nginx/tls \\\n    && openssl req -x509 -newkey rsa:2048 -nodes -days 365 "
            "-subj /CN=student.42.fr \\\n        -keyout /etc/nginx/tls/site.key -out /etc/nginx/tls/site.crt\n",
            "    && true\n",
        ),
    ),
    innocent(
        "S07",
        "an included file's paths start from its own directory",
        (COMPOSE, "x-common:", "include: [requirements/wordpress/compose.yaml]\nx-common:"),
        (
            COMPOSE,
            "  wordpress:\n    <<: *common\n    build: requirements/wordpress\n    image: wordpress:inception\n"
            "    depends_on:\n      mariadb:\n        condition: service_healthy\n    volumes:\n"
            "      - wordpress:/var/www/html\n    secrets: [db_password, credentials]\n\n",
            "",
        ),
        (
            "srcs/requirements/wordpress/compose.yaml",
            None,
            "services:\n  wordpress:\n    extends: {file: ../../base.yml, service: base}\n    build: .\n"
            "    image: wordpress:inception\n    depends_on: {mariadb: {condition: service_healthy}}\n"
            "    volumes: [wordpress:/var/www/html]\n    secrets: [db_password, credentials]\n",
        ),
        (
            "srcs/base.yml",
            None,
            "services:\n  base:\n    restart: always\n    env_file: [{path: .env}]\n    networks: [inception]\n",
        ),
    ),
    breach(
        "S07",
        "an included file's paths do not start from the including one's",
        (COMPOSE, "x-common:", "include: [{path: requirements/bonus.yaml}]\nx-common:"),
        (
            "srcs/requirements/bonus.yaml",
            None,
            "services:\n  bonus:\n    build: requirements/nginx\n    image: bonus:1\n    restart: always\n"
            "    networks: [inception]\n",
        ),
        also={"X01": "advice"},
    ),
    innocent(
        "S07",
        "a service of another directory brings its build along",
        (
            COMPOSE,
            "    build: requirements/nginx\n",
            "    extends: {file: requirements/nginx/base.yml, service: base}\n",
        ),
        ("srcs/requirements/nginx/base.yml", None, "services:\n  base:\n    build: {context: .}\n"),
    ),
    innocent(
        "shape",
        "extends",
        ("srcs/base.yml", None, "services:\n  base:\n    restart: always\n"),
        (
            COMPOSE,
            "    build: requirements/nginx\n",
            "    build: requirements/nginx\n    extends: {file: base.yml, service: base}\n",
        ),
    ),
    innocent("shape", "Windows line ends", (CONF, "user www-data;\n", "user www-data;\r\n")),
    innocent("shape", "an editor's backup", ("srcs/requirements/nginx/conf/nginx.conf~", None, "ssl_protocols TLSv1;")),
)
