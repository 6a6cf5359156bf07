"""Further edits of the reference: configuration that start scripts and RUN lines write, each in another way."""

from __future__ import annotations

from tests.inception.mutants.edits import (
    CONF,
    COPY_CONF,
    MARIADB,
    MARIADB_START,
    NGINX,
    POOL,
    WORDPRESS,
    WORDPRESS_START,
    Edit,
    Mutant,
    breach,
    innocent,
)
from tests.inception.mutants.fresh import CNF, OWN_CNF, OWN_POOL

SITE = r"""server {
    listen 443 ssl;
    server_name student.42.fr;
    ssl_certificate /etc/nginx/tls/site.crt;
    ssl_certificate_key /etc/nginx/tls/site.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    root /var/www/html;
    index index.php;
    location / {
        try_files $uri $uri/ /index.php?$args;
    }
    location ~ \.php$ {
        include fastcgi.conf;
        fastcgi_pass wordpress:9000;
    }
}
"""
CMD = 'CMD ["nginx", "-g", "daemon off;"]'
AT = "/etc/nginx/conf.d/site.conf"
OLD = ("TLSv1.2 TLSv1.3", "TLSv1.1 TLSv1.2")
PLAIN = ("listen 443 ssl", "listen 443")
OTHER = ("wordpress:9000", "wordpres:9000")
PORT = ("wordpress:9000", "wordpress:9001")
ROOT = ("root /var/www/html", "root /usr/share/nginx/html")


def with_(*change: tuple[str, str], text: str = SITE) -> str:
    for old, new in change:
        assert old in text
        text = text.replace(old, new)
    return text


def nginx_start(body: str) -> tuple[Edit, ...]:
    """NGINX's configuration is what its start script writes."""
    return (
        (NGINX, COPY_CONF, "COPY tools/start.sh /usr/local/bin/start\nRUN chmod 755 /usr/local/bin/start\n"),
        (NGINX, CMD, f'ENTRYPOINT ["start"]\n{CMD}'),
        ("srcs/requirements/nginx/tools/start.sh", None, f'#!/bin/bash\nset -eu\n{body}\nexec "$@"\n'),
        (CONF, None, None),
    )


def nginx_run(line: str, copied: str | None = None) -> tuple[Edit, ...]:
    """It is what a RUN line writes, or makes of a copied file."""
    copy = "COPY conf/nginx.conf /tmp/site.tpl\n" if copied else ""
    return (NGINX, COPY_CONF, f"{copy}{line}\n"), (CONF, None, copied)


def template_start(body: str, template: str, to: str = "/etc/nginx/site.tpl") -> tuple[Edit, ...]:
    """A template is copied, and the start script makes the file of it."""
    start = nginx_start(body)
    copy, *rest = start[:-1]
    return (copy[0], copy[1], f"COPY conf/nginx.conf {to}\n{copy[2]}"), *rest, (CONF, None, template)


def heredoc(text: str, how: str = f"cat > {AT} <<'EOF'") -> str:
    return f"{how}\n{text}EOF"


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("$", "\\$").replace('"', '\\"')


def quoted(text: str) -> list[str]:
    return [f"'{line}'" for line in text.splitlines()]


def echoes(text: str, at: str = AT) -> str:
    """The first line by >, the others by >>."""
    first, *more = quoted(text)
    return "\n".join([f"echo {first} > {at}", *(f"echo {line} >> {at}" for line in more)])


def grouped(text: str) -> str:
    return "{\n" + "\n".join(f"    echo {line}" for line in quoted(text)) + f"\n}} > {AT}"


def subshell(text: str) -> str:
    return "(" + "; ".join(f"echo {line}" for line in quoted(text)) + f") | tee {AT} > /dev/null"


def printed(text: str) -> str:
    return "printf '%s\\n' \\\n" + " \\\n".join(f"    {line}" for line in quoted(text)) + f" > {AT}"


def one_format(text: str) -> str:
    inner = text.replace("\\", "\\\\").replace("\n", "\\n").replace("%", "%%")
    return f"printf '{inner}' > {AT}"


def dash_e(text: str) -> str:
    inner = text.replace("\\", "\\\\\\\\").replace("$", "\\$").replace("\n", "\\n")
    return f'echo -e "{inner}" > {AT}'


def by_variable(text: str) -> str:
    return f'CONF_DIR=/etc/nginx/conf.d\nSITE="{escaped(text)}"\necho "$SITE" > "$CONF_DIR/site.conf"'


def by_function(text: str) -> str:
    return f'put() {{\n    mkdir -p "$(dirname "$1")"\n    cat > "$1"\n}}\n{heredoc(text, f"put {AT} <<" + chr(39) + "EOF" + chr(39))}'


def by_lines(text: str) -> str:
    """A function that adds a line."""
    return f'add() {{ echo "$1" >> {AT}; }}\n' + "\n".join(f"add {line}" for line in quoted(text))


def by_loop(text: str) -> str:
    return f": > {AT}\nfor line in {' '.join(quoted(text))}; do\n    printf '%s\\n' \"$line\" >> {AT}\ndone"


def by_tee(text: str) -> str:
    return heredoc(text, f"tee {AT} > /dev/null <<'EOF'")


def by_tabs(text: str) -> str:
    return "cat <<-'EOF' | sed 's/@@//' > " + AT + "\n" + "".join(f"\t{line}\n" for line in text.splitlines()) + "\tEOF"


def by_exec(text: str) -> str:
    return f"conf=$(cat <<'EOF'\n{text}EOF\n)\nprintf '%s\\n' \"$conf\" > {AT}"


def elsewhere(text: str) -> str:
    return heredoc(text, "cat > /tmp/site.new <<'EOF'") + f"\nmv /tmp/site.new {AT}"


def by_link(text: str) -> str:
    return heredoc(text, "cat > /etc/nginx/sites-available/inception <<'EOF'") + (
        "\nln -sf /etc/nginx/sites-available/inception /etc/nginx/sites-enabled/inception"
    )


WAYS = {
    "echo, line by line": echoes,
    "echoes in braces": grouped,
    "echoes in brackets, through tee": subshell,
    "printf of lines": printed,
    "printf of one format": one_format,
    "echo -e": dash_e,
    "a variable's text and directory": by_variable,
    "a function that reads a here-document": by_function,
    "a function that adds a line": by_lines,
    "a loop over lines": by_loop,
    "tee with a here-document": by_tee,
    "a here-document through sed": by_tabs,
    "a variable made of a here-document": by_exec,
    "a file that is moved": elsewhere,
    "a file that is linked": by_link,
}
KINDS = (("N01", OLD), ("N02", PLAIN), ("G13", OTHER), ("N05", PORT), ("G14", ROOT))


def of_nginx() -> tuple[Mutant, ...]:
    made: list[Mutant] = []
    for number, (name, way) in enumerate(WAYS.items()):
        rule, change = KINDS[number % len(KINDS)]
        made += [
            breach(rule, f"written by {name}", *nginx_start(way(with_(change)))),
            innocent(rule, f"written by {name}", *nginx_start(way(SITE))),
        ]
    return tuple(made)


def run(text: str) -> str:
    """The same in a RUN line."""
    return "RUN " + " \\\n && ".join(
        f"echo {line} {'>>' if number else '>'} {AT}" for number, line in enumerate(quoted(text))
    )


def run_printf(text: str) -> str:
    return "RUN printf '%s\\n' \\\n" + " \\\n".join(f"    {line}" for line in quoted(text)) + f" > {AT}"


def run_group(text: str) -> str:
    return "RUN { \\\n" + " \\\n".join(f"    echo {line};" for line in quoted(text)) + f" \\\n    }} | tee {AT}"


def run_heredoc(text: str) -> str:
    return f"RUN cat <<'EOF' > {AT}\n{text}EOF"


TEMPLATE = with_(("student.42.fr", "${DOMAIN_NAME}"), ("TLSv1.2 TLSv1.3", "${TLS}"), ("wordpress:9000", "${PHP}"))
ENVSUBST = f"export TLS='{{}}' PHP=wordpress:9000\nenvsubst '$DOMAIN_NAME $TLS $PHP' < /etc/nginx/site.tpl > {AT}"
MARKS = with_(("student.42.fr", "@NAME@"), ("TLSv1.2 TLSv1.3", "@TLS@"))
SED = f'sed -e "s/@NAME@/$DOMAIN_NAME/g" -e "s/@TLS@/{{}}/" /etc/nginx/site.tpl > {AT}'
SED_AFTER = f'cp /etc/nginx/site.tpl {AT}\nsed -i "s/@NAME@/${{DOMAIN_NAME}}/g; s/@TLS@/{{}}/" {AT}'

MORE_NGINX = (
    breach("N01", "RUN echoes lines", *nginx_run(run(with_(OLD)))),
    innocent("N01", "RUN echoes lines", *nginx_run(run(SITE))),
    breach("N02", "RUN printf's lines", *nginx_run(run_printf(with_(PLAIN)))),
    innocent("N02", "RUN printf's lines", *nginx_run(run_printf(SITE))),
    breach("N05", "RUN echoes in braces through tee", *nginx_run(run_group(with_(PORT)))),
    innocent("N05", "RUN echoes in braces through tee", *nginx_run(run_group(SITE))),
    breach("N01", "RUN with a here-document of its shell", *nginx_run(run_heredoc(with_(OLD)))),
    innocent("N01", "RUN with a here-document of its shell", *nginx_run(run_heredoc(SITE))),
    breach("N01", "RUN moves a copied file and appends", *nginx_run(
        f"RUN mv /tmp/site.tpl {AT} && echo 'ssl_protocols TLSv1 TLSv1.2;' > /etc/nginx/conf.d/tls.conf",
        with_(("    ssl_protocols TLSv1.2 TLSv1.3;\n", "")))),
    innocent("N01", "RUN moves a copied file and appends", *nginx_run(
        f"RUN mv /tmp/site.tpl {AT} && echo 'ssl_protocols TLSv1.2 TLSv1.3;' > /etc/nginx/conf.d/tls.conf",
        with_(("    ssl_protocols TLSv1.2 TLSv1.3;\n", "")))),
    breach("N01", "envsubst of exported values", *template_start(ENVSUBST.replace("{}", "TLSv1 TLSv1.3"), TEMPLATE)),
    innocent("N01", "envsubst of exported values", *template_start(ENVSUBST.replace("{}", "TLSv1.2 TLSv1.3"), TEMPLATE)),
    breach("N01", "sed from a template to a file", *template_start(SED.replace("{}", "TLSv1 TLSv1.3"), MARKS)),
    innocent("N01", "sed from a template to a file", *template_start(SED.replace("{}", "TLSv1.2 TLSv1.3"), MARKS)),
    breach("N01", "cp of a template, and sed", *template_start(SED_AFTER.replace("{}", "TLSv1 TLSv1.3"), MARKS)),
    innocent("N01", "cp of a template, and sed", *template_start(SED_AFTER.replace("{}", "TLSv1.2 TLSv1.3"), MARKS)),
    breach("N01", "a file that is written anew with a breach", *nginx_start(heredoc(SITE) + "\n" + heredoc(with_(OLD)))),
    innocent("N01", "a breach that is written over", *nginx_start(heredoc(with_(OLD)) + "\n" + heredoc(SITE))),
    innocent("N01", "a file in a directory that is not read", *nginx_start(
        heredoc(SITE) + "\n" + heredoc(with_(OLD), "cat > /etc/nginx/conf.d/site.conf.old <<'EOF'"))),
    innocent("N01", "a copied breach that is written over",
             *template_start(heredoc(SITE), with_(OLD), AT)),
    innocent("N01", "a copied breach that is removed",
             *template_start("rm -f /etc/nginx/conf.d/old.conf\n" + heredoc(SITE), with_(OLD), "/etc/nginx/conf.d/old.conf")),
    breach("N01", "a copied file to which a server is appended", *template_start(
        heredoc(with_(OLD, ("student.42.fr", "www.student.42.fr")), f"cat >> {AT} <<'EOF'"), SITE, AT)),
    innocent("N01", "a copied file to which a server is appended", *template_start(
        heredoc(with_(("student.42.fr", "www.student.42.fr")), f"cat >> {AT} <<'EOF'"), SITE, AT)),
)  # fmt: skip


def mariadb(body: str) -> tuple[Edit, ...]:
    return (MARIADB, OWN_CNF, ""), (CNF, None, None), (MARIADB_START, 'exec "$@"', f'{body}\n\nexec "$@"')


def mariadb_run(line: str) -> tuple[Edit, ...]:
    return (MARIADB, OWN_CNF, line + "\n"), (CNF, None, None)


MY = "/etc/mysql/mariadb.conf.d/60-inception.cnf"
SERVER = "/etc/mysql/mariadb.conf.d/50-server.cnf"
SERVER_CNF = (
    f"{{{{ echo '[mysqld]'; echo 'datadir = /var/lib/mysql'; echo 'bind-address = {{}}'; }}}} > {MY}",
    f"printf '[mysqld]\\nbind-address=%s\\n' {{}} > {MY}",
    f'CNF={MY}\nADDRESS={{}}\ncat > "$CNF" <<EOF\n[mysqld]\nbind-address = $ADDRESS\nEOF',
    f"write() {{{{\n    printf '%s\\n' \"$2\" >> \"$1\"\n}}}}\nwrite {MY} '[mysqld]'\nwrite {MY} 'bind-address = {{}}'",
    f"for line in '[mysqld]' 'bind-address = {{}}'; do echo \"$line\"; done | tee {MY}",
)
MARIADB_WAYS = tuple(
    one
    for number, way in enumerate(SERVER_CNF)
    for one in (
        breach("G02", f"bind-address written, {number}", *mariadb(way.format("127.0.0.1"))),
        innocent("G02", f"bind-address written, {number}", *mariadb(way.format("0.0.0.0"))),
    )
)
MORE_MARIADB = (
    breach("G02", "RUN echoes bind-address", *mariadb_run(f"RUN echo '[mysqld]' > {MY} && echo 'bind-address = localhost' >> {MY}")),
    innocent("G02", "RUN echoes bind-address", *mariadb_run(f"RUN echo '[mysqld]' > {MY} && echo 'bind-address = 0.0.0.0' >> {MY}")),
    breach("G02", "skip-networking is echoed", *mariadb_run(f"RUN printf '[mysqld]\\nbind-address = 0.0.0.0\\nskip-networking\\n' > {MY}")),
    innocent("G02", "skip-networking=0 is echoed", *mariadb_run(f"RUN printf '[mysqld]\\nbind-address = 0.0.0.0\\nskip-networking=0\\n' > {MY}")),
    innocent("G02", "Debian's own file is written over", *mariadb(f"printf '[mysqld]\\nuser = mysql\\n' > {SERVER}")),
    breach("G02", "Debian's own file gets a port", *mariadb(f"printf '[mysqld]\\nport = 3306\\n' >> {SERVER}")),
    innocent("G02", "bind-address appended to Debian's own file", *mariadb(f"echo 'bind-address = 0.0.0.0' >> {SERVER}")),
    breach("G02", "a copied address, and sed in the start script", (CNF, "0.0.0.0", "ADDRESS"), (MARIADB_START, 'exec "$@"',
           "sed -i 's/ADDRESS/127.0.0.1/' /etc/mysql/mariadb.conf.d/99-inception.cnf\nexec \"$@\"")),
    innocent("G02", "a copied loopback, and sed in the start script", (CNF, "0.0.0.0", "127.0.0.1"), (MARIADB_START, 'exec "$@"',
             "sed -i 's/127.0.0.1/0.0.0.0/' /etc/mysql/mariadb.conf.d/99-inception.cnf\nexec \"$@\"")),
)  # fmt: skip
SQL = """FLUSH PRIVILEGES;
CREATE DATABASE IF NOT EXISTS \\`${MYSQL_DATABASE}\\`;
CREATE USER IF NOT EXISTS '${MYSQL_USER}'@'%' IDENTIFIED BY '${user_password}';
GRANT ALL ON \\`${MYSQL_DATABASE}\\`.* TO '${MYSQL_USER}'@'%';
ALTER USER 'root'@'localhost' IDENTIFIED BY '${root_password}';
FLUSH PRIVILEGES;
"""
BOOT = "    mariadbd --user=mysql --bootstrap << EOF\n" + SQL + "EOF\n"


def sql(how: str, text: str) -> tuple[Edit, ...]:
    """The SQL is in a file that is written line by line."""
    lines = text.splitlines()
    return ((MARIADB_START, BOOT, how.format(
        lines="; ".join(f'echo "{line}"' for line in lines),
        appended="\n".join(f'    echo "{line}" >> /tmp/init.sql' for line in lines),
    )),)  # fmt: skip


GROUP = "    {{ {lines}; }} > /tmp/init.sql\n    mariadbd --user=mysql --bootstrap < /tmp/init.sql\n"
APPENDED = "    : > /tmp/init.sql\n{appended}\n    mariadbd --user=mysql --bootstrap < /tmp/init.sql\n"
PIPED = "    ( {lines} ) | mariadbd --user=mysql --bootstrap\n"
NO_ROOT = SQL.replace("ALTER USER 'root'@'localhost' IDENTIFIED BY '${root_password}';\n", "")
NO_FLUSH = SQL.removeprefix("FLUSH PRIVILEGES;\n")
OF_SQL = (
    innocent("W06", "SQL echoed in braces", *sql(GROUP, SQL)),
    breach("W06", "SQL echoed in braces without root", *sql(GROUP, NO_ROOT)),
    breach("G06", "SQL echoed in braces without a flush", *sql(GROUP, NO_FLUSH)),
    innocent("G06", "SQL appended line by line", *sql(APPENDED, SQL)),
    breach("G06", "SQL appended line by line without a flush", *sql(APPENDED, NO_FLUSH)),
    innocent("G06", "SQL piped from brackets", *sql(PIPED, SQL)),
    breach("G06", "SQL piped from brackets without a flush", *sql(PIPED, NO_FLUSH)),
)


def pool(body: str) -> tuple[Edit, ...]:
    return (WORDPRESS, OWN_POOL, ""), (POOL, None, None), (WORDPRESS_START, 'exec "$@"', f'{body}\n\nexec "$@"')


def pool_run(line: str) -> tuple[Edit, ...]:
    return (WORDPRESS, OWN_POOL, line + "\n"), (POOL, None, None)


WWW = "/etc/php/8.2/fpm/pool.d/www.conf"
POOL_TEXT = (
    "[www]\nuser = www-data\ngroup = www-data\nlisten = 9000\npm = ondemand\npm.max_children = 5\nclear_env = no\n"
)
LOOP9000 = ("listen = 9000", "listen = 127.0.0.1:9000")
SOCK = ("listen = 9000", "listen = /run/php/php8.2-fpm.sock")
AS_ROOT = ("user = www-data", "user = root")
NOBODY = ("user = www-data", "user = site")


def pool_echo(text: str) -> str:
    return echoes(text, WWW)


def pool_printf(text: str) -> str:
    return "printf '" + text.replace("\n", "\\n") + f"' > {WWW}"


def pool_doc(text: str) -> str:
    return f"POOL={WWW}\n" + heredoc(text, 'cat > "${POOL}" <<EOF')


def pool_tee(text: str) -> str:
    return heredoc(text, f"tee {WWW} <<EOF")


OF_POOL = tuple(
    one
    for name, way, rule, change in (
        ("echo", pool_echo, "G03", LOOP9000),
        ("printf", pool_printf, "G03", SOCK),
        ("a here-document", pool_doc, "G10", AS_ROOT),
        ("tee", pool_tee, "G20", NOBODY),
        ("tee, loopback", pool_tee, "G03", LOOP9000),
        ("printf, root", pool_printf, "G10", AS_ROOT),
    )
    for one in (
        breach(
            rule,
            f"the pool is written by {name}",
            *pool(way(with_(change, text=POOL_TEXT))),
            also={"W05": "advice"} if change == SOCK else None,
        ),
        innocent(rule, f"the pool is written by {name}", *pool(way(POOL_TEXT))),
    )
)
MORE_POOL = (
    breach("G03", "RUN printf's the pool", *pool_run("RUN " + pool_printf(with_(LOOP9000, text=POOL_TEXT)))),
    innocent("G03", "RUN printf's the pool", *pool_run("RUN " + pool_printf(POOL_TEXT))),
    innocent("G03", "a line appended to the package's pool", *pool(f"echo 'listen = 0.0.0.0:9000' >> {WWW}")),
    breach("G03", "another line appended to the package's pool", *pool(f"echo 'clear_env = no' >> {WWW}"), also={"W05": "advice"}),
    innocent("G03", "sed of the start script on the package's pool", *pool(f"sed -i 's|^listen = .*|listen = 9000|' {WWW}")),
    breach("G03", "sed of the start script that puts loopback", *pool(f"sed -i 's|^listen = .*|listen = 127.0.0.1:9000|' {WWW}")),
    breach("G03", "a copied pool, and sed that puts loopback", (WORDPRESS_START, 'exec "$@"', f"sed -i 's/= 9000/= 127.0.0.1:9000/' {WWW}\nexec \"$@\"")),
    innocent("G03", "a copied pool on loopback, and sed that opens it", (POOL, *LOOP9000), (WORDPRESS_START, 'exec "$@"', f"sed -i 's/127.0.0.1:9000/9000/' {WWW}\nexec \"$@\"")),
)  # fmt: skip

CONFIG = "srcs/requirements/wordpress/tools/wp-config.php"
CP_CONFIG = "    cp /opt/inception/wp-config.php /var/www/html/wp-config.php\n"
PHP = (
    "<?php\ndefine('DB_NAME', '$MYSQL_DATABASE');\ndefine('DB_USER', '$MYSQL_USER');\n"
    "define('DB_PASSWORD', trim(file_get_contents('/run/secrets/db_password')));\ndefine('DB_HOST', '{}');\n"
    "define('DB_CHARSET', 'utf8mb4');\n\\$table_prefix = 'wp_';\n"
    "if (!defined('ABSPATH')) {{ define('ABSPATH', '/var/www/html/'); }}\nrequire_once ABSPATH . 'wp-settings.php';\n"
)


def wp_config(body: str) -> tuple[Edit, ...]:
    return (
        (WORDPRESS_START, CP_CONFIG, body + "\n"),
        (CONFIG, None, None),
        (WORDPRESS, "tools/wp-config.php tools/install.php", "tools/install.php"),
    )


def php_doc(text: str) -> str:
    return heredoc(text, "cat > /var/www/html/wp-config.php <<EOF")


def php_echo(text: str) -> str:
    lines = "\n".join(f'echo "{line}"' for line in text.splitlines())
    return f"{{\n{lines}\n}} > /var/www/html/wp-config.php"


OF_WP_CONFIG = tuple(
    one
    for name, way in (("a here-document", php_doc), ("echoes", php_echo))
    for one in (
        breach("G12", f"wp-config.php written by {name}", *wp_config(way(PHP.format("localhost")))),
        innocent("G12", f"wp-config.php written by {name}", *wp_config(way(PHP.format("mariadb")))),
    )
)
MORE_WP_CONFIG = (
    breach("G12", "sed puts a wrong host into wp-config.php", (CONFIG, "'DB_HOST', 'mariadb'", "'DB_HOST', 'HOST_HERE'"),
           (WORDPRESS_START, CP_CONFIG, CP_CONFIG + "    sed -i \"s/HOST_HERE/db/\" /var/www/html/wp-config.php\n")),
    innocent("G12", "sed puts the host into wp-config.php", (CONFIG, "'DB_HOST', 'mariadb'", "'DB_HOST', 'localhost'"),
             (WORDPRESS_START, CP_CONFIG, CP_CONFIG + "    sed -i \"s/localhost/mariadb/\" /var/www/html/wp-config.php\n")),
)  # fmt: skip

OTHERS: tuple[Mutant, ...] = (
    *MARIADB_WAYS,
    *MORE_MARIADB,
    *OF_SQL,
    *OF_POOL,
    *MORE_POOL,
    *OF_WP_CONFIG,
    *MORE_WP_CONFIG,
)
HELD = (*of_nginx(), *MORE_NGINX, *OTHERS)
