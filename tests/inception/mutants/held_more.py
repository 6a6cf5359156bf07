"""Further edits of the reference: configuration that scripts make of templates, values and parts."""

from __future__ import annotations

from tests.inception.mutants.edits import COMPOSE, CONF, COPY_CONF, NGINX, WORDPRESS_START, Edit, breach, innocent
from tests.inception.mutants.held import (
    AT,
    CMD,
    OLD,
    OTHER,
    PORT,
    SERVER,
    SITE,
    heredoc,
    mariadb,
    mariadb_run,
    nginx_run,
    nginx_start,
    pool,
    pool_run,
    template_start,
    with_,
)

LIST = "for f in /etc/nginx/templates/*.template; do\n"
TEMPLATES = LIST + '    envsubst \'$DOMAIN_NAME $TLS\' < "$f" > "/etc/nginx/conf.d/$(basename "${f%.template}")"\ndone'
TEMPLATE = with_(("student.42.fr", "${DOMAIN_NAME}"), ("TLSv1.2 TLSv1.3", "${TLS}"))
IN = "/etc/nginx/templates/site.conf.template"


def given(name: str, value: str) -> Edit:
    return (
        COMPOSE,
        "    image: nginx:inception\n",
        f'    image: nginx:inception\n    environment:\n      {name}: "{value}"\n',
    )


def templates(value: str) -> tuple[Edit, ...]:
    return (*template_start(TEMPLATES, TEMPLATE, IN), given("TLS", value))


MAIN = 'write_site() {{\n{}\n}}\nmain() {{\n    write_site\n    exec "$@"\n}}\nmain "$@"'


def in_main(text: str) -> tuple[Edit, ...]:
    return nginx_start(
        MAIN.replace("{{", "{")
        .replace("}}", "}")
        .replace("{}", heredoc(text, 'cat > "${SITE_CONF:-' + AT + "}\" <<'EOF'"), 1)
    )


def branches(value: str) -> tuple[Edit, ...]:
    body = 'if [ "$MODE" = strict ]; then\n    TLS="TLSv1.2 TLSv1.3"\nelse\n    TLS="TLSv1 TLSv1.2"\nfi\n'
    body += f'sed "s/@TLS@/$TLS/" /etc/nginx/site.tpl > {AT}'
    return (*template_start(body, with_(("TLSv1.2 TLSv1.3", "@TLS@"))), given("MODE", value))


def by_case(text: str) -> tuple[Edit, ...]:
    return nginx_start('case "$1" in\n    nginx)\n' + heredoc(text) + "\n    ;;\nesac")


def parts(text: str) -> tuple[Edit, ...]:
    """Two files that one is made of."""
    head, tail = text.split("    root", 1)
    return (
        (
            NGINX,
            COPY_CONF,
            f"COPY conf/head.conf conf/tail.conf /tmp/parts/\nRUN cat /tmp/parts/head.conf /tmp/parts/tail.conf > {AT}\n",
        ),
        ("srcs/requirements/nginx/conf/head.conf", None, head),
        ("srcs/requirements/nginx/conf/tail.conf", None, "    root" + tail),
        (CONF, None, None),
    )


def snippet(versions: str) -> tuple[Edit, ...]:
    text = with_(("    ssl_protocols TLSv1.2 TLSv1.3;\n", "    include snippets/tls.conf;\n"))
    line = f"RUN printf 'ssl_protocols %s;\\n' '{versions}' > /etc/nginx/snippets/tls.conf && install -m 644 /tmp/site.tpl {AT}"
    return nginx_run(line, text)


def quiet(text: str) -> tuple[Edit, ...]:
    return nginx_start(f"if [ ! -f {AT} ]; then\n    echo 'first start'\n" + heredoc(text) + "\nfi")


def substituted(value: str) -> tuple[Edit, ...]:
    body = f': "${{TLS:={value}}}"\nprintf \'%s\\n\' "$(sed "s/@TLS@/${{TLS}}/" /etc/nginx/site.tpl)" > {AT}'
    return template_start(body, with_(("TLSv1.2 TLSv1.3", "@TLS@")))


def read_lines(text: str) -> tuple[Edit, ...]:
    body = f"while IFS= read -r line; do\n    printf '%s\\n' \"$line\"\ndone < /etc/nginx/site.tpl > {AT}"
    return template_start(body, text)


def array(text: str) -> tuple[Edit, ...]:
    items = "\n".join(f"    '{line}'" for line in text.splitlines())
    return nginx_start(f"lines=(\n{items}\n)\nprintf '%s\\n' \"${{lines[@]}}\" > {AT}")


def sudo(text: str) -> tuple[Edit, ...]:
    return nginx_start(heredoc(text, f"cat <<'EOF' | tee -a {AT} >/dev/null"))


def script_of_build(text: str) -> tuple[Edit, ...]:
    """A script that RUN starts writes it."""
    return (
        (NGINX, COPY_CONF, "COPY tools/configure.sh /tmp/\nRUN sh /tmp/configure.sh\n"),
        ("srcs/requirements/nginx/tools/configure.sh", None, f"#!/bin/sh\nset -e\n{heredoc(text)}\n"),
        (CONF, None, None),
    )


def shell_form(text: str) -> tuple[Edit, ...]:
    """CMD writes it."""
    line = "printf '%s\\n' " + " ".join(f"'{one}'" for one in text.splitlines())
    return (NGINX, COPY_CONF, ""), (CONF, None, None), (NGINX, CMD, f"CMD {line} > {AT} && exec nginx -g 'daemon off;'")


def piped(versions: str) -> tuple[Edit, ...]:
    text = with_(("TLSv1.2 TLSv1.3", "$TLS"))
    return nginx_start(f"export TLS='{versions}'\ncat <<'EOF' | envsubst '$TLS' > {AT}\n{text}EOF")


def in_library(text: str) -> tuple[Edit, ...]:
    """A function of a file that lies beside the script writes it."""
    tools = "srcs/requirements/nginx/tools"
    return (
        (NGINX, COPY_CONF, "COPY tools/ /opt/tools/\nRUN chmod +x /opt/tools/*.sh\n"),
        (NGINX, CMD, f'ENTRYPOINT ["/opt/tools/start.sh"]\n{CMD}'),
        (f"{tools}/start.sh", None, '#!/bin/sh\nset -e\n. "$(dirname "$0")/lib.sh"\nrender\nexec "$@"\n'),
        (f"{tools}/lib.sh", None, f"render() {{\n{heredoc(text)}\n}}\n"),
        (CONF, None, None),
    )


def replaced(versions: str) -> tuple[Edit, ...]:
    text = with_(("TLSv1.2 TLSv1.3", "@@"))
    return nginx_start(f"SITE=$(cat <<'EOF'\n{text}EOF\n)\necho \"${{SITE//@@/{versions}}}\" > {AT}")


def joined(versions: str) -> tuple[Edit, ...]:
    """A text that grows, in a variable."""
    head, tail = SITE.split("    ssl_protocols TLSv1.2 TLSv1.3;\n")
    return nginx_start(f"A='{head}'\nA+='    ssl_protocols {versions};\n'\nA+='{tail}'\necho \"$A\" > {AT}")


def by_perl(versions: str) -> tuple[Edit, ...]:
    return template_start(f"perl -pi -e 's/TLSv1.2 TLSv1.3/{versions}/' /etc/nginx/conf.d/*.conf", SITE, AT)


def main_file(user: str) -> tuple[Edit, ...]:
    lines = f"'user {user};' 'events {{ }}' 'http {{' '    include /etc/nginx/conf.d/*.conf;' '}}'"
    return nginx_run(f"RUN printf '%s\\n' {lines} > /etc/nginx/nginx.conf && cp /tmp/site.tpl {AT}", SITE)


def all_of_mysql(line: str) -> tuple[Edit, ...]:
    """my.cnf is written anew, and includes nothing."""
    return mariadb(f"cat > /etc/mysql/my.cnf <<EOF\n[mysqld]\nuser = mysql\n{line}\nEOF")


def beside(listen: str) -> tuple[Edit, ...]:
    lines = f"echo '[global]'; echo 'daemonize = no'; echo; echo '[www]'; echo 'listen = {listen}'"
    return pool(f"{{ {lines}; }} | tee /etc/php/8.2/fpm/pool.d/zz-site.conf")


def listed_pools(listen: str) -> Edit:
    body = f"POOLS=$(ls /etc/php/*/fpm/pool.d/www.conf)\nsed -i 's/^listen = .*/listen = {listen}/' $POOLS"
    return WORDPRESS_START, 'exec "$@"', f'{body}\nexec "$@"'


NEW, OLDER = "TLSv1.2 TLSv1.3", "TLSv1 TLSv1.2"
FIND = "RUN find /etc/php -name www.conf -exec sed -i 's|^listen = .*|listen = {}|' {{}} +"
GLOB = 'sed -i "s@^listen = .*@listen = ${{FPM_PORT:-{}}}@" /etc/php/*/fpm/pool.d/www.conf'
KEEPS = "printf '[mysqld]\\nbind-address = %s\\n' {} > /etc/mysql/conf.d/inception.cnf"

HELD_MORE = (
    breach("N01", "a loop over templates", *templates("TLSv1 TLSv1.2")),
    innocent("N01", "a loop over templates", *templates("TLSv1.2 TLSv1.3")),
    breach("N05", "a function that main calls, and a path with another value", *in_main(with_(PORT))),
    innocent("N05", "a function that main calls, and a path with another value", *in_main(SITE)),
    breach("N01", "the branch of a given value", *branches("loose")),
    innocent("N01", "the branch of a given value", *branches("strict")),
    breach("G13", "a branch of case", *by_case(with_(OTHER))),
    innocent("G13", "a branch of case", *by_case(SITE)),
    breach("N01", "a file made of two", *parts(with_(OLD))),
    innocent("N01", "a file made of two", *parts(SITE)),
    breach("N01", "a snippet that RUN prints", *snippet("TLSv1.1 TLSv1.2")),
    innocent("N01", "a snippet that RUN prints", *snippet("TLSv1.2 TLSv1.3")),
    breach("N01", "written only where it is not there", *quiet(with_(OLD))),
    innocent("N01", "written only where it is not there", *quiet(SITE)),
    breach("N01", "what sed prints, printed", *substituted("TLSv1.1 TLSv1.2")),
    innocent("N01", "what sed prints, printed", *substituted("TLSv1.2 TLSv1.3")),
    breach("N05", "line by line from a template", *read_lines(with_(PORT))),
    innocent("N05", "line by line from a template", *read_lines(SITE)),
    breach("N05", "an array of lines", *array(with_(PORT))),
    innocent("N05", "an array of lines", *array(SITE)),
    breach("N01", "a here-document through tee -a", *sudo(with_(OLD))),
    innocent("N01", "a here-document through tee -a", *sudo(SITE)),
    breach("N01", "a script of the build writes it", *script_of_build(with_(OLD))),
    innocent("N01", "a script of the build writes it", *script_of_build(SITE)),
    breach("N01", "CMD writes it", *shell_form(with_(OLD))),
    innocent("N01", "CMD writes it", *shell_form(SITE)),
    innocent("G03", "find runs sed on the pool", *pool_run(FIND.format("9000"))),
    breach("G03", "a pattern of paths, and a default", *pool(GLOB.format("127.0.0.1:9000"))),
    innocent("G03", "a pattern of paths, and a default", *pool(GLOB.format("9000"))),
    breach("G02", "a directory that is read before Debian's own", *mariadb(KEEPS.format("0.0.0.0"))),
    innocent("G02", "the same, and Debian's own removed", *mariadb(f"rm -f {SERVER}\n" + KEEPS.format("0.0.0.0"))),
    innocent("G02", "a line that sed appends", *mariadb_run(f"RUN sed -i '/^bind-address/d; $ a bind-address = 0.0.0.0' {SERVER}")),
    breach("G02", "a line that sed adds behind the section", *mariadb_run(f"RUN sed -i -e '/^bind-address/d' -e '/^\\[mysqld\\]/a bind-address = 127.0.0.1' {SERVER}")),
    innocent("G02", "a line that sed adds behind the section", *mariadb_run(f"RUN sed -i -e '/^bind-address/d' -e '/^\\[mysqld\\]/a bind-address = 0.0.0.0' {SERVER}")),
    breach("N01", "a here-document through envsubst", *piped(OLDER)),
    innocent("N01", "a here-document through envsubst", *piped(NEW)),
    breach("N05", "a function of a library", *in_library(with_(PORT))),
    innocent("N05", "a function of a library", *in_library(SITE)),
    breach("N01", "a variable with a part replaced", *replaced(OLDER)),
    innocent("N01", "a variable with a part replaced", *replaced(NEW)),
    breach("N01", "a variable that grows", *joined(OLDER)),
    innocent("N01", "a variable that grows", *joined(NEW)),
    breach("N01", "perl in place", *by_perl(OLDER)),
    innocent("N01", "perl in place", *by_perl(NEW)),
    breach("G20", "the main file is printed", *main_file("nginx")),
    innocent("G20", "the main file is printed", *main_file("www-data")),
    breach("G02", "my.cnf written anew", *all_of_mysql("bind-address = 127.0.0.1")),
    innocent("G02", "my.cnf written anew", *all_of_mysql("bind-address = 0.0.0.0")),
    breach("G03", "a pool beside the package's, through tee", *beside("127.0.0.1:9000")),
    innocent("G03", "a pool beside the package's, through tee", *beside("9000")),
    breach("G03", "sed on what ls lists", listed_pools("127.0.0.1:9000")),
    innocent("G03", "sed on what ls lists", listed_pools("9000")),
)  # fmt: skip
