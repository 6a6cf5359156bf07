"""Further edits of the reference: configuration that awk, descriptors, loops and other stages lead to its file."""

from __future__ import annotations

from tests.inception.mutants.edits import (
    COMPOSE,
    MARIADB,
    MARIADB_START,
    NGINX,
    POOL,
    WORDPRESS,
    WORDPRESS_START,
    Edit,
    breach,
    innocent,
)
from tests.inception.mutants.fresh import CNF, OWN_CNF, OWN_POOL
from tests.inception.mutants.held import AT, CMD, OLD, SITE, heredoc, nginx_start, template_start, with_
from tests.inception.mutants.unaimed import alpines, fed

COPY_POOL = "COPY conf/www.conf /etc/php/8.2/fpm/pool.d/www.conf\n"
WWW = "/etc/php/8.2/fpm/pool.d/www.conf"
SERVER = "/etc/mysql/mariadb.conf.d/50-server.cnf"
ROOT = "ALTER USER 'root'@'localhost' IDENTIFIED BY '${root_password}';"
FIRST = (
    "FLUSH PRIVILEGES;",
    "CREATE DATABASE IF NOT EXISTS \\`${MYSQL_DATABASE}\\`;",
    "CREATE USER '${MYSQL_USER}'@'%' IDENTIFIED BY '${user_password}';",
    ROOT,
)


def pool(run: str) -> tuple[Edit, ...]:
    """What a RUN line makes of the pool that Debian's package ships."""
    return (WORDPRESS, COPY_POOL, f"RUN {run}\n"), (POOL, None, None)


def own_cnf(lines: str) -> tuple[Edit, ...]:
    """MariaDB's configuration is what its start script writes."""
    return (MARIADB, OWN_CNF, ""), (CNF, None, None), (MARIADB_START, "set -eu\n", f"set -eu\n{lines}\n")


def own_pool(lines: str) -> tuple[Edit, ...]:
    return (WORDPRESS, OWN_POOL, ""), (POOL, None, None), (WORDPRESS_START, "set -eu\n", f"set -eu\n{lines}\n")


def stage(run: str, into: str) -> tuple[Edit, ...]:
    """A pool that another stage makes."""
    return (
        (WORDPRESS, "FROM debian:bookworm\n", f"FROM debian:bookworm AS made\nRUN mkdir /out && {run}\n\nFROM debian:bookworm\n"),
        (WORDPRESS, COPY_POOL, f"COPY --from=made {into}\n"),
        (POOL, None, None),
    )  # fmt: skip


def by_function(*lines: str) -> tuple[Edit, ...]:
    """SQL that a function adds line by line."""
    said = "".join(f'    sql "{line}"\n' for line in lines)
    start = '    sql() { echo "$*" >> /tmp/first.sql; }\n    : > /tmp/first.sql\n'
    return fed(f"{start}{said}    mariadbd --user=mysql --bootstrap < /tmp/first.sql\n")


def in_loop(*files: tuple[str, str]) -> tuple[Edit, ...]:
    """SQL files that a loop feeds."""
    loop = "    for file in /opt/sql/*.sql; do cat $file; done | mariadbd --user=mysql --bootstrap\n"
    return (
        *fed(loop),
        (MARIADB, "COPY tools/start.sh", "COPY sql/ /opt/sql/\nCOPY tools/start.sh"),
        *((f"srcs/requirements/mariadb/sql/{name}", None, text) for name, text in files),
    )


def supervised(text: str, start: str = "supervisord -c /etc/supervisord.conf") -> tuple[Edit, ...]:
    return (
        (WORDPRESS, 'CMD ["php-fpm8.2", "-F"]\n', f"RUN printf '{text}' > /etc/supervisord.conf\n"),
        (WORDPRESS_START, 'exec "$@"', f"exec {start}"),
    )


def alpines_php(more: str) -> tuple[Edit, ...]:
    """WordPress on Alpine, by wp-cli."""
    return (
        (
            WORDPRESS,
            None,
            "FROM alpine:3.23\n\nRUN apk add --no-cache php83 php83-fpm php83-mysqli php83-phar && mkdir -p /var/www/html\n"
            f"RUN wget -O /usr/local/bin/wp https://raw.githubusercontent.com/wp-cli/builds/gh-pages/phar/wp-cli.phar\n{more}"
            "COPY conf/www.conf /etc/php83/php-fpm.d/www.conf\nCOPY tools/wp-config.php tools/install.php /opt/inception/\n"
            "COPY tools/start.sh /usr/local/bin/start\nRUN chmod 755 /usr/local/bin/start /usr/local/bin/wp\n"
            'WORKDIR /var/www/html\nENTRYPOINT ["start"]\nCMD ["php-fpm83", "-F"]\n',
        ),
        (POOL, "www-data\ngroup = www-data", "nobody\ngroup = nobody"),
        (WORDPRESS_START, "cp -rL /usr/share/wordpress/. /var/www/html/", "wp core download --allow-root"),
        (WORDPRESS_START, "chown -R www-data:www-data", "chown -R nobody:nobody"),
    )


DESCRIPTOR = (
    "exec 3> /etc/mysql/mariadb.conf.d/60-own.cnf\necho '[mysqld]' >&3\necho 'bind-address = {}' >&3\nexec 3>&-"
)
STDOUT = f"exec 4>&1 > {WWW}\necho '[www]'\necho 'listen = {{}}'\nexec 1>&4 4>&-"
EVAL = f"listen={{}}\neval \"cat <<EOF\n$(printf '[www]\\nlisten = ${{{{listen}}}}')\nEOF\" > {WWW}"
AWK = f"awk '/^listen = /{{{{print \"listen = {{}}\"; next}}}}1' {WWW} > /tmp/www && mv /tmp/www {WWW}"
FIND = "find {} -name '*.cnf' -exec sed -i 's/^skip-networking/#&/' {{}} +"
LINE = "    try_files $uri $uri/ /index.php?$args;\n"
IN_FULL = SITE.replace(
    "include fastcgi.conf;",
    "include fastcgi_params;\n        fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;",
)
ESCAPED = IN_FULL.replace("$", "\\$").replace("\\.php\\$", "\\.php$")
PLACES = ("start.sh", "site.crt -keyout /etc/nginx/tls/site.key")
CERTIFICATE = (
    'D=/etc/nginx/tls\nopenssl req -x509 -nodes -newkey rsa:2048 -subj /CN=s -out "$D/{}.crt" -keyout "$D/{}.key"\n'
)
MADE_AT_BUILD = (
    " \\\n    && mkdir -p /etc/nginx/tls \\\n    && openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=student.42.fr \\\n"
    "        -keyout /etc/nginx/tls/site.key -out /etc/nginx/tls/site.crt"
)


def certificate(name: str) -> tuple[Edit, ...]:
    """Made by the start script, at a path of variables."""
    return *nginx_start(CERTIFICATE.format(name, name) + heredoc(SITE)), (
        NGINX,
        MADE_AT_BUILD,
        " \\\n    && mkdir -p /etc/nginx/tls",
    )


def main_conf(line: str) -> tuple[Edit, ...]:
    """NGINX is kept in the foreground by a file."""
    return *nginx_start(f"{heredoc(SITE)}\n{line}"), (NGINX, CMD, 'CMD ["nginx"]')


LED = (
    innocent("G02", "a descriptor that exec opened", *own_cnf(DESCRIPTOR.format("0.0.0.0"))),
    breach("G02", "a descriptor that exec opened, with loopback", *own_cnf(DESCRIPTOR.format("127.0.0.1"))),
    innocent("G03", "standard output goes to the pool for a while", *own_pool(STDOUT.format("9000"))),
    breach("G03", "standard output goes to the pool for a while, with loopback", *own_pool(STDOUT.format("127.0.0.1:9000"))),
    innocent("G03", "eval fills a here-document", *own_pool(EVAL.format("9000"))),
    breach("G03", "eval fills a here-document with loopback", *own_pool(EVAL.format("127.0.0.1:9000"))),
    innocent("G03", "awk makes the pool", *pool(AWK.format("9000"))),
    breach("G03", "awk makes the pool, with loopback", *pool(AWK.format("127.0.0.1:9000"))),
    breach("G03", "awk is about another line of the pool", *pool(f"awk '/^user/{{print \"user = www-data\"; next}}1' {WWW} > /t && mv /t {WWW}"),
           also={"W05": "advice"}),
    innocent("G03", "the pool by what ls prints", *own_pool("pool=$(ls /etc/php/*/fpm/pool.d/www.conf)\nprintf '[www]\\nlisten = 9000\\n' > $pool")),
    breach("G03", "the pool by what ls prints, with loopback",
           *own_pool("pool=$(ls /etc/php/*/fpm/pool.d/www.conf)\nprintf '[www]\\nlisten = 127.0.0.1:9000\\n' > $pool")),
    innocent("G03", "the pool of another stage", *stage("printf '[www]\\nuser = www-data\\nlisten = 9000\\n' > /out/www.conf", f"/out/www.conf {WWW}")),
    breach("G03", "the pool of another stage, with loopback",
           *stage("printf '[www]\\nuser = www-data\\nlisten = 127.0.0.1:9000\\n' > /out/www.conf", f"/out/www.conf {WWW}")),
    breach("G10", "the pool of another stage is root's", *stage("printf '[www]\\nuser = root\\nlisten = 9000\\n' > /out/www.conf", f"/out/www.conf {WWW}")),
    innocent("G02", "find takes Alpine's line out", *alpines(FIND.format("/etc/my.cnf.d"))),
    breach("G02", "find looks elsewhere", *alpines(FIND.format("/etc/mysql"))),
    innocent("G02", "xargs takes Alpine's line out", *alpines("ls /etc/my.cnf.d/*.cnf | xargs sed -i '/^skip-networking/d'")),
    breach("G02", "sed of another file leaves Alpine's line", *alpines("sed -i '/^skip-networking/d' /etc/my.cnf")),
    innocent("G02", "the start script adds the address", (MARIADB, OWN_CNF, ""), (CNF, None, None),
             (MARIADB_START, 'exec "$@"', 'set -- "$@" --bind-address=0.0.0.0\nexec "$@"')),
    breach("G02", "the start script adds loopback", (MARIADB_START, 'exec "$@"', 'set -- "$@" --bind-address=127.0.0.1\nexec "$@"')),
    innocent("G06", "a function writes the SQL", *by_function(*FIRST)),
    breach("G06", "a function writes the SQL, without the first line", *by_function(*FIRST[1:])),
    breach("W06", "a function writes the SQL, nothing of root", *by_function(*FIRST[:3])),
    breach("W06", "root's password in a comment of SQL", *by_function(*FIRST[:3], f"-- {ROOT}")),
    innocent("W06", "a loop feeds files", *in_loop(("1.sql", "FLUSH PRIVILEGES;\nCREATE DATABASE wordpress;\n"),
                                                   ("2.sql", "GRANT ALL ON *.* TO root@localhost IDENTIFIED VIA ed25519 USING PASSWORD('@@x@@');\n"))),
    breach("W06", "a loop feeds files, that about root is none of them", *in_loop(("1.sql", "FLUSH PRIVILEGES;\nCREATE DATABASE wordpress;\n"),
                                                                             ("2.sql.off", "ALTER USER root@localhost IDENTIFIED BY '@@x@@';\n"))),
    breach("W06", "SQL lies there, and nothing feeds it", *fed(":\n"),
           (MARIADB, "COPY tools/start.sh", "COPY sql/ /docker-entrypoint-initdb.d/\nCOPY tools/start.sh"),
           ("srcs/requirements/mariadb/sql/1.sql", None, "CREATE DATABASE w;\nALTER USER root@localhost IDENTIFIED BY '@@x@@';\n")),
    innocent("D10", "supervisord stays", *supervised("[supervisord]\\nnodaemon=true\\n[program:fpm]\\ncommand=php-fpm8.2 -F\\n")),
    breach("D10", "supervisord goes to the background", *supervised("[supervisord]\\nuser=root\\n[program:fpm]\\ncommand=php-fpm8.2 -F\\n")),
    innocent("D10", "supervisord stays by its option",
             *supervised("[supervisord]\\nuser=root\\n[program:fpm]\\ncommand=php-fpm8.2 -F\\n", "supervisord -n -c /etc/supervisord.conf")),
    breach("D10", "supervisord's program goes to the background", *supervised("[supervisord]\\nnodaemon=true\\n[program:fpm]\\ncommand=php-fpm8.2\\n")),
    innocent("D10", "a line of nginx.conf", *main_conf("echo 'daemon off;' >> /etc/nginx/nginx.conf")),
    breach("D10", "a line of a file that NGINX does not read", *main_conf("echo 'daemon off;' >> /etc/nginx.conf")),
    breach("D10", "a line of nginx.conf that is a comment", *main_conf("echo '# daemon off;' >> /etc/nginx/nginx.conf")),
    innocent("D10", "a line of php-fpm.conf", (WORDPRESS, '"php-fpm8.2", "-F"', '"php-fpm8.2"'),
             (WORDPRESS, COPY_POOL, f"{COPY_POOL}RUN sed -i 's/;daemonize = yes/daemonize = no/' /etc/php/8.2/fpm/php-fpm.conf\n")),
    breach("D10", "a line of php-fpm.conf that stays a comment", (WORDPRESS, '"php-fpm8.2", "-F"', '"php-fpm8.2"'),
           (WORDPRESS, COPY_POOL, f"{COPY_POOL}RUN sed -i 's/daemonize = yes/daemonize = no/' /etc/php/8.2/fpm/php-fpm.conf\n")),
    innocent("N06", "a certificate at a path of variables", *certificate("site")),
    breach("N06", "a certificate of another name at a path of variables", *certificate("own")),
    innocent("T03", "a here-document with NGINX's variables kept", *nginx_start(f"cat > {AT} <<EOF\n{ESCAPED}EOF")),
    breach("T03", "a here-document that eats NGINX's variables",
           *nginx_start(f"cat > {AT} <<EOF\n{ESCAPED.replace(chr(92) + '$document_root' + chr(92) + '$fastcgi_script_name', '$document_root$fastcgi_script_name')}EOF"),
           also={"G16": "fail"}),
    breach("T03", "a written configuration without a semicolon", *nginx_start(heredoc(with_(("index index.php;", "index index.php"))))),
    innocent("N01", "a template filled line by line",
             *template_start(f"while IFS= read -r line; do echo \"$line\" | sed 's/@TLS@/TLSv1.3/'; done < /etc/nginx/site.tpl > {AT}",
                             SITE.replace("TLSv1.2 TLSv1.3", "@TLS@"))),
    breach("N01", "a template filled line by line, with old versions",
           *template_start(f"while IFS= read -r line; do echo \"$line\" | sed 's/@TLS@/{OLD[1]}/'; done < /etc/nginx/site.tpl > {AT}",
                           SITE.replace("TLSv1.2 TLSv1.3", "@TLS@"))),
    breach("N02", "the site goes where NGINX does not read", *nginx_start(heredoc(SITE, "mkdir -p /etc/nginx/own; cat > /etc/nginx/own/site.conf <<'EOF'")),
           also=dict.fromkeys(("N01", "N04", "N05", "N06"), "unclear")),
    breach("P05", "a crontab with a password",
           ("srcs/requirements/mariadb/conf/crontab", None, "0 3 * * * root mysqldump -u wp -pRz8vQ2mN4 wordpress > /b.sql\n")),
    innocent("P05", "a crontab that reads a secret",
             ("srcs/requirements/mariadb/conf/crontab", None, '0 3 * * * root mysqldump -u wp -p"$(cat /run/secrets/db_password)" wordpress > /b.sql\n')),
    breach("G05", "a function of a library reads what is not given", (COMPOSE, "secrets: [db_password, db_root_password]", "secrets: [db_password]"),
           (MARIADB_START, "$(cat /run/secrets/db_root_password)", "$(secret db_root_password)"),
           (MARIADB_START, "set -eu\n", 'set -eu\n. "$(dirname "$0")/lib.sh"\n'),
           ("srcs/requirements/mariadb/tools/lib.sh", None, 'secret() { cat "/run/secrets/$1"; }\n'),
           (MARIADB, "COPY tools/start.sh /usr/local/bin/start", "COPY tools/lib.sh /usr/local/bin/lib.sh\nCOPY tools/start.sh /usr/local/bin/start")),
    breach("G11", "Alpine's memory", *alpines_php(""), verdict="advice"),
    innocent("G11", "more memory by a file of conf.d", *alpines_php("RUN echo 'memory_limit = 512M' > /etc/php83/conf.d/z.ini\n")),
    breach("G11", "more memory by a file of another version", *alpines_php("RUN echo 'memory_limit = 512M' > /etc/php82/conf.d/z.ini\n"), verdict="advice"),
    breach("G11", "more memory in a comment", *alpines_php("RUN echo ';memory_limit = 512M' > /etc/php83/conf.d/z.ini\n"), verdict="advice"),
    innocent("G11", "more memory by sed", *alpines_php("RUN sed -i 's/^memory_limit.*/memory_limit = 1G/' /etc/php83/php.ini\n")),
)  # fmt: skip
