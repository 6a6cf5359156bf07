"""Small edits of the reference submission: breaches and their innocent look-alikes.

An edit is (file, old, new): `old` must be there; None writes the file whole, and `new` None removes it.
`says` is what must differ from the reference: rule -> verdict; empty for a look-alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Edit = tuple[str, str | None, str | None]

COMPOSE = "srcs/docker-compose.yml"
ENV = "srcs/.env"
MARIADB = "srcs/requirements/mariadb/Dockerfile"
MARIADB_START = "srcs/requirements/mariadb/tools/start.sh"
WORDPRESS = "srcs/requirements/wordpress/Dockerfile"
WORDPRESS_START = "srcs/requirements/wordpress/tools/start.sh"
NGINX = "srcs/requirements/nginx/Dockerfile"
CONF = "srcs/requirements/nginx/conf/nginx.conf"
INSTALL = "srcs/requirements/wordpress/tools/install.php"
MAKEFILE = "Makefile"
README = "README.md"
FIRST_LINE = "*This project has been created as part of the 42 curriculum by student.*"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQ==\n-----END PRIVATE KEY-----\n"
WP_CLI = "php /opt/inception/install.php"


@dataclass(frozen=True, slots=True)
class Mutant:
    name: str
    says: dict[str, str]
    edits: tuple[Edit, ...]
    asked: dict[str, Any] = field(default_factory=dict)
    above: bool = False
    """The repository begins in the directory above; a file of an edit may begin with `../`."""


def breach(
    rule: str,
    name: str,
    *edits: Edit,
    verdict: str = "fail",
    also: dict[str, str] | None = None,
    above: bool = False,
    **asked: Any,
) -> Mutant:
    return Mutant(f"{rule}: {name}", {rule: verdict, **(also or {})}, edits, asked, above)


def innocent(rule: str, name: str, *edits: Edit, above: bool = False, **asked: Any) -> Mutant:
    return Mutant(f"{rule}: {name} (innocent)", {}, edits, asked, above)


def wp(command: str) -> tuple[Edit, ...]:
    """The site installed by wp-cli instead of our PHP."""
    dockerfile = "tools/wp-config.php tools/install.php /opt/inception/"
    return (
        (WORDPRESS_START, WP_CLI, command),
        (WORDPRESS, dockerfile, "tools/wp-config.php /opt/inception/"),
        (INSTALL, None, None),
    )


WP_INSTALL = (
    "wp core install --allow-root --url=https://$DOMAIN_NAME --title=Site --admin_user=$WP_BOSS_LOGIN "
    "--admin_email=$WP_BOSS_EMAIL\nwp user create --allow-root $WP_WRITER_LOGIN $WP_WRITER_EMAIL --role=author"
)

MUTANTS = (
    # -- S
    breach(
        "S01",
        "no Makefile",
        (MAKEFILE, None, None),
        verdict="fail",
        also=dict.fromkeys(["S05", "S06", "E01", "E02"], "unclear"),
    ),
    innocent(
        "S01",
        "a lower-case makefile",
        ("makefile", None, "@Makefile"),
        (MAKEFILE, None, None),
    ),
    innocent("S01", "another Makefile deeper", ("srcs/tools/Makefile", None, "all:\n\techo no\n")),
    breach(
        "S03",
        "the compose file is called stack.yml",
        ("srcs/stack.yml", None, "services: {}\n"),
        (COMPOSE, None, None),
        (MAKEFILE, "-f srcs/docker-compose.yml", "--profile x"),
        also=dict.fromkeys(
            [
                "B01",
                "B02",
                "B03",
                "B04",
                "B05",
                "B06",
                "C01",
                "C02",
                "C03",
                "C04",
                "C05",
                "C06",
                "C07",
                "C08",
                "C09",
                "C10",
                "C11",
                "C12",
                "C13",
                "D01",
                "D02",
                "D03",
                "D04",
                "D05",
                "D06",
                "D07",
                "D08",
                "D09",
                "D10",
                "D11",
                "E03",
                "E04",
                *(f"G{number:02}" for number in range(1, 21)),
                "N01",
                "N02",
                "N03",
                "N04",
                "N05",
                "N06",
                "P01",
                "P06",
                "S07",
                "S08",
                "S09",
                "S11",
                "W01",
                "W02",
                "W03",
                "W04",
                "W05",
                "W06",
                "W07",
                "W08",
                "X01",
                "X02",
                "X03",
                "X04",
            ],
            "unclear",
        ),
    ),
    breach("S04", "a Dockerfile outside srcs", ("nginx/Dockerfile", None, "FROM debian:bookworm\n")),
    breach("S04", "an NGINX configuration outside srcs", ("conf/site.conf", None, "server { listen 1; }\n")),
    innocent("S04", "a configuration of something else outside srcs", ("tools.conf", None, "color = auto\n")),
    innocent("S04", "a Dockerfile in docs/", ("docs/Dockerfile", None, "FROM debian:bookworm\n")),
    breach(
        "S05",
        "make runs docker, not compose",
        (MAKEFILE, "docker compose -f srcs/docker-compose.yml", "docker stack"),
        also={"S06": "fail"},
    ),
    innocent("S05", "docker-compose with a dash", (MAKEFILE, "docker compose -f", "docker-compose -f")),
    innocent(
        "S05", "cd srcs first", (MAKEFILE, "$(COMPOSE) up --detach --build", "cd srcs && docker compose up -d --build")
    ),
    innocent(
        "S05",
        "through sudo and another variable",
        (MAKEFILE, "COMPOSE = docker compose", "DC := sudo docker compose\nCOMPOSE = $(DC)"),
    ),
    breach("S06", "help is the first target", (MAKEFILE, "all: up\n", "help:\n\t@echo make all\n\nall: up\n")),
    innocent(
        "S06",
        "help is first, .DEFAULT_GOAL is all",
        (MAKEFILE, "all: up\n", ".DEFAULT_GOAL := all\n\nhelp:\n\t@echo make all\n\nall: up\n"),
    ),
    innocent("S06", "the sub-make starts it", (MAKEFILE, "all: up\n", "all:\n\t$(MAKE) up\n")),
    breach(
        "S07",
        "an empty Dockerfile",
        (NGINX, None, ""),
        also={"S08": "unclear", **dict.fromkeys(["N01", "N02", "N03", "N04", "N05", "N06", "C08"], "unclear")},
    ),
    breach(
        "S07",
        "two services share one",
        (COMPOSE, "build: requirements/mariadb", "build: requirements/nginx"),
        also={"S08": "fail", "W06": "unclear", "S11": "advice"},
    ),
    innocent(
        "S07", "a lower-case dockerfile", ("srcs/requirements/nginx/dockerfile", None, "@" + NGINX), (NGINX, None, None)
    ),
    innocent(
        "S07",
        "a context at srcs with a path",
        (COMPOSE, "build: requirements/nginx", "build: {context: ., dockerfile: requirements/nginx/Dockerfile}"),
        (NGINX, "COPY conf/", "COPY requirements/nginx/conf/"),
        ("srcs/.dockerignore", None, ".git\n"),
    ),
    breach(
        "S09",
        "MariaDB in WordPress's image",
        (WORDPRESS, "php8.2-mysql wordpress", "php8.2-mysql wordpress mariadb-server"),
    ),
    breach("S09", "supervisord", (NGINX, "nginx openssl", "nginx openssl supervisor")),
    innocent(
        "S09",
        "the client in WordPress's image",
        (WORDPRESS, "php8.2-mysql wordpress", "php8.2-mysql wordpress mariadb-client"),
    ),
    breach("S11", "a Dockerfile nobody builds", ("srcs/nginx/Dockerfile", None, "FROM ubuntu\n"), verdict="advice"),
    # -- C
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
    # -- P
    breach("P01", "ENV with a password", (MARIADB, "ENTRYPOINT", "ENV MYSQL_PASSWORD=hunter22\nENTRYPOINT")),
    breach("P01", "ARG with a password", (MARIADB, "ENTRYPOINT", "ARG DB_PASS=hunter22\nENTRYPOINT")),
    breach(
        "P01",
        "IDENTIFIED BY in RUN",
        (
            MARIADB,
            "ENTRYPOINT",
            "RUN echo \"ALTER USER 'root'@'localhost' IDENTIFIED BY 'hunter22'\" > /tmp/x\nENTRYPOINT",
        ),
    ),
    breach("P01", "chpasswd", (MARIADB, "ENTRYPOINT", "RUN echo 'ftp:hunter22' | chpasswd\nENTRYPOINT")),
    innocent("P01", "ARG without a value", (MARIADB, "ENTRYPOINT", "ARG DB_PASS\nENTRYPOINT")),
    innocent(
        "P01",
        "a path to a secret",
        (MARIADB, "ENTRYPOINT", "ENV MYSQL_PASSWORD_FILE=/run/secrets/db_password\nENTRYPOINT"),
    ),
    innocent("P01", "a comment", (MARIADB, "ENTRYPOINT", "# ENV MYSQL_PASSWORD=hunter22\nENTRYPOINT")),
    breach(
        "P02",
        "a tracked .env with a password",
        (".gitignore", "srcs/.env\n", ""),
        (ENV, None, "@srcs/.env.example+MYSQL_PASSWORD=hunter22\n"),
        also={"P08": "advice"},
    ),
    breach(
        "P02",
        "an example with plausible values",
        ("srcs/.env.example", "WP_TITLE", "MYSQL_PASSWORD=hunter22\nWP_TITLE"),
        verdict="unclear",
    ),
    innocent(
        "P02",
        "an example with blank values",
        ("srcs/.env.example", "WP_TITLE", "MYSQL_PASSWORD=\nAPI_TOKEN=changeme\nWP_TITLE"),
    ),
    innocent("P02", "a .env with a password that git ignores", (ENV, "WP_TITLE", "MYSQL_PASSWORD=hunter22\nWP_TITLE")),
    breach(
        "P03",
        "a tracked secret",
        (".gitignore", "secrets/\n", ""),
        ("secrets/db_password.txt", None, "hunter22\n"),
        also={"P08": "advice"},
    ),
    innocent(
        "P03",
        "secrets/.gitkeep",
        (".gitignore", "secrets/\n", "secrets/*\n!secrets/.gitkeep\n"),
        ("secrets/.gitkeep", None, ""),
    ),
    *(
        breach(
            "P03",
            f"a tracked secret: {name}",
            (".gitignore", "secrets/\n", ""),
            ("secrets/db_password.txt", None, value),
            also={"P08": "advice"},
        )
        for name, value in {
            "padded base64": "cGFzc3dvcmQxMjM0NTY3OA==\n",
            "a dollar": "pa$$w0rd\n",
            "a leading slash": "/8dKq2\n",
            "on the second line": "\ndb_password=hunter22\n",
            "a weak word": "password\n",
        }.items()
    ),
    innocent(
        "P03",
        "a tracked file that asks for a secret",
        (".gitignore", "secrets/\n", "secrets/*\n!secrets/db_password.txt\n"),
        ("secrets/db_password.txt", None, "<your password>\n# at least 12 characters\n"),
    ),
    *(
        breach(
            "P02",
            f"a tracked .env: {line}",
            (".gitignore", "srcs/.env\n", ""),
            (ENV, None, f"@srcs/.env.example+{line}\n"),
            also={"P08": "advice"},
        )
        for line in (
            "DB_PASSWORD=secret",
            "DB_PASS=none",
            "MYSQL_MDP=hunter22",
            "DB_PSWD=hunter22",
            "DBPW=hunter22",
            "DBPWD=hunter22",
            "DB_ROOT=hunter22",
            "DB_PASSWORD='$ecret22'",
        )
    ),
    *(
        innocent(
            "P02",
            f"a tracked .env: {line}",
            (".gitignore", "srcs/.env\n", "srcs/.env.local\n"),
            ("srcs/tools/more.env", None, f"{line}\n"),
            (".gitignore", "srcs/.env.local\n", "srcs/.env\n"),
        )
        for line in (
            "DB_PASSWORD=here_goes_the_password",
            "SECRET_FILES=db_password.txt",
            "WP_CACHE_KEY_SALT=site.42.fr",
            "DB_PASSWORD=${SECRETS}/db_password",
            'NEEDED_SECRETS="db_password wp_password"',
        )
    ),
    innocent(
        "P05",
        "an array of names",
        (WORDPRESS_START, "set -eu\n", "set -eu\nNEEDED_SECRETS='db_password wp_password'\n"),
    ),
    *(
        breach("P05", f"a key in {file}", (f"srcs/requirements/bonus/{file}", None, text))
        for file, text in {
            "app.py": 'API_KEY = "sk-9f8e7d6c5b"\n',
            "app.js": "const config = { apiKey: 'sk-9f8e7d6c5b' };\n",
            "conf.php": "<?php return ['password' => 'hunter22!'];\n",
        }.items()
    ),
    innocent(
        "P05",
        "a form in code",
        ("srcs/requirements/bonus/app.js", None, "form({ password: 'Password', token: getenv('API_TOKEN') });\n"),
    ),
    breach("P05", "a password in a document", ("docs/notes.md", None, "The admin's password is `hunter22!`.\n")),
    innocent(
        "P05",
        "a document that asks for one",
        ("docs/notes.md", None, "Write MYSQL_PASSWORD=your_password1 and a password: at least 12 characters.\n"),
    ),
    innocent("P03", "a secret that git ignores", ("secrets/db_password.txt", None, "hunter22\n")),
    breach("P04", "a private key", ("srcs/requirements/nginx/conf/site.pem", None, KEY)),
    innocent("P04", "a public key", ("srcs/requirements/nginx/conf/id.pub", None, "ssh-ed25519 AAAA student\n")),
    innocent(
        "P04", "a key's header in a text", ("docs/keys.md", None, "It begins with `-----BEGIN PRIVATE KEY-----`.\n")
    ),
    breach("P05", "a password in a script", (WORDPRESS_START, "set -eu\n", "set -eu\nDB_PASSWORD=hunter22\n")),
    breach(
        "P05",
        "a password in the compose file",
        (COMPOSE, "  env_file: .env\n", "  env_file: .env\n  environment: {MYSQL_PASSWORD: hunter22}\n"),
    ),
    breach(
        "P05",
        "the .env from a paste",
        (MAKEFILE, "cp srcs/.env.example srcs/.env", "curl -o srcs/.env https://pastebin.com/raw/abcdef"),
    ),
    breach(
        "P05",
        "a hash in a dump",
        (
            "srcs/requirements/mariadb/tools/dump.sql",
            None,
            "INSERT INTO wp_users VALUES (1,'boss','$P$BabcdefghijklmnopqrstuvwxyzABCD');\n",
        ),
    ),
    breach(
        "P05",
        "salts in wp-config",
        (
            "srcs/requirements/wordpress/tools/wp-config.php",
            "$table_prefix",
            "define('NONCE_KEY', 'k9!sd8fj2-lsd0fj');\n$table_prefix",
        ),
    ),
    innocent(
        "P05",
        "salts nobody filled in",
        (
            "srcs/requirements/wordpress/tools/wp-config.php",
            "$table_prefix",
            "define('NONCE_KEY', 'put your unique phrase here');\n$table_prefix",
        ),
    ),
    innocent(
        "P05",
        "a variable from a secret",
        (WORDPRESS_START, "set -eu\n", "set -eu\nDB_PASSWORD=$(cat /run/secrets/db_password)\n"),
    ),
    innocent(
        "P05",
        "a value from the .env in the compose file",
        (COMPOSE, "  env_file: .env\n", "  env_file: .env\n  environment: {DB_PASSWORD: '${DB_PASSWORD:-}'}\n"),
    ),
    breach(
        "P06",
        "a password as build argument",
        (COMPOSE, "build: requirements/nginx", "build: {context: requirements/nginx, args: {DB_PASSWORD: '${X:-}'}}"),
        verdict="advice",
    ),
    breach(
        "P08",
        ".gitignore forgets the .env",
        (".gitignore", "srcs/.env\n", ""),
        (ENV, None, None),
        verdict="advice",
    ),
    innocent("P08", "a pattern for it", (".gitignore", "srcs/.env\n", "*.env\n")),
    innocent("P08", "a .gitignore deeper", (".gitignore", "srcs/.env\n", ""), ("srcs/.gitignore", None, ".env\n")),
    # -- D
    breach("D01", "ubuntu", (NGINX, "debian:bookworm", "ubuntu:24.04")),
    breach("D01", "the official image", (NGINX, "debian:bookworm", "nginx:1.27")),
    breach("D01", "COPY from another image", (NGINX, "COPY conf", "COPY --from=busybox:1 /bin/sh /opt/sh\nCOPY conf")),
    innocent(
        "D01",
        "a stage of its own",
        (NGINX, "FROM debian:bookworm", "FROM --platform=linux/amd64 debian:bookworm AS base\nFROM base AS last"),
    ),
    innocent("D01", "lower case", (NGINX, "FROM debian:bookworm", "from debian:bookworm")),
    breach("D02", "no tag", (NGINX, "debian:bookworm", "debian"), also={"C06": "fail"}),
    breach("D02", "alpine:3 floats", (NGINX, "debian:bookworm", "alpine:3")),
    breach("D02", "stable moves", (NGINX, "debian:bookworm", "debian:stable")),
    innocent(
        "D02",
        "an argument with a default",
        (NGINX, "FROM debian:bookworm", "ARG RELEASE=bookworm\nFROM debian:${RELEASE}"),
    ),
    breach(
        "D01",
        "an argument nobody gives",
        (NGINX, "FROM debian:bookworm", "ARG RELEASE\nFROM debian:${RELEASE}"),
        verdict="unclear",
    ),
    breach("D03", "the stable release", (NGINX, "debian:bookworm", "debian:trixie")),
    breach("D03", "bullseye", (NGINX, "debian:bookworm", "debian:11")),
    innocent("D03", "slim", (NGINX, "debian:bookworm", "debian:bookworm-slim")),
    innocent("D03", "dated", (NGINX, "debian:bookworm", "debian:bookworm-20260811-slim")),
    innocent("D03", "by number", (NGINX, "debian:bookworm", "debian:12.7")),
    innocent("D03", "oldstable", (NGINX, "debian:bookworm", "debian:oldstable-slim")),
    innocent("D03", "mixed with the penultimate Alpine", (NGINX, "debian:bookworm", "alpine:3.23.2")),
    innocent("D03", "with a digest", (NGINX, "debian:bookworm", "debian:bookworm@sha256:" + "0" * 64)),
    breach("D04", "NGINX beside WordPress", (WORDPRESS, "php8.2-mysql wordpress", "php8.2-mysql wordpress nginx")),
    innocent("D04", "a comment about NGINX", (WORDPRESS, "RUN apt-get", "# no nginx here\nRUN apt-get")),
    breach(
        "D05",
        "tail -f",
        (NGINX, 'CMD ["nginx", "-g", "daemon off;"]', 'CMD ["sh", "-c", "nginx && tail -f /dev/null"]'),
        also={"D10": "fail"},
    ),
    breach(
        "D05",
        "sleep infinity",
        (NGINX, 'CMD ["nginx", "-g", "daemon off;"]', "CMD nginx; sleep infinity"),
        also={"D10": "fail"},
    ),
    breach("D05", "bash", (NGINX, 'CMD ["nginx", "-g", "daemon off;"]', 'CMD ["bash"]'), also={"D10": "fail"}),
    breach("D05", "a comment behind the list", (NGINX, '"daemon off;"]', '"daemon off;"] # in front')),
    breach(
        "D05",
        "in the background",
        (NGINX, 'CMD ["nginx", "-g", "daemon off;"]', 'CMD php & nginx -g "daemon off;"'),
        also={"D09": "advice"},
    ),
    breach(
        "D05",
        "compose replaces it",
        (COMPOSE, "    image: nginx:inception\n", "    image: nginx:inception\n    command: tail -F /dev/null\n"),
        also={"D10": "fail"},
    ),
    innocent(
        "D05", "a shell runs a script", (MARIADB, 'ENTRYPOINT ["start"]', 'ENTRYPOINT ["sh", "/usr/local/bin/start"]')
    ),
    innocent(
        "D05",
        "a hack in a stage nobody uses",
        (
            NGINX,
            "FROM debian:bookworm",
            'FROM debian:bookworm AS unused\nCMD ["tail", "-f", "/dev/null"]\nFROM debian:bookworm',
        ),
    ),
    breach("D06", "while true", (MARIADB_START, 'exec "$@"', "while true; do sleep 1; done"), also={"D09": "advice"}),
    breach("D06", "until false", (MARIADB_START, 'exec "$@"', 'until false; do sleep 1; done\nexec "$@"')),
    breach("D06", "tail -f in the script", (MARIADB_START, 'exec "$@"', "tail -f /var/log/x"), also={}),
    breach(
        "D06",
        "a loop in a script of the host",
        ("check.sh", None, "#!/bin/sh\nwhile :; do sleep 1; done\n"),
        verdict="advice",
    ),
    innocent(
        "D06", "a loop that waits", (WORDPRESS_START, WP_CLI, "while ! mysqladmin ping; do sleep 1; done\n" + WP_CLI)
    ),
    innocent("D06", "until nc", (WORDPRESS_START, WP_CLI, "until nc -z mariadb 3306; do sleep 1; done\n" + WP_CLI)),
    innocent(
        "D06",
        "while true with break",
        (WORDPRESS_START, WP_CLI, "while true; do mysqladmin ping && break; sleep 1; done\n" + WP_CLI),
    ),
    innocent("D06", "a counted loop", (WORDPRESS_START, WP_CLI, "for i in 1 2 3; do sleep 1; done\n" + WP_CLI)),
    innocent(
        "D06",
        "words in a here-document",
        (WORDPRESS_START, WP_CLI, "cat > /tmp/x << EOF\nwhile true; do sleep 1; done\nEOF\n" + WP_CLI),
    ),
    innocent(
        "D06",
        "compose logs -f in the Makefile",
        (MAKEFILE, "re: fclean all", "logs:\n\t$(COMPOSE) logs -f\n\nre: fclean all"),
    ),
    breach("D07", "a daemon in the background", (MARIADB_START, 'exec "$@"', 'mariadbd-safe &\nexec "$@"')),
    breach(
        "D07",
        "a temporary daemon that is ended",
        (MARIADB_START, 'exec "$@"', 'mariadbd --user=mysql --skip-networking &\nmysqladmin shutdown\nexec "$@"'),
        verdict="advice",
    ),
    breach(
        "D07",
        "the same, strictly",
        (MARIADB_START, 'exec "$@"', 'mariadbd --user=mysql --skip-networking &\nmysqladmin shutdown\nexec "$@"'),
        strict=True,
    ),
    innocent("D07", "&& and 2>&1", (MARIADB_START, 'exec "$@"', 'true && echo "a & b" > /dev/null 2>&1\nexec "$@"')),
    innocent("D07", "in the background when built", (MARIADB, "ENTRYPOINT", "RUN sleep 1 & wait\nENTRYPOINT")),
    breach(
        "D08",
        "service mariadb start",
        (MARIADB_START, 'exec "$@"', 'service mariadb start\nexec "$@"'),
        verdict="advice",
    ),
    innocent("D08", "when built", (MARIADB, "ENTRYPOINT", "RUN <<EOF\nservice mariadb start\nEOF\nENTRYPOINT")),
    breach("D09", "no exec", (MARIADB_START, 'exec "$@"', "mariadbd --user=mysql"), verdict="advice"),
    innocent(
        "D09",
        "init: true",
        (MARIADB_START, 'exec "$@"', "mariadbd --user=mysql"),
        (COMPOSE, "    image: mariadb:inception\n", "    image: mariadb:inception\n    init: true\n"),
    ),
    breach("D10", "NGINX goes to the background", (NGINX, 'CMD ["nginx", "-g", "daemon off;"]', 'CMD ["nginx"]')),
    breach("D10", "php-fpm goes to the background", (WORDPRESS, '["php-fpm8.2", "-F"]', '["php-fpm8.2"]')),
    innocent(
        "D10",
        "daemon off in the configuration",
        (NGINX, 'CMD ["nginx", "-g", "daemon off;"]', 'CMD ["nginx"]'),
        (CONF, "user www-data;", "user www-data;\ndaemon off;"),
    ),
    innocent(
        "D10",
        "ENTRYPOINT and CMD share the words",
        (NGINX, 'CMD ["nginx", "-g", "daemon off;"]', 'CMD ["-g", "daemon off;"]\nENTRYPOINT ["nginx"]'),
    ),
    innocent(
        "D10",
        "daemonize = no",
        (WORDPRESS, '["php-fpm8.2", "-F"]', '["php-fpm8.2"]'),
        ("srcs/requirements/wordpress/conf/www.conf", "[www]", "[global]\ndaemonize = no\n[www]"),
    ),
    breach("D11", "the lists stay", (NGINX, "rm -rf /var/lib/apt/lists/* /etc", "rm -rf /etc"), verdict="advice"),
    # -- N
    breach("N01", "TLS 1.1", (CONF, "TLSv1.2 TLSv1.3", "TLSv1.1 TLSv1.2 TLSv1.3")),
    breach("N01", "nothing said", (CONF, "        ssl_protocols TLSv1.2 TLSv1.3;\n", ""), verdict="unclear"),
    breach(
        "N01",
        "TLS 1.1 for the whole of http",
        (CONF, "    access_log /dev/stdout;", "    ssl_protocols TLSv1.1;\n    access_log /dev/stdout;"),
    ),
    innocent("N01", "1.3 alone", (CONF, "TLSv1.2 TLSv1.3", "TLSv1.3")),
    innocent(
        "N01",
        "a comment about TLS 1.1",
        (CONF, "        ssl_protocols", "        # ssl_protocols TLSv1.1;\n        ssl_protocols"),
    ),
    innocent(
        "N01",
        "written by a here-document",
        (NGINX, "COPY conf/nginx.conf /etc/nginx/nginx.conf", "COPY <<EOF /etc/nginx/nginx.conf\n@" + CONF + "\nEOF"),
        (CONF, None, None),
    ),
    breach("N02", "no ssl on 443", (CONF, "listen 443 ssl;\n        listen [::]:443 ssl;", "listen 443;")),
    breach("N02", "another port", (CONF, "listen 443 ssl;\n        listen [::]:443 ssl;", "listen 8443 ssl;")),
    innocent("N02", "http2", (CONF, "listen 443 ssl;", "listen 443 ssl http2;")),
    innocent("N02", "ssl on", (CONF, "listen 443 ssl;\n        listen [::]:443 ssl;", "listen 443;\n        ssl on;")),
    breach(
        "N03",
        "a server on 80 that nobody reaches",
        (
            CONF,
            "    server {\n",
            "    server {\n        listen 80;\n        server_name student.42.fr;\n        return 301 https://$host;\n    }\n\n    server {\n",
        ),
        verdict="advice",
    ),
    breach("N04", "another name", (CONF, "server_name student.42.fr;", "server_name localhost;")),
    breach("N04", "no name", (CONF, "        server_name student.42.fr;\n", "")),
    breach(
        "N04",
        "a name that is put in later",
        (CONF, "server_name student.42.fr;", "server_name ${DOMAIN_NAME};"),
        verdict="unclear",
    ),
    innocent(
        "N04", "www as well", (CONF, "server_name student.42.fr;", "server_name www.student.42.fr student.42.fr;")
    ),
    innocent(
        "N04",
        "another campus",
        (CONF, "server_name student.42.fr;", "server_name student.42.qc;"),
        domain="{login}.42.qc",
    ),
    breach("N05", "another port", (CONF, "wordpress:9000", "wordpress:9001")),
    breach("G13", "php-fpm by a name nobody has", (CONF, "wordpress:9000", "php:9000")),
    breach("N05", "no fastcgi_pass", (CONF, "            fastcgi_pass wordpress:9000;\n", "")),
    breach("N05", "a socket", (CONF, "wordpress:9000", "unix:/run/php/php.sock"), verdict="unclear"),
    innocent(
        "N05",
        "by the container's name",
        (CONF, "wordpress:9000", "php:9000"),
        (COMPOSE, "    image: wordpress:inception\n", "    image: wordpress:inception\n    container_name: php\n"),
    ),
    innocent(
        "N05",
        "an upstream",
        (CONF, "fastcgi_pass wordpress:9000", "fastcgi_pass php"),
        (CONF, "    server {\n", "    upstream php { server wordpress:9000; }\n\n    server {\n"),
    ),
    breach("N06", "no certificate", (CONF, "        ssl_certificate /etc/nginx/tls/site.crt;\n", "")),
    breach(
        "N06", "a certificate from nowhere", (CONF, "/etc/nginx/tls/site.crt", "/etc/ssl/other.crt"), verdict="unclear"
    ),
    innocent(
        "N06",
        "a certificate that is a secret",
        (CONF, "ssl_certificate /etc/nginx/tls/site.crt", "ssl_certificate /run/secrets/site.crt"),
    ),
    # -- W
    breach("W01", "admin", (ENV, "WP_BOSS_LOGIN=captain", "WP_BOSS_LOGIN=admin")),
    breach("W01", "Wp_Admin_User", (ENV, "WP_BOSS_LOGIN=captain", "WP_BOSS_LOGIN=Wp_Admin_User")),
    breach("W01", "a literal for wp-cli", *wp(WP_INSTALL.replace("$WP_BOSS_LOGIN", "superadmin"))),
    breach(
        "W01",
        "a variable nobody sets",
        *wp(WP_INSTALL.replace("$WP_BOSS_LOGIN", "$OWNER")),
        verdict="unclear",
        also={"G16": "fail"},
    ),
    innocent(
        "W01",
        "admin in the address and in a variable's name",
        *wp(WP_INSTALL.replace("$WP_BOSS_LOGIN", "$WP_ADMIN_USER")),
        (ENV, "WP_BOSS_LOGIN=captain", "WP_ADMIN_USER=captain"),
        (ENV, "captain@student", "admin@student"),
    ),
    innocent("W01", "adm", (ENV, "WP_BOSS_LOGIN=captain", "WP_BOSS_LOGIN=captain_adm")),
    breach("W02", "one user", *wp(WP_INSTALL.split("\n")[0])),
    breach("W02", "one user, in PHP", (INSTALL, "wp_insert_user([", "array_filter([")),
    innocent("W02", "wp-cli creates both", *wp(WP_INSTALL)),
    breach(
        "W03",
        "nothing installs it",
        (WORDPRESS_START, WP_CLI, "true"),
        (INSTALL, None, None),
        (WORDPRESS, "tools/wp-config.php tools/install.php /opt/inception/", "tools/wp-config.php /opt/inception/"),
        also={"W01": "unclear", "W02": "unclear"},
    ),
    breach("W04", "http", *wp(WP_INSTALL.replace("https://$DOMAIN_NAME", "http://student.42.fr"))),
    breach("W04", "localhost", *wp(WP_INSTALL.replace("$DOMAIN_NAME", "localhost"))),
    breach(
        "W04",
        "a variable nobody sets",
        *wp(WP_INSTALL.replace("$DOMAIN_NAME", "$SITE")),
        verdict="unclear",
        also={"G16": "fail"},
    ),
    innocent("W04", "without a scheme", *wp(WP_INSTALL.replace("https://$DOMAIN_NAME", "$DOMAIN_NAME"))),
    breach(
        "W05",
        "a socket",
        ("srcs/requirements/wordpress/conf/www.conf", "listen = 9000", "listen = /run/php/php.sock"),
        verdict="advice",
        also={"G03": "fail"},
    ),
    breach(
        "W06",
        "root without a password",
        (MARIADB_START, "ALTER USER 'root'@'localhost' IDENTIFIED BY '${root_password}';\n", ""),
    ),
    # -- R
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
    # -- M, X
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
    # -- shapes that are odd and legal
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
