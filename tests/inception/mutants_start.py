"""More edits of the reference: the container does not start, or does not answer."""

from __future__ import annotations

from tests.inception.mutants import (
    COMPOSE,
    CONF,
    ENV,
    MARIADB,
    MARIADB_START,
    NGINX,
    WORDPRESS,
    WORDPRESS_START,
    WP_INSTALL,
    Edit,
    breach,
    innocent,
    wp,
)

POOL = "srcs/requirements/wordpress/conf/www.conf"
CNF = "srcs/requirements/mariadb/conf/99-inception.cnf"
WP_CONFIG = "srcs/requirements/wordpress/tools/wp-config.php"
CHMOD = "RUN chmod 755 /usr/local/bin/start\n"
NGINX_START = "srcs/requirements/nginx/tools/go.sh"
CMD = 'CMD ["nginx", "-g", "daemon off;"]'
GO = "exec nginx -g 'daemon off;'\n"
ENTRY = 'COPY tools/go.sh /go.sh\nRUN chmod +x /go.sh\nENTRYPOINT ["/go.sh"]'
FILENAME = "            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;\n"
COPY_CNF = "COPY conf/99-inception.cnf /etc/mysql/mariadb.conf.d/99-inception.cnf\n"
FIRST_FLUSH = "--bootstrap << EOF\nFLUSH PRIVILEGES;\n"
DOWNLOAD = "nginx openssl \\\n    && rm -rf"
ALPINE = ("FROM debian:bookworm\n\nRUN apt-get update \\\n    && apt-get install -y --no-install-recommends nginx openssl",
          "FROM alpine:3.23\n\nRUN apk add --no-cache nginx openssl")  # fmt: skip


def on_alpine(download: str) -> tuple[Edit, ...]:
    """WordPress on Alpine, its files fetched by `download` at the start."""
    packages = "php83 php83-fpm php83-phar php83-mysqli php83-mbstring curl"
    return (
        *wp(f"{download}\n{WP_INSTALL}"),
        (WORDPRESS, None, f"FROM alpine:3.23\nRUN apk add --no-cache {packages}\nCOPY conf/www.conf /etc/php83/php-fpm.d/\n"
         f"COPY tools/start.sh /usr/local/bin/start\n{CHMOD}"
         'RUN curl -fsSo /usr/local/bin/wp https://example.com/wp-cli.phar\nENTRYPOINT ["start"]\nCMD ["php-fpm83", "-F"]\n'),
    )  # fmt: skip


START = (
    # -- what is started can be executed
    breach("G01", "no x bit", (MARIADB, CHMOD, "")),
    innocent("G01", "the x bit by COPY", (MARIADB, CHMOD, ""),
             (MARIADB, "COPY tools/start.sh", "COPY --chmod=755 tools/start.sh")),
    innocent("G01", "no x bit, and a shell reads it", (MARIADB, CHMOD, ""),
             (MARIADB, 'ENTRYPOINT ["start"]', 'ENTRYPOINT ["sh", "/usr/local/bin/start"]')),
    innocent("G01", "chmod by a variable and a glob", (MARIADB, CHMOD, "RUN chmod a+rx /usr/local/bin/*\n")),
    breach("G01", "chmod of another file", (MARIADB, CHMOD, "RUN chmod 600 /etc/shadow\n")),
    breach("G01", "CR LF", (MARIADB_START, "#!/bin/sh\n", "#!/bin/sh\r\n")),
    innocent("G01", "CR LF that the build takes off", (MARIADB_START, "#!/bin/sh\n", "#!/bin/sh\r\n"),
             (MARIADB, CHMOD, CHMOD + "RUN sed -i 's/\\r$//' /usr/local/bin/start\n")),
    breach("G01", "a header before #!", (MARIADB_START, "#!/bin/sh\n", "# ******* start.sh *******\n\n#!/bin/sh\n")),
    innocent("G01", "a header before #!, and a shell reads it",
             (MARIADB_START, "#!/bin/sh\n", "# ******* start.sh *******\n\n#!/bin/sh\n"),
             (MARIADB, 'ENTRYPOINT ["start"]', 'ENTRYPOINT ["sh", "/usr/local/bin/start"]')),
    breach("G01", "#!bin/sh below the site", (WORDPRESS_START, "#!/bin/sh\n", "#!bin/sh\n")),
    innocent("G01", "#!bin/sh in /", (MARIADB_START, "#!/bin/sh\n", "#!bin/sh\n")),
    breach("G01", "bash on Alpine", (NGINX, *ALPINE), (NGINX, CMD, ENTRY), (NGINX_START, None, "#!/bin/bash\n" + GO)),
    breach("G01", "bash by env on Alpine", (NGINX, *ALPINE), (NGINX, CMD, ENTRY),
           (NGINX_START, None, "#!/usr/bin/env bash\n" + GO)),
    breach("G01", "bash on Alpine, perhaps by another package", (NGINX, *ALPINE), (NGINX, CMD, ENTRY),
           (NGINX, "nginx openssl", "nginx openssl supervisor-tools"),
           (NGINX_START, None, "#!/bin/bash\n" + GO), verdict="advice"),
    innocent("G01", "bash on Alpine that is installed", (NGINX, *ALPINE), (NGINX, CMD, ENTRY),
             (NGINX, "nginx openssl", "nginx openssl bash"), (NGINX_START, None, "#!/bin/bash\n" + GO)),
    innocent("G01", "bash on Debian", (NGINX, CMD, ENTRY), (NGINX_START, None, "#!/bin/bash\n" + GO)),
    breach("G01", "zsh, which nothing installs", (MARIADB_START, "#!/bin/sh\n", "#!/bin/zsh\n")),
    innocent("G01", "zsh that is installed", (MARIADB_START, "#!/bin/sh\n", "#!/bin/zsh\n"),
             (MARIADB, "mariadb-server \\", "mariadb-server zsh \\")),
    breach("G01", "a header before #!, and sed for another file",
           (MARIADB_START, "#!/bin/sh\n", "# ******* start.sh *******\n\n#!/bin/sh\n"),
           (MARIADB, CHMOD, CHMOD + "RUN sed -i 's/a/b/' /etc/mysql/my.cnf\n")),
    # -- the database answers
    breach("G02", "skip-networking in a file", (CNF, "bind-address = 0.0.0.0", "bind-address = 0.0.0.0\nskip-networking")),
    innocent("G02", "skip-networking = 0 in a file",
             (CNF, "bind-address = 0.0.0.0", "bind-address = 0.0.0.0\nskip-networking = 0")),
    innocent("G02", "skip-networking in a file that the build changes",
             (CNF, "bind-address = 0.0.0.0", "bind-address = 0.0.0.0\nskip-networking"),
             (MARIADB, CHMOD, CHMOD + "RUN sed -i /skip-networking/d /etc/mysql/mariadb.conf.d/99-inception.cnf\n")),
    breach("G02", "bind-address is loopback", (CNF, "0.0.0.0", "127.0.0.1")),
    breach("G02", "Debian's own bind-address", (MARIADB, COPY_CNF, "")),
    innocent("G02", "the address on the command line", (MARIADB, COPY_CNF, ""),
             (MARIADB, '"--user=mysql"]', '"--user=mysql", "--bind-address=0.0.0.0"]')),
    innocent("G02", "sed changes Debian's", (MARIADB, COPY_CNF, ""),
             (MARIADB, CHMOD, CHMOD + "RUN sed -i 's/^bind-address.*/bind-address = 0.0.0.0/' /etc/mysql/mariadb.conf.d/50-server.cnf\n")),
    innocent("G02", "a file in place of Debian's", (CNF, "bind-address = 0.0.0.0\n", ""),
             (MARIADB, COPY_CNF, "COPY conf/99-inception.cnf /etc/mysql/mariadb.conf.d/50-server.cnf\n")),
    breach("G02", "--skip-networking for good", (MARIADB, '"--user=mysql"]', '"--user=mysql", "--skip-networking"]')),
    innocent("G02", "--skip-networking=0", (MARIADB, '"--user=mysql"]', '"--user=mysql", "--skip-networking=0"]')),
    # -- php-fpm answers
    breach("G03", "loopback", (POOL, "listen = 9000", "listen = 127.0.0.1:9000")),
    innocent("G03", "loopback that the build changes", (POOL, "listen = 9000", "listen = 127.0.0.1:9000"),
             (WORDPRESS, CHMOD, CHMOD + "RUN sed -i 's/listen = .*/listen = 9000/' /etc/php/8.2/fpm/pool.d/www.conf\n")),
    breach("G03", "a socket", (POOL, "listen = 9000", "listen = /run/php/php8.2-fpm.sock"), also={"W05": "advice"}),
    innocent("G03", "every address", (POOL, "listen = 9000", "listen = 0.0.0.0:9000")),
    innocent("G03", "clients that are allowed", (POOL, "listen = 9000", ";listen = 127.0.0.1:9000\nlisten = 9000")),
    # -- PHP
    breach("G04", "no php-mysql", (WORDPRESS, "php8.2-mysql wordpress ", "php8.2-curl "),
           (WORDPRESS, "wordpress-theme-twentytwentythree", "curl")),
    innocent("G04", "wordpress needs php-mysql by itself", (WORDPRESS, "php8.2-mysql wordpress ", "wordpress ")),
    innocent("G04", "names in braces", (WORDPRESS, "php8.2-fpm php8.2-mysql wordpress ", "php8.2-{fpm,mysql} ")),
    # -- secrets
    breach("G05", "a secret that is not given",
           (COMPOSE, "    secrets: [db_password, db_root_password]\n", "    secrets: [db_password]\n")),
    innocent("G05", "a secret under another name",
             (COMPOSE, "    secrets: [db_password, db_root_password]\n",
              "    secrets: [db_password, {source: credentials, target: db_root_password}]\n")),
    innocent("G05", "a secret that is looked for first",
             (MARIADB_START, "exec \"$@\"", "if test -f /run/secrets/more; then cat /run/secrets/more; fi\nexec \"$@\"")),
    innocent("G05", "a secret that is looked for in brackets",
             (MARIADB_START, "exec \"$@\"", "[ -r /run/secrets/more ] && \\\n    cat /run/secrets/more\nexec \"$@\"")),
    innocent("G05", "a secret that may be missing",
             (MARIADB_START, "exec \"$@\"", "more=$(cat /run/secrets/more 2> /dev/null || true)\nexec \"$@\"")),
    # -- bootstrap
    breach("G06", "users without FLUSH PRIVILEGES", (MARIADB_START, FIRST_FLUSH, "--bootstrap << EOF\n")),
    innocent("G06", "a database before FLUSH PRIVILEGES",
             (MARIADB_START, FIRST_FLUSH, "--bootstrap << EOF\nCREATE DATABASE IF NOT EXISTS x;\nFLUSH PRIVILEGES;\n")),
    breach("G06", "SQL in a file, without FLUSH PRIVILEGES", (MARIADB_START, "mariadbd --user=mysql --bootstrap << EOF\nFLUSH PRIVILEGES;\n", "cat > /tmp/init.sql << EOF\n"),
           (MARIADB_START, "\nEOF\nfi\n", "\nEOF\n    mariadbd --user=mysql --bootstrap < /tmp/init.sql\nfi\n")),
    innocent("G06", "SQL in a file, FLUSH PRIVILEGES first", (MARIADB_START, "mariadbd --user=mysql --bootstrap << EOF\n", "cat > /tmp/init.sql << EOF\n"),
             (MARIADB_START, "\nEOF\nfi\n", "\nEOF\n    mariadbd --user=mysql --bootstrap < /tmp/init.sql\nfi\n")),
    # -- NGINX
    breach("G03", "loopback, and NGINX asks an upstream", (POOL, "listen = 9000", "listen = 127.0.0.1:9000"),
           (CONF, "    server {\n", "    upstream php { server wordpress:9000; }\n    server {\n"), (CONF, "wordpress:9000;\n        }", "php;\n        }")),
    breach("G07", "no SCRIPT_FILENAME", (CONF, FILENAME, "")),
    innocent("G07", "fastcgi.conf has it", (CONF, FILENAME, ""), (CONF, "fastcgi_params;", "fastcgi.conf;")),
    innocent("G07", "Debian's snippet has it", (CONF, FILENAME, ""),
             (CONF, "/etc/nginx/fastcgi_params;", "snippets/fastcgi-php.conf;")),
    # -- compose
    breach("G08", "another name", (COMPOSE, "depends_on: [wordpress]", "depends_on: [wp]")),
    breach("X04", "depends_on is a text", (COMPOSE, "depends_on: [wordpress]", "depends_on: wordpress")),
    innocent("G08", "one that need not be", (COMPOSE, "    depends_on: [wordpress]\n",
             "    depends_on:\n      wp: {condition: service_started, required: false}\n")),
    # -- downloads
    breach("G09", "curl without certificates",
           (NGINX, DOWNLOAD, "nginx openssl curl \\\n    && curl -fsSO https://example.com/site.html \\\n    && rm -rf")),
    breach("G09", "curl without certificates, and other tools",
           (NGINX, DOWNLOAD, "nginx openssl curl netcat-openbsd vim \\\n    && curl -fsSO https://example.com/site.html \\\n    && rm -rf")),
    innocent("G09", "certificates are installed",
             (NGINX, DOWNLOAD, "nginx openssl curl ca-certificates \\\n    && curl -fsSO https://example.com/site.html \\\n    && rm -rf")),
    innocent("G09", "http", (NGINX, DOWNLOAD, "nginx openssl curl \\\n    && curl -fsSO http://example.com/site.html \\\n    && rm -rf")),
    # -- the pool's user
    breach("G10", "root", (POOL, "user = www-data", "user = root")),
    innocent("G10", "php-fpm is told that root is right", (POOL, "user = www-data", "user = root"),
             (WORDPRESS, '"-F"]', '"-F", "-R"]')),
    # -- memory
    breach("G11", "wp core download on Alpine", *on_alpine("wp core download --allow-root"), verdict="advice"),
    innocent("G11", "wp core download with more memory",
             *on_alpine("php -d memory_limit=512M /usr/local/bin/wp core download --allow-root")),
    # -- the database's name
    breach("G12", "another name in wp-config.php", (WP_CONFIG, "'mariadb'", "'database'")),
    breach("G12", "localhost in wp-config.php", (WP_CONFIG, "'mariadb'", "'localhost'")),
    breach("G12", "another name for wp-cli", *wp("wp config create --allow-root --dbhost=db\n" + WP_INSTALL)),
    breach("G12", "a variable with another name", *wp("wp config create --allow-root --dbhost=$DB_PLACE\n" + WP_INSTALL),
           (ENV, "LOGIN=student\n", "LOGIN=student\nDB_PLACE=db:3306\n")),
    innocent("G12", "the name with a port", (WP_CONFIG, "'mariadb'", "'mariadb:3306'")),
    innocent("G12", "the container's name", (WP_CONFIG, "'mariadb'", "'store'"),
             (COMPOSE, "    image: mariadb:inception\n", "    image: mariadb:inception\n    container_name: store\n")),
    innocent("G12", "a name of extra_hosts", (WP_CONFIG, "'mariadb'", "'store'"),
             (COMPOSE, "    image: wordpress:inception\n", "    image: wordpress:inception\n    extra_hosts: ['store:10.0.0.7']\n")),
    innocent("G12", "another name in a remark", (WP_CONFIG, "define('DB_HOST'", "// define('DB_HOST', 'localhost');\ndefine('DB_HOST'")),
)  # fmt: skip
