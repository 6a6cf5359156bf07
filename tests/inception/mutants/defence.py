"""More edits of the reference: what happens at the defence, the bonus, and shapes that real submissions have."""

from __future__ import annotations

from tests.inception.mutants.edits import (
    COMPOSE,
    CONF,
    MAKEFILE,
    MKDIR,
    NGINX,
    WORDPRESS,
    WORDPRESS_START,
    Edit,
    Mutant,
    breach,
    innocent,
)

UP = "$(COMPOSE) up --detach --build"


def service(name: str, more: str, dockerfile: str, *files: tuple[str, str]) -> tuple[Edit, ...]:
    """A bonus service with a directory of its own; `more` are lines of compose."""
    place = f"srcs/requirements/{name}"
    lines = "".join(f"    {line}\n" for line in more.split("\n") if line)
    text = f"  {name}:\n    <<: *common\n    build: requirements/{name}\n    image: {name}:inception\n{lines}"
    return (
        (COMPOSE, "\nnetworks:\n", f"{text}\nnetworks:\n"),
        (f"{place}/Dockerfile", None, f"FROM debian:bookworm\n{dockerfile}"),
        (f"{place}/.dockerignore", None, ".git\n"),
        *((f"{place}/{path}", None, content) for path, content in files),
    )


def install(*packages: str) -> str:
    return (
        f"RUN apt-get update && apt-get install -y --no-install-recommends {' '.join(packages)}"
        " && rm -rf /var/lib/apt/lists/*\n"
    )


REDIS = install("redis-server") + 'CMD ["redis-server", "--protected-mode", "no"]\n'
PHP_REDIS: Edit = (WORDPRESS, "php8.2-mysql", "php8.2-mysql php8.2-redis")
VSFTPD = install("vsftpd") + "COPY vsftpd.conf /etc/vsftpd.conf\n" + 'CMD ["vsftpd", "/etc/vsftpd.conf"]\n'
PASSIVE = ("vsftpd.conf", "background=NO\npasv_min_port=21100\npasv_max_port=21110\n")
FTP_PORTS = 'ports: ["21:21", "21100-21110:21100-21110"]'
SITE_VOLUME = "volumes: [wordpress:/var/www/html]"
PAGES = install("python3") + 'COPY www /www\nCMD ["python3", "-m", "http.server", "-d", "/www", "8000"]\n'
ADMINER = install("php8.2-cli", "php8.2-mysql") + (
    "COPY adminer.php /srv/index.php\n" + 'CMD ["php", "-S", "0.0.0.0:8080", "-t", "/srv"]\n'
)
PAGE = ("www/index.html", "<title>me</title>\n")
MONITOR = install("netdata") + 'CMD ["netdata", "-D"]\n'
NAMED: Edit = ("DEV_DOC.md", "For developers", "For developers, and netdata, which shows the load")

DEFENCE: tuple[Mutant, ...] = (
    # -- E: at the defence
    breach(
        "E01",
        "nothing builds again",
        (MAKEFILE, UP, "$(COMPOSE) up --detach"),
        (MAKEFILE, "down --rmi local\n", "down\n"),
        (MAKEFILE, "down --rmi local --volumes", "down --volumes"),
    ),
    innocent(
        "E01",
        "a target of its own builds",
        (MAKEFILE, UP, "$(COMPOSE) up --detach"),
        (MAKEFILE, "down:\n", "build:\n\t$(COMPOSE) build\n\ndown:\n"),
    ),
    innocent("E01", "fclean removes the images, and re is fclean", (MAKEFILE, UP, "$(COMPOSE) up --detach")),
    breach("E02", "nobody makes the directories", (MAKEFILE, MKDIR, "")),
    breach(
        "E02", "another target makes them", (MAKEFILE, MKDIR, ""), (MAKEFILE, "down:\n", f"setup:\n{MKDIR}\ndown:\n")
    ),
    breach("E02", "one of the two", (MAKEFILE, MKDIR, "\tmkdir -p /home/student/data/mariadb\n")),
    innocent(
        "E02", "by name", (MAKEFILE, MKDIR, "\tmkdir -p /home/student/data/mariadb /home/student/data/wordpress\n")
    ),
    innocent(
        "E02", "install -d", (MAKEFILE, MKDIR, "\tinstall -d /home/student/data/mariadb /home/student/data/wordpress\n")
    ),
    innocent(
        "E02",
        "a script that make calls",
        (MAKEFILE, MKDIR, "\tbash tools/setup.sh\n"),
        ("tools/setup.sh", None, "#!/bin/sh\nmkdir -p $DATA/mariadb $DATA/wordpress\n"),
    ),
    innocent(
        "E02",
        "a prerequisite",
        (MAKEFILE, MKDIR, ""),
        (MAKEFILE, "up: srcs/.env", "up: data srcs/.env"),
        (MAKEFILE, "down:\n", f"data:\n{MKDIR}\ndown:\n"),
    ),
    breach(
        "E03",
        "a network nobody makes",
        (COMPOSE, "networks:\n  inception:\n", "networks:\n  inception: {external: true}\n"),
    ),
    innocent(
        "E03",
        "a network that make makes",
        (COMPOSE, "networks:\n  inception:\n", "networks:\n  inception: {external: true}\n"),
        (MAKEFILE, UP, f"docker network create inception || true\n\t{UP}"),
    ),
    innocent(
        "E03", "external: false", (COMPOSE, "networks:\n  inception:\n", "networks:\n  inception: {external: false}\n")
    ),
    breach(
        "E04",
        "no example",
        ("srcs/.env.example", None, None),
        (MAKEFILE, "\tcp srcs/.env.example srcs/.env\n", "\ttouch $@\n"),
        ("DEV_DOC.md", "`srcs/.env` is made from `srcs/.env.example`. ", ""),
        verdict="advice",
    ),
    innocent(
        "E04",
        "the documentation names them",
        ("srcs/.env.example", None, None),
        (MAKEFILE, "\tcp srcs/.env.example srcs/.env\n", "\ttouch $@\n"),
        ("DEV_DOC.md", "For developers", "For developers: MYSQL_DATABASE, MYSQL_USER, DATA and DOMAIN_NAME"),
    ),
    # -- B: the bonus
    innocent("B01", "redis that WordPress uses", *service("redis", "", REDIS), PHP_REDIS),
    breach("B01", "redis that nothing uses", *service("redis", "", REDIS), verdict="fail"),
    breach(
        "B01",
        "redis that answers itself alone",
        *service("redis", "", install("redis-server") + 'CMD ["redis-server"]\n'),
        PHP_REDIS,
        verdict="unclear",
    ),
    breach(
        "B01",
        "WP_REDIS_HOST is nobody",
        *service("redis", "", REDIS),
        PHP_REDIS,
        (
            WORDPRESS_START,
            "php /opt/inception/install.php",
            "wp config set WP_REDIS_HOST cache\nphp /opt/inception/install.php",
        ),
    ),
    innocent(
        "B01",
        "WP_REDIS_HOST is redis",
        *service("redis", "", REDIS),
        PHP_REDIS,
        (
            WORDPRESS_START,
            "php /opt/inception/install.php",
            "wp config set WP_REDIS_HOST redis\nphp /opt/inception/install.php",
        ),
    ),
    innocent("B02", "FTP on the site's volume", *service("ftp", f"{FTP_PORTS}\n{SITE_VOLUME}", VSFTPD, PASSIVE)),
    breach("B02", "FTP without the site", *service("ftp", FTP_PORTS, VSFTPD, PASSIVE)),
    breach("B02", "FTP that is not published", *service("ftp", SITE_VOLUME, VSFTPD, PASSIVE)),
    breach("B02", "no passive ports", *service("ftp", f'ports: ["21:21"]\n{SITE_VOLUME}', VSFTPD, PASSIVE)),
    innocent("B03", "a site of pages", *service("site", 'ports: ["8000:8000"]', PAGES, PAGE)),
    breach("B03", "a site of PHP", *service("site", "", PAGES.replace("python3 ", "python3 php8.2-cli "), PAGE)),
    breach("B03", "a page of PHP", *service("site", "", PAGES, ("www/index.php", "<?php echo 1;\n"))),
    innocent("B04", "Adminer", *service("adminer", "", ADMINER, ("adminer.php", "<?php // the file of adminer.org\n"))),
    breach(
        "B04",
        "Adminer on another network",
        *service("adminer", "networks: [other]", ADMINER, ("adminer.php", "<?php\n")),
        (COMPOSE, "networks:\n  inception:\n", "networks:\n  other:\n  inception:\n"),
    ),
    breach(
        "B04",
        "phpMyAdmin instead",
        *service("phpmyadmin", "", ADMINER.replace("adminer", "main"), ("main.php", "<?php\n")),
        verdict="advice",
        also={"B05": "advice"},
    ),
    innocent("B05", "one that is explained", *service("netdata", "", MONITOR), NAMED),
    breach("B05", "one that nothing explains", *service("netdata", "", MONITOR), verdict="advice"),
    breach(
        "B06",
        "Docker's socket",
        *service("netdata", "volumes: [/var/run/docker.sock:/var/run/docker.sock]", MONITOR),
        NAMED,
        verdict="advice",
    ),
    breach("B06", "privileged", *service("netdata", "privileged: true", MONITOR), NAMED, verdict="advice"),
    breach("B06", "the machine's processes", *service("netdata", "pid: host", MONITOR), NAMED, verdict="advice"),
    breach(
        "B06",
        "a file that make does not start",
        ("srcs/docker-compose.bonus.yml", None, "services: {}\n"),
        verdict="unclear",
    ),
    innocent(
        "B06", "one directory, to read", *service("netdata", "volumes: [/var/log/nginx:/logs:ro]", MONITOR), NAMED
    ),
    # -- shapes of real submissions
    innocent(
        "D10", "a version that ENV puts in", (WORDPRESS, 'CMD ["php-fpm8.2", "-F"]', "ENV PHP=8.2\nCMD php-fpm$PHP -F")
    ),
    innocent(
        "D09",
        "main does it, and ends with exec",
        (WORDPRESS_START, 'exec "$@"', 'main() {\n    echo starting\n    exec "$@"\n}\n\nmain "$@"'),
    ),
    breach(
        "D09",
        "main does it, and ends without",
        (WORDPRESS_START, 'exec "$@"', 'main() {\n    echo starting\n    "$@"\n}\n\nmain "$@"'),
        verdict="advice",
    ),
    innocent(
        "N01",
        "a configuration that a script echoes",
        (
            NGINX,
            'COPY conf/nginx.conf /etc/nginx/nginx.conf\n\nCMD ["nginx", "-g", "daemon off;"]',
            'COPY tools/start.sh /start.sh\nENTRYPOINT ["sh", "/start.sh"]',
        ),
        (
            "srcs/requirements/nginx/tools/start.sh",
            None,
            '#!/bin/sh\necho "\nserver {\n    listen 443 ssl;\n    server_name student.42.fr;\n'
            "    ssl_certificate /etc/nginx/tls/site.crt;\n    ssl_certificate_key /etc/nginx/tls/site.key;\n"
            "    ssl_protocols TLSv1.2 TLSv1.3;\n    location ~ \\.php\\$ { include fastcgi.conf; fastcgi_pass wordpress:9000; }\n}\n"
            "\" > /etc/nginx/conf.d/site.conf\nexec nginx -g 'daemon off;'\n",
        ),
        (CONF, None, None),
    ),
    breach(
        "N01",
        "an old version in what a script echoes",
        (
            NGINX,
            'COPY conf/nginx.conf /etc/nginx/nginx.conf\n\nCMD ["nginx", "-g", "daemon off;"]',
            'COPY tools/start.sh /start.sh\nENTRYPOINT ["sh", "/start.sh"]',
        ),
        (
            "srcs/requirements/nginx/tools/start.sh",
            None,
            '#!/bin/sh\necho "\nserver {\n    listen 443 ssl;\n    server_name student.42.fr;\n'
            "    ssl_certificate /etc/nginx/tls/site.crt;\n    ssl_certificate_key /etc/nginx/tls/site.key;\n"
            "    ssl_protocols TLSv1.1 TLSv1.3;\n    location ~ \\.php\\$ { include fastcgi.conf; fastcgi_pass wordpress:9000; }\n}\n"
            "\" > /etc/nginx/conf.d/site.conf\nexec nginx -g 'daemon off;'\n",
        ),
        (CONF, None, None),
    ),
    breach(
        "N03",
        "port 80 is published",
        (CONF, "listen 443 ssl;", "listen 443 ssl;\n        listen 80;"),
        (COMPOSE, '- "443:443"', '- "443:443"\n      - "80:80"'),
        also={"C08": "fail"},
    ),
    breach(
        "C07",
        "images that the Makefile builds by itself",
        (COMPOSE, "    build: requirements/nginx\n", ""),
        (MAKEFILE, UP, f"docker build -t nginx:inception srcs/requirements/nginx\n\t{UP}"),
        also={
            "S08": "unclear",
            "S11": "advice",
            **dict.fromkeys(["N01", "N02", "N03", "N04", "N05", "N06", "C08"], "unclear"),
        },
    ),
    innocent(
        "C10",
        "the login by a variable",
        (COMPOSE, "${DATA}/mariadb", "/home/${MY_LOGIN}/data/mariadb"),
        ("DEV_DOC.md", "For developers", "For developers: MY_LOGIN is yours"),
    ),
    breach(
        "C10",
        "another variable",
        (COMPOSE, "${DATA}/mariadb", "/home/${WHERE}/data/mariadb"),
        ("DEV_DOC.md", "For developers", "For developers: WHERE"),
        verdict="unclear",
    ),
    breach(
        "T05",
        "reading the Makefile runs Docker",
        (MAKEFILE, "all: up\n", "IDS := $(shell docker ps -aq)\n\nall: up\n"),
        verdict="advice",
    ),
    innocent(
        "T05", "a recipe asks Docker", (MAKEFILE, "clean:\n", "clean:\n\tdocker inspect $(shell docker ps -aq)\n")
    ),
    innocent(
        "T05",
        "a variable that only a recipe uses",
        (MAKEFILE, "all: up\n", "IDS = $(shell docker ps -aq)\n\nall: up\n"),
    ),
)
