"""More edits of the reference: the container does not start, or does not answer."""

from __future__ import annotations

from tests.inception.mutants.edits import (
    AS_CONFIG,
    CHMOD,
    COMPOSE,
    CONF,
    COPY_CONF,
    ENV,
    INSTALL,
    MARIADB,
    MARIADB_START,
    NGINX,
    OF_NGINX,
    POOL,
    WORDPRESS,
    WORDPRESS_START,
    WP_INSTALL,
    Edit,
    breach,
    innocent,
    wp,
)

CNF = "srcs/requirements/mariadb/conf/99-inception.cnf"
WP_CONFIG = "srcs/requirements/wordpress/tools/wp-config.php"
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


ADMINER = "        location /adminer { proxy_pass http://adminer:8080; }\n\n        location / {"
BONUS = (
    (
        COMPOSE,
        "\nnetworks:\n",
        "\n  adminer:\n    networks: [inception]\n    build: requirements/adminer\n    image: adminer:inception\n"
        "    restart: always\n\nnetworks:\n",
    ),
    (
        "srcs/requirements/adminer/Dockerfile",
        None,
        "FROM debian:bookworm\nRUN apt-get update && apt-get install -y --no-install-recommends "
        "php8.2-cli php8.2-mysql && rm -rf /var/lib/apt/lists/*\nCOPY adminer.php /srv/index.php\n"
        'CMD ["php", "-S", "0.0.0.0:8080", "-t", "/srv"]\n',
    ),
    ("srcs/requirements/adminer/adminer.php", None, "<?php // Adminer\n"),
    ("srcs/requirements/adminer/.dockerignore", None, ".git\n"),
)
LAST_MOUNT = '443:443"\n    volumes:\n      - wordpress:/var/www/html\n'
MOUNTED = (
    (NGINX, COPY_CONF, ""),
    (COMPOSE, LAST_MOUNT, LAST_MOUNT + "      - ./requirements/nginx/conf/nginx.conf:/etc/nginx/nginx.conf:ro\n"),
)
CONTENT = """
configs:
  site:
    content: |
      events { }
      http {
        server {
          listen 443 ssl;
          server_name ${DOMAIN_NAME};
          ssl_certificate /etc/nginx/tls/site.crt;
          ssl_certificate_key /etc/nginx/tls/site.key;
          ssl_protocols TLSv1.2 TLSv1.3;
          root /var/www/html;
          location ~ \\.php$$ {
            include /etc/nginx/fastcgi_params;
            fastcgi_param SCRIPT_FILENAME $$document_root$$fastcgi_script_name;
            fastcgi_pass wordpress:9000;
          }
        }
      }

volumes:
  mariadb"""
AS_CONTENT = (*AS_CONFIG[:2], (COMPOSE, "\nvolumes:\n  mariadb", CONTENT))
STAGED = ((NGINX, "FROM debian:bookworm\n", "FROM debian:bookworm AS files\nCOPY conf/ /files/\n\nFROM debian:bookworm\n"),
          (NGINX, COPY_CONF, "COPY --from=files /files/nginx.conf /etc/nginx/nginx.conf\n"))  # fmt: skip
PLAIN = "    server {\n        listen 80;\n        location / { return 204; }\n    }\n\n    server {\n"
SECOND = "wp user create --allow-root $WP_WRITER_LOGIN $WP_WRITER_EMAIL --role=author"
RUN_MYSQLD = " \\\n    && mkdir -p /run/mysqld \\\n    && chown mysql:mysql /run/mysqld"
INSTALL_DB = "    mariadb-install-db --user=mysql --datadir=/var/lib/mysql --skip-test-db > /dev/null\n"
TLS = "srcs/requirements/nginx/conf/tls.conf"
TLS_LINES = (
    "ssl_certificate /etc/nginx/tls/site.crt;",
    "ssl_certificate_key /etc/nginx/tls/site.key;",
    "ssl_protocols TLSv1.2 TLSv1.3;",
)
SNIPPET = (
    (TLS, None, "\n".join(TLS_LINES) + "\n"),
    *((CONF, f"        {line}\n", "") for line in TLS_LINES[1:]),
    (CONF, TLS_LINES[0], "include snippets/tls.conf;"),
    (NGINX, COPY_CONF, COPY_CONF + "COPY conf/tls.conf /etc/nginx/snippets/tls.conf\n"),
)
BY_ENVSUBST = (
    (NGINX, "nginx openssl", "nginx openssl gettext-base"),
    (NGINX, COPY_CONF, "COPY conf/nginx.conf /etc/nginx/site.template\n"),
    (
        NGINX,
        CMD,
        'CMD ["sh", "-c", "envsubst \'$DOMAIN_NAME\' < /etc/nginx/site.template > /etc/nginx/nginx.conf && exec nginx -g \'daemon off;\'"]',
    ),
)

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
    # -- names that NGINX asks for
    breach("G13", "proxy_pass to nobody", (CONF, "        location / {", ADMINER)),
    innocent("G13", "proxy_pass to the internet", (CONF, "        location / {", ADMINER.replace("adminer:8080", "www.42.fr"))),
    innocent("G13", "proxy_pass by a variable, found when it is asked for",
             (CONF, "        location / {", ADMINER.replace("proxy_pass http://adminer:8080", "set $up adminer; proxy_pass http://$up:8080"))),
    innocent("G13", "proxy_pass to a service of another file", (CONF, "        location / {", ADMINER), *BONUS),
    breach("G13", "proxy_pass to a service of another network", (CONF, "        location / {", ADMINER), *BONUS,
           (COMPOSE, "  adminer:\n    networks: [inception]\n", "  adminer:\n    networks: [other]\n"),
           (COMPOSE, "networks:\n  inception:\n\n", "networks:\n  inception:\n  other:\n\n"), also={"B04": "fail"}),
    innocent("G13", "an alias of a network", (CONF, "wordpress:9000", "php:9000"),
             (COMPOSE, "    image: wordpress:inception\n", "    image: wordpress:inception\n    networks: {inception: {aliases: [php]}}\n")),
    breach("G13", "a server of an upstream", (CONF, "wordpress:9000", "php"),
           (CONF, "    server {\n", "    upstream php { server wordpres:9000; }\n    server {\n")),
    breach("N05", "loopback", (CONF, "wordpress:9000", "127.0.0.1:9000")),
    # -- the site's files
    breach("G14", "root elsewhere", (CONF, "root /var/www/html;", "root /var/www/wordpress;")),
    innocent("G14", "root below the volume", (CONF, "root /var/www/html;", "root /var/www/html/;")),
    breach("G14", "the volume elsewhere in NGINX's container", (COMPOSE, LAST_MOUNT, "443:443\"\n    volumes:\n      - wordpress:/srv\n")),
    breach("G14", "root follows, and php-fpm has it elsewhere", (CONF, "root /var/www/html;", "root /srv;"),
           (COMPOSE, LAST_MOUNT, "443:443\"\n    volumes:\n      - wordpress:/srv\n")),
    innocent("G14", "root follows, and php-fpm is told its own place", (CONF, "root /var/www/html;", "root /srv;"),
             (CONF, "$document_root$", "/var/www/html$"), (COMPOSE, LAST_MOUNT, "443:443\"\n    volumes:\n      - wordpress:/srv\n")),
    # -- configuration that arrives otherwise
    breach("N01", "TLS 1.1 in a file that is mounted", *MOUNTED, (CONF, "TLSv1.2 TLSv1.3", "TLSv1.1 TLSv1.2")),
    innocent("N01", "a file that is mounted", *MOUNTED),
    breach("N01", "TLS 1.1 in a config that is a file", *AS_CONFIG, (CONF, "TLSv1.2 TLSv1.3", "TLSv1.1 TLSv1.2")),
    innocent("N01", "a config that is a file", *AS_CONFIG),
    breach("N01", "TLS 1.1 in a config's content", *AS_CONTENT, (COMPOSE, "TLSv1.2 TLSv1.3", "TLSv1 TLSv1.2")),
    innocent("N01", "a config's content", *AS_CONTENT),
    innocent("N01", "configuration that another stage has", *STAGED),
    breach("N01", "TLS 1.1 that another stage has", *STAGED, (CONF, "TLSv1.2 TLSv1.3", "TLSv1.1 TLSv1.2")),
    innocent("N03", "80 for the health check", (CONF, "    server {\n", PLAIN),
             (COMPOSE, "    build: requirements/nginx\n", '    build: requirements/nginx\n    healthcheck: {test: [CMD, curl, -f, "http://localhost/"]}\n')),
    innocent("N03", "80 for another container", (CONF, "    server {\n", PLAIN),
             *wp(WP_INSTALL + "\nwp config set WP_REDIRECT --allow-root http://nginx/purge")),
    breach("N03", "80 for nobody, and a name like it", (CONF, "    server {\n", PLAIN),
           *wp(WP_INSTALL + "\nwp config set WP_REDIRECT --allow-root http://nginx.example.com/"), verdict="advice"),
    # -- functions and variables around wp, values of values
    innocent("W01", "a function around wp", *wp("wpc() {\n    wp --allow-root --path=/var/www/html \"$@\"\n}\n" + WP_INSTALL.replace("wp ", "wpc "))),
    breach("W01", "a function around wp", *wp("wpc() {\n    wp --allow-root --path=/var/www/html \"$@\"\n}\n" + WP_INSTALL.replace("wp ", "wpc ").replace("$WP_BOSS_LOGIN", "Admin"))),
    breach("W01", "a function with places for its arguments",
           *wp("site() {\n    wp core install --allow-root --url=https://$DOMAIN_NAME --admin_user=\"$1\"\n}\nsite wpadmin\n" + SECOND)),
    breach("W01", "a variable that has wp in it", *wp("WP='php /usr/local/bin/wp --allow-root'\n" + WP_INSTALL.replace("wp ", "$WP ").replace("$WP_BOSS_LOGIN", "theadmin"))),
    breach("W01", "a list of options",
           *wp("options=(--url=https://$DOMAIN_NAME --admin_user=admin42)\nwp core install --allow-root \"${options[@]}\"\n" + SECOND)),
    breach("W01", "a value made of a value", *wp("BOSS=${LOGIN}_admin\n" + WP_INSTALL.replace("$WP_BOSS_LOGIN", "$BOSS"))),
    innocent("W01", "a value made of a value", *wp("BOSS=${LOGIN}_boss\n" + WP_INSTALL.replace("$WP_BOSS_LOGIN", "$BOSS"))),
    breach("W01", "the answer when a variable is not there", *wp(": \"${WP_HEAD:=admin}\"\n" + WP_INSTALL.replace("$WP_BOSS_LOGIN", "$WP_HEAD"))),
    # -- root's password, wherever root is
    breach("W06", "install-db makes root at more hosts", (MARIADB_START, "--skip-test-db", "--auth-root-authentication-method=normal"), verdict="advice"),
    breach("W06", "install-db makes root at more hosts, and addresses count",
           (MARIADB_START, "--skip-test-db", "--auth-root-authentication-method=normal"),
           (CNF, "bind-address", "skip-name-resolve\nbind-address")),
    innocent("W06", "root at more hosts is dropped", (MARIADB_START, "--skip-test-db", "--auth-root-authentication-method=normal"),
             (MARIADB_START, "FLUSH PRIVILEGES;\nEOF", "DROP USER 'root'@'127.0.0.1', 'root'@'::1';\nFLUSH PRIVILEGES;\nEOF")),
    # -- volumes that are emptied
    breach("W08", "rm -rf at every start", (WORDPRESS_START, "set -eu\n", "set -eu\nrm -rf /var/www/html/*\n")),
    breach("W08", "cd, and rm -rf", (WORDPRESS_START, "set -eu\n", "set -eu\ncd /var/www/html && rm -rf *\n")),
    breach("W08", "find -delete in the database", (MARIADB_START, "set -eu\n", "set -eu\nfind /var/lib/mysql -mindepth 1 -delete\n")),
    breach("W08", "wp db reset", *wp("wp db reset --yes --allow-root\n" + WP_INSTALL)),
    innocent("W08", "rm -rf once", (WORDPRESS_START, "    cp -rL", "    rm -rf /var/www/html/*\n    cp -rL")),
    innocent("W08", "rm -rf behind a test", (WORDPRESS_START, "set -eu\n", "set -eu\n[ -f /var/www/html/wp-config.php ] || rm -rf /var/www/html/*\n")),
    innocent("W08", "rm -rf behind a way out",
             (WORDPRESS_START, "set -eu\n", "set -eu\nif [ -f /var/www/html/wp-config.php ]; then exec \"$@\"; fi\nrm -rf /var/www/html/*\n")),
    innocent("W08", "a page of the distribution is removed", (WORDPRESS_START, "set -eu\n", "set -eu\nrm -rf /var/www/html/index.nginx-debian.html /tmp/*\n")),
    # -- directories of sockets and pids
    breach("G15", "nothing makes /run/php", (WORDPRESS, "mkdir -p /run/php /var/www/html", "mkdir -p /var/www/html")),
    innocent("G15", "the start makes /run/php", (WORDPRESS, "mkdir -p /run/php /var/www/html", "mkdir -p /var/www/html"),
             (WORDPRESS_START, "set -eu\n", "set -eu\ninstall -d /run/php\n")),
    innocent("G15", "another place for the pid", (WORDPRESS, "mkdir -p /run/php /var/www/html", "mkdir -p /var/www/html"),
             (POOL, "[www]", "[global]\npid = /run/php-fpm.pid\n[www]")),
    breach("G15", "nothing makes /run/mysqld", (MARIADB, RUN_MYSQLD, "")),
    breach("G15", "/run/mysqld is root's", (MARIADB, "    && chown mysql:mysql /run/mysqld\n", ""), (MARIADB, "/run/mysqld \\", "/run/mysqld")),
    breach("D09", "mysqld_safe, which makes /run/mysqld", (MARIADB, RUN_MYSQLD, ""),
           (MARIADB, '"mariadbd", "--user=mysql"', '"mysqld_safe"'), verdict="advice"),
    innocent("G15", "the socket is elsewhere", (MARIADB, RUN_MYSQLD, ""), (CNF, "bind-address", "socket = /tmp/mysqld.sock\nbind-address")),
    innocent("G15", "/var/run/mysqld", (MARIADB, "mkdir -p /run/mysqld \\\n    && chown mysql:mysql /run/mysqld", "mkdir -p /var/run/mysqld && chown -R mysql: /var/run/mysqld")),
    # -- variables
    breach("G16", "set -u, and nothing gives it", (MARIADB_START, "${MYSQL_USER}'@'%' IDENTIFIED", "${MYSQL_PERSON}'@'%' IDENTIFIED")),
    innocent("G16", "set -u, and another value", (MARIADB_START, "${MYSQL_USER}'@'%' IDENTIFIED", "${MYSQL_PERSON:-$MYSQL_USER}'@'%' IDENTIFIED")),
    innocent("G16", "set -u, and ENV gives it", (MARIADB_START, "${MYSQL_USER}'@'%' IDENTIFIED", "${MYSQL_PERSON}'@'%' IDENTIFIED"),
             (MARIADB, CHMOD, CHMOD + "ENV MYSQL_PERSON=wp\n")),
    innocent("G16", "not given, and nobody minds", (MARIADB_START, "set -eu", "set -e"), (MARIADB_START, 'exec "$@"', 'echo "started $BUILD"\nexec "$@"')),
    breach("G16", "the database has no name", (MARIADB_START, "set -eu", "set -e"), (MARIADB_START, "\\`${MYSQL_DATABASE}\\`;", "\\`${MYSQL_DB}\\`;")),
    innocent("G16", "a loop's variable", (MARIADB_START, 'exec "$@"', 'for step in a b; do echo "$step"; done\nexec "$@"')),
    # -- waiting
    breach("G17", "nothing waits", *wp(WP_INSTALL), (COMPOSE, "        condition: service_healthy", "        condition: service_started"), verdict="advice"),
    innocent("G17", "the script waits", *wp("until mariadb-admin ping -h mariadb --silent; do sleep 1; done\n" + WP_INSTALL),
             (COMPOSE, "        condition: service_healthy", "        condition: service_started")),
    breach("G12", "waiting for another name", *wp("until mariadb-admin ping -h db --silent; do sleep 1; done\n" + WP_INSTALL)),
    # -- root
    breach("G18", "mariadbd as root", (MARIADB, '["mariadbd", "--user=mysql"]', '["mariadbd"]')),
    innocent("G18", "a file names the user", (MARIADB, '["mariadbd", "--user=mysql"]', '["mariadbd"]'), (CNF, "bind-address", "user = mysql\nbind-address")),
    innocent("G18", "the container's user", (MARIADB, '["mariadbd", "--user=mysql"]', '["mariadbd"]'), (MARIADB, "ENTRYPOINT", "USER mysql\nENTRYPOINT")),
    # -- tables
    breach("G19", "nothing makes the tables", (MARIADB_START, INSTALL_DB, "")),
    innocent("G19", "the package's own tables", (MARIADB_START, INSTALL_DB, ""), (MARIADB, " /var/lib/mysql/* \\", " \\")),
    # -- what the packages ship
    breach("G03", "Debian's own pool", (WORDPRESS, "COPY conf/www.conf /etc/php/8.2/fpm/pool.d/www.conf\n", ""), also={"W05": "advice"}),
    breach("G01", "no #! at all", (MARIADB_START, "#!/bin/sh\n", "")),
    innocent("G01", "no #!, and a shell reads it", (MARIADB_START, "#!/bin/sh\n", ""),
             (MARIADB, 'ENTRYPOINT ["start"]', 'ENTRYPOINT ["sh", "/usr/local/bin/start"]')),
    breach("G01", "CR LF without #!", (MARIADB_START, "#!/bin/sh\n", "set -e\r\n"),
             (MARIADB, 'ENTRYPOINT ["start"]', 'ENTRYPOINT ["sh", "/usr/local/bin/start"]')),
    breach("G05", "a secret that a redirection reads", (MARIADB_START, "set -eu\n", "set -eu\nread more < /run/secrets/more\n")),
    breach("G05", "a secret that PHP reads", (COMPOSE, "secrets: [db_password, credentials]", "secrets: [db_password]")),
    innocent("G05", "a secret that PHP looks for first", (COMPOSE, "secrets: [db_password, credentials]", "secrets: [db_password]"),
             (INSTALL, "trim(file_get_contents", "!file_exists('/run/secrets/credentials') ? 'none' : trim(file_get_contents")),
    # -- what odd submissions taught
    innocent("N06", "TLS in a file that is included", *SNIPPET),
    breach("N01", "TLS 1.1 in a file that is included", *SNIPPET, (TLS, "TLSv1.2 TLSv1.3", "TLSv1.1 TLSv1.2")),
    innocent("P05", "printf makes the SQL",
             (MARIADB_START, "user_password=$(cat", "printf \"ALTER USER 'wp'@'%%' IDENTIFIED BY '%s';\" x > /dev/null\n    user_password=$(cat")),
    breach("P05", "a password in SQL of printf",
           (MARIADB_START, "user_password=$(cat", "printf \"ALTER USER 'wp'@'%%' IDENTIFIED BY 'Rz8vQ2mN4';\" > /dev/null\n    user_password=$(cat")),
    innocent("N04", "a value of the .env that is made of the line above", (ENV, "DOMAIN_NAME=student.42.fr", "DOMAIN_NAME=${LOGIN}.42.fr"),
             (CONF, "server_name student.42.fr", "server_name ${DOMAIN_NAME}"), *BY_ENVSUBST),
    breach("N04", "another value of the .env", (ENV, "DOMAIN_NAME=student.42.fr", "DOMAIN_NAME=${NAME:-site}.example"),
           (CONF, "server_name student.42.fr", "server_name ${DOMAIN_NAME}"), *BY_ENVSUBST),
    # -- users
    breach("G20", "user nginx on Debian", (CONF, "user www-data;", "user nginx;")),
    innocent("G20", "user nginx that the build makes", (CONF, "user www-data;", "user nginx;"),
             (NGINX, COPY_CONF, COPY_CONF + "RUN useradd -r nginx\n")),
    innocent("G20", "user nginx on Alpine", (CONF, "user www-data;", "user nginx;"), (NGINX, *ALPINE)),
    breach("G20", "the pool's user", (POOL, "user = www-data", "user = nginx")),
    innocent("G20", "the pool's user in a remark", (POOL, "user = www-data", ";user = nginx\nuser = www-data")),
    breach("G13", "links that give another name", (CONF, "        location / {", ADMINER),
           (COMPOSE, OF_NGINX, OF_NGINX + "    links: [wordpress]\n"), also={"C02": "fail"}),
    innocent("G13", "a name of extra_hosts", (CONF, "        location / {", ADMINER),
             (COMPOSE, OF_NGINX, OF_NGINX + "    extra_hosts: ['adminer:10.0.0.7']\n")),
    breach("G09", "curl without certificates, beside supervisor", (NGINX, DOWNLOAD,
           "nginx openssl curl supervisor \\\n    && curl -fsSO https://example.com/site.html \\\n    && rm -rf"), also={"S09": "fail"}),
)  # fmt: skip
