"""Edits of the reference that the rules N and W decide: NGINX and WordPress."""

from __future__ import annotations

from tests.inception.mutants.edits import (
    COMPOSE,
    CONF,
    ENV,
    INSTALL,
    MARIADB_START,
    NGINX,
    WORDPRESS,
    WORDPRESS_START,
    WP_CLI,
    WP_INSTALL,
    Mutant,
    breach,
    innocent,
    wp,
)

SITE: tuple[Mutant, ...] = (
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
        also={"W01": "unclear", "W02": "fail"},
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
)
