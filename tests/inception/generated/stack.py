"""A submission of a student, drawn: the files of the stack.

Written from the subject and from how students write, without a look at the rules: it is to find their faults.
"""

# ruff: noqa: E501  (the lines are a submission's, which are as long as they are)

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from textwrap import dedent, indent
from typing import Any

from hypothesis import strategies as st

from tests.inception.generated.choices import Choices, Made
from tests.inception.generated.documents import documents

BREAKABLE = (
    "C01", "C02", "C03", "C04", "C05", "C06", "C07", "C08", "C09", "C10", "C11", "D01", "D02", "D03", "D04", "D05",
    "D06", "D07", "D10", "G01", "G02", "G03", "G04", "G05", "G06", "G07", "G08", "G09", "G10",
    "G13", "G14", "G15", "G16", "G17", "G18", "G19", "G20", "W08", "M01", "N01", "N02",
    "N04", "N05", "N06", "P01", "P02", "P03", "P04", "P05", "R01", "R02", "R03", "R04", "R05", "R06", "S04", "S05",
    "S06", "S09", "W01", "W02", "W03", "W04", "W06",
)  # fmt: skip
LOGINS = ("student", "jdupont", "mthetcha", "ael-khni", "lsantana")
DEBIAN = ("debian:bookworm", "debian:12", "debian:bookworm-slim", "debian:12-slim", "debian:12.11", "debian:oldstable")
ALPINE = ("alpine:3.23", "alpine:3.23.2", "alpine:3.23.0")
PASSWORDS = ("Rz8vQ2mN4", "k7$Tq!pL0x", "S3cr3tPhrase42", "bGV0IG1lIGlu", "correct-horse-7")
REMARKS = (
    "tail -f /dev/null est interdit", "pas de boucle infinie: while true; do sleep 1; done", "FROM debian:latest is forbidden",
    "network: host, --link et links: sont interdits", "mot de passe: voir .env", "el contenedor no debe usar sleep infinity",
    "비밀번호는 .env 에 있다", "nginx only, port 443", "le port 80 n'est pas ouvert", "ENV MYSQL_ROOT_PASSWORD=non",
    "admin ne doit pas apparaître", "service mysql start &", "TLSv1 et TLSv1.1 sont trop vieux",
)  # fmt: skip
HEADER = (
    "# **************************************************************************** #\n#"
    + " " * 76 + "#\n#                                                         :::      ::::::::    #\n"
    "#    By: login <login@student.42.fr>             +#+  +:+       +#+            #\n#"
    + " " * 76 + "#\n# **************************************************************************** #\n\n"
)  # fmt: skip


@dataclass
class Stack:
    """The choices that several files share."""

    c: Choices
    files: dict[str, str] = field(default_factory=dict)
    executable: set[str] = field(default_factory=set)
    secret_dir: str = "secrets/"
    without_recommended: bool = False

    def __post_init__(self) -> None:
        c = self.c
        self.login = c.style("login", *LOGINS)
        self.subject = c.style("subject", "5.4", "5.4", "3")
        self.domain = f"{self.login}.42.fr"
        self.compose = c.style("compose", "docker-compose.yml", "docker-compose.yml", "compose.yaml", "compose.yml",
                               "docker-compose.yaml")  # fmt: skip
        self.dirs = c.style("dirs", "requirements/", "requirements/", "requeriments/", "services/", "")
        keys = c.style("names", ("mariadb", "wordpress", "nginx"), ("mariadb", "wordpress", "nginx"), ("db", "wp", "web"),
                       ("mariadb", "wordpress-php", "nginx"), ("database", "wordpress", "proxy"))  # fmt: skip
        self.db, self.wp, self.web = keys
        self.tools = c.pick("tools/", "tools/", "script/", "")
        self.conf = c.pick("conf/", "conf/", "config/", "")
        self.secrets = c.style("secrets", True, True, False)
        self.env = c.style("env", "ignored", "ignored", "made", "absent")
        self.data_by = c.style("data", "plain", "plain", "HOME", "USER", "env")
        self.site_root = c.pick("/var/www/html", "/var/www/html", "/var/www/wordpress", "/var/www")
        prefix = c.pick("MYSQL_", "DB_", "MARIADB_")
        self.names = {
            "db": prefix + "DATABASE", "user": prefix + "USER", "password": prefix + "PASSWORD",
            "root": prefix + "ROOT_PASSWORD", "domain": c.pick("DOMAIN_NAME", "DOMAIN", "WP_DOMAIN"),
            "boss": c.pick("WP_ADMIN_USER", "WP_ADMIN", "ADMIN_LOGIN", "WP_ADM_N"),
            "boss_password": c.pick("WP_ADMIN_PASSWORD", "WP_ADMIN_PWD", "ADMIN_PASS"),
            "boss_mail": c.pick("WP_ADMIN_EMAIL", "ADMIN_MAIL"),
            "writer": c.pick("WP_USER", "WP_USER_LOGIN", "WP_EDITOR"),
            "writer_password": c.pick("WP_USER_PASSWORD", "WP_USER_PWD"), "writer_mail": c.pick("WP_USER_EMAIL", "WP_MAIL"),
        }  # fmt: skip
        boss = c.one("W01", ("captain", self.login, "wpboss", "mthetcha_adm", "superviseur", "root42"),
                     ("admin", "Administrator", "wp_admin", "myAdmin42", "ADMIN"))  # fmt: skip
        self.values = {
            "db": c.pick("wordpress", "wp", "inception_db"), "user": c.pick("wpuser", "wp", self.login), "password": c.pick(*PASSWORDS),
            "root": c.pick(*PASSWORDS), "domain": self.domain, "boss": boss, "boss_password": c.pick(*PASSWORDS),
            "boss_mail": c.pick("boss@student.42.fr", "admin@example.com"), "writer": c.pick("scribe", "editor", "visiteur"),
            "writer_password": c.pick(*PASSWORDS), "writer_mail": "scribe@student.42.fr",
        }  # fmt: skip
        if self.env == "absent":
            c.allow("unclear", "W01")
            c.allow("advice", "E04")
            c.says.pop("W01", None)
        self.in_secrets = ("password", "root", "boss_password", "writer_password") if self.secrets else ()
        self.secret_names = {
            "password": "db_password", "root": "db_root_password", "boss_password": "wp_admin_password",
            "writer_password": "wp_user_password",
        }  # fmt: skip

    def var(self, key: str) -> str:
        """As a shell script writes it, in double quotes or a here-document."""
        return self.c.pick("$%s", "${%s}") % self.names[key]  # type: ignore[no-any-return]

    def say(self) -> str:
        """A comment in one of the languages, or none."""
        return f"# {self.c.pick(*REMARKS)}\n" if self.c.pick(0, 0, 1) else ""

    def at(self, service: str, file: str) -> str:
        return f"srcs/{self.dirs}{service}/{file}"

    def reads_secrets(self, *keys: str) -> str:
        """Lines of a script that put secrets into variables of the usual names."""
        how = self.c.pick('{0}=$(cat /run/secrets/{1})\n', '{0}="$(cat /run/secrets/{1})"\n', '{0}=$(< /run/secrets/{1})\n'
                          if False else '{0}=`cat /run/secrets/{1}`\n', 'export {0}="$(cat "/run/secrets/{1}")"\n')  # fmt: skip
        return "".join(how.format(self.names[key], self.secret_names[key]) for key in keys if key in self.in_secrets)

    def recommended(self) -> str:
        """apt's option, or none; it decides whether curl brings certificates with it."""
        return (
            "--no-install-recommends " if self.without_recommended else str(self.c.pick("", "--no-install-recommends "))
        )

    def write(self, path: str, text: str) -> None:
        self.files[path] = text


def install(s: Stack, base: str, packages: str, more: str = "") -> str:
    """RUN instructions that install packages, then run `more` (commands, one a line)."""
    c = s.c
    steps = [one for one in more.splitlines() if one]
    if base.startswith("alpine"):
        first = [f"apk add --no-cache {packages}"] if c.maybe() else ["apk update", f"apk add {packages}"]
    else:
        first = ["apt-get update" + c.pick("", " -y"), f"apt-get install -y {s.recommended()}{packages}"]
        if c.maybe():
            first = [one.replace("apt-get", "apt") for one in first]
        first.append("rm -rf /var/lib/apt/lists/*")
    c.allow("advice", "D11")
    way = c.pick("chain", "chain", "many", "heredoc")
    if way == "chain":
        return "RUN " + " \\\n    && ".join(first + steps) + "\n"
    if way == "heredoc":
        return "RUN <<EOF\nset -e\n" + "\n".join(first + steps) + "\nEOF\n"
    return "RUN " + " && ".join(first) + "\n" + "".join(f"RUN {one}\n" for one in steps)


def base_of(s: Stack, where: str) -> str:
    """The base of one image; breaches of D01..D03 and C06 are about NGINX's."""
    c = s.c
    right = c.pick(DEBIAN, DEBIAN, ALPINE)
    if where != "web":
        return str(c.pick(*right))
    for rule, wrong in (
        ("D01", ("ubuntu:22.04", "nginx:1.27", "php:8.2-fpm", "fedora:40")),
        ("D03", ("debian:bullseye", "debian:11", "debian:trixie-slim", "alpine:3.24", "alpine:3.20", "debian:13.1")),
        ("D02", ("debian", "alpine:3", "debian:stable", "alpine:edge")),
        ("C06", ("debian:latest", "alpine:latest")),
    ):
        if c.breaks(rule):
            got = str(c.pick(*wrong))
            c.drawn.append(f"{rule} broken: {got}")
            c.allow("fail", "D02", "D03", "C06")
            c.allow("unclear", "D02", "D03", "N06")
            c.allow("fail", "D01")
            c.allow("advice", "C06", "D02")
            return got
    return str(c.pick(*right))


def header(s: Stack, base: str) -> str:
    way = s.c.pick("plain", "plain", "arg", "platform", "lower", "header")
    name, _, tag = base.partition(":")
    if way == "arg" and tag:
        return f"ARG VERSION={tag}\nFROM {name}:${{VERSION}}\n"
    return {"platform": f"FROM --platform=linux/amd64 {base}\n", "lower": f"from {base}\n",
            "header": HEADER + f"FROM {base}\n"}.get(way, f"FROM {base}\n")  # fmt: skip


def started(s: Stack, service: str, base: str, script: str, command: str) -> str:
    """COPY, its mode, ENTRYPOINT and CMD for a start script; breaches of G01 are here, for the database's."""
    c = s.c
    name = c.pick("start.sh", "entrypoint.sh", "setup.sh", "init.sh", "docker-entrypoint")
    path = s.at(service, s.tools + name)
    target = c.pick("/", "/usr/local/bin/", "/tmp/") + name
    shell = c.pick("#!/bin/sh\n", "#!/bin/sh\n", "#!/bin/bash\n", "#!/usr/bin/env bash\n")
    if base.startswith("alpine"):
        shell = "#!/bin/sh\n"
    text = shell + s.say() + script
    mode = c.pick("chmod", "chmod", "git", "copy", "shell")
    if service == s.db and c.breaks("G01"):
        way = c.pick("mode", "crlf", "header", "interpreter")
        c.drawn.append(f"G01 broken: {way}")
        if way == "mode":
            mode = "none"
        elif way == "crlf":
            text, mode = text.replace("\n", "\r\n"), "chmod"
        elif way == "header":
            text, mode = HEADER + text, "chmod"
        else:
            text, mode = "#!/bin/" + "zsh" + "\n" + text.partition("\n")[2], "chmod"
    s.write(path, text)
    lines = f"COPY {c.pick('', './')}{s.tools}{name} {target}\n"
    if mode == "git":
        s.executable.add(path)
    elif mode == "chmod":
        lines += f"RUN chmod {c.pick('+x', '755', 'a+x', '0755', '+rx')} {target}\n"
    elif mode == "copy":
        lines = lines.replace("COPY", "COPY --chmod=755")
    entry = (
        f'["{"sh" if shell.endswith("/sh" + chr(10)) else "bash"}", "{target}"]' if mode == "shell" else f'["{target}"]'
    )
    if command:
        return lines + f"ENTRYPOINT {entry}\nCMD {command}\n"
    return lines + c.pick(f"ENTRYPOINT {entry}\n", f"CMD {entry}\n")


# -- the database --------------------------------------------------------------------------


def mariadb(s: Stack) -> None:
    c = s.c
    base = base_of(s, "db")
    alpine = base.startswith("alpine")
    packages = "mariadb mariadb-client" if alpine else c.pick("mariadb-server", "mariadb-server mariadb-client")
    packages = c.one("D04", (packages,), (packages + " nginx",))
    if "D04" in c.says:
        c.allow("fail", "S09")
    cnf_dir = "/etc/my.cnf.d/" if alpine else "/etc/mysql/mariadb.conf.d/"
    cnf = c.pick("50-server.cnf", "zz-inception.cnf") if not alpine else c.pick("mariadb-server.cnf", "zz.cnf")
    by_sed = not alpine and c.pick(0, 0, 1)
    address = c.one("G02", ("bind-address = 0.0.0.0", "bind-address=0.0.0.0", "bind_address = *", "skip-bind-address"
                            if False else "bind-address            = 0.0.0.0"), ("bind-address = 127.0.0.1", "skip-networking",
                                                                             "bind-address=localhost"))  # fmt: skip
    way = c.style("database", "bootstrap", "file", "init-file", "server", "server")
    alone = way != "server"  # the first server makes directories and tables
    more = "mkdir -p /run/mysqld\nchown -R mysql:mysql /run/mysqld /var/lib/mysql"
    if alone and c.breaks("G15", "advice" if alpine else "fail"):
        more = "chown -R mysql:mysql /var/lib/mysql"
    if c.maybe() or c.broken & {"G19"}:
        more += "\nrm -rf /var/lib/mysql/*"
    if by_sed and "G02" not in c.says:
        more += "\n" + c.pick(
            "sed -i 's/bind-address.*/bind-address = 0.0.0.0/' /etc/mysql/mariadb.conf.d/50-server.cnf",
            'sed -i "s|127.0.0.1|0.0.0.0|g" /etc/mysql/mariadb.conf.d/50-server.cnf',
        )
        copy = ""
    else:
        user = c.pick("user = mysql\n", "") if "G18" not in c.broken else ""
        lines = f"[mysqld]\n{user}datadir = /var/lib/mysql\nsocket = /run/mysqld/mysqld.sock\nport = 3306\n{address}\n"
        if "skip-networking" not in address and alpine:
            lines += "skip-networking = 0\n"
        s.write(s.at(s.db, s.conf + cnf), s.say() + lines)
        copy = f"COPY {s.conf}{cnf} {cnf_dir}{cnf}\n"
    root_line = c.one("W06", (
        f"ALTER USER 'root'@'localhost' IDENTIFIED BY '{s.var('root')}';",
        f"SET PASSWORD FOR 'root'@'localhost' = PASSWORD('{s.var('root')}');",
        f"ALTER USER root@localhost IDENTIFIED VIA mysql_native_password USING PASSWORD('{s.var('root')}');",
    ), ("ALTER USER 'root'@'localhost' IDENTIFIED BY '';", "SELECT 1;"))  # fmt: skip
    flush = "FLUSH PRIVILEGES;\n"
    if way in ("bootstrap", "file") and c.breaks("G06"):
        flush = "USE mysql;\n"
    if way in ("server", "init-file"):
        flush = c.pick("", flush)
    quote = c.pick("", "`")
    escaped = "\\`" if quote else ""
    host = c.pick("%", "%", "172.%")
    head = c.pick("", "set -e\n", "set -eu\n")
    person = s.var("user")
    if "-eu" in head and s.env != "absent" and c.breaks("G16"):
        person = c.pick("$MYSQL_USR", "${DB_USER_NAME}")
    sql = (
        f"{flush}CREATE DATABASE IF NOT EXISTS {escaped}{s.var('db')}{escaped};\n"
        f"CREATE USER IF NOT EXISTS '{person}'@'{host}' IDENTIFIED BY '{s.var('password')}';\n"
        f"GRANT ALL PRIVILEGES ON {escaped}{s.var('db')}{escaped}.* TO '{s.var('user')}'@'{host}';\n{root_line}\nFLUSH PRIVILEGES;\n"
    )
    if c.broken & {"G05"} and s.secrets:
        c.breaks("G05")
    script = head + s.reads_secrets("password", "root")
    daemon = c.pick("mariadbd", "mysqld")
    daemon += c.one("G18", (" --user=mysql", " -u mysql", " --user=mysql --console"), ("", " --console"))
    data = c.pick("/var/lib/mysql/mysql", f"/var/lib/mysql/{s.var('db')}")
    test = c.pick(f'if [ ! -d "{data}" ]; then\n', f"if [ ! -d {data} ]\nthen\n", f'if ! test -d "{data}"; then\n')
    setup = (
        c.pick("mysql_install_db", "mariadb-install-db")
        + " --user=mysql --datadir=/var/lib/mysql"
        + c.pick("", " > /dev/null")
        + "\n"
    )
    if alone and c.breaks("G19"):
        setup = ""
    if way == "bootstrap":
        inner = (
            setup + f"{daemon.split()[0]} --user=mysql --bootstrap{c.pick('', ' --datadir=/var/lib/mysql')} << EOF\n"
        )
        script += test + indent(inner, "    ") + sql + "EOF\nfi\n"
        last = "exec " + daemon + "\n"
    elif way == "file":
        name = c.pick("/tmp/init.sql", "/tmp/create_db.sql")
        script += (
            test
            + indent(setup, "\t")
            + f"\tcat > {name} <<EOF\n{sql}EOF\n\t{daemon.split()[0]} --user=mysql --bootstrap < {name}\n"
        )
        script += c.pick("", f"\trm -f {name}\n") + "fi\n"
        last = "exec " + daemon + "\n"
    elif way == "init-file":
        script += test + indent(setup, "    ") + "fi\n" + f"cat << EOF > /etc/mysql/init.sql\n{sql}EOF\n"
        more += "\nmkdir -p /etc/mysql"
        last = f"exec {daemon} --init-file=/etc/mysql/init.sql\n"
    else:
        c.allow("advice", "D07", "D08")
        c.allow("fail", "D07")  # the letter of the sheet
        begin = c.pick(
            "service mariadb start\n",
            "mysqld_safe --datadir=/var/lib/mysql &\n",
            "mysqld --user=mysql --skip-networking &\n",
        )
        if alpine and begin.startswith("service"):
            begin = "mysqld_safe &\n"
        wait = c.pick(
            "sleep 5\n",
            "until mysqladmin ping --silent; do\n    sleep 1\ndone\n",
            "while ! mariadb-admin ping >/dev/null 2>&1; do sleep 1; done\n",
            "for i in $(seq 1 30); do\n  if mysqladmin ping &>/dev/null; then break; fi\n  sleep 1\ndone\n",
        )
        feed = c.pick("mysql -u root <<EOF\n%sEOF\n", "cat <<EOF | mysql\n%sEOF\n", "lines")
        feed = "".join(f'mysql -e "{line}"\n' for line in sql.splitlines()) if feed == "lines" else feed % sql
        stop = c.pick(
            f'mysqladmin -u root -p"{s.var("root")}" shutdown\n', f"mysqladmin -uroot -p{s.var('root')} shutdown\n"
        )
        script += (
            (test + setup + begin + wait + feed + stop + "fi\n") if c.maybe() else setup + begin + wait + feed + stop
        )
        last = "exec " + daemon + "\n"
    command = ""
    if c.maybe():
        command = '["' + last.removeprefix("exec ").strip().replace(" ", '", "') + '"]'
        last = 'exec "$@"\n'
    if c.breaks("D06"):
        last = c.pick(
            "while true; do sleep 60; done\n",
            "tail -f /dev/null\n",
            "sleep infinity\n",
            "while :\ndo\n  sleep 5\ndone\n",
        )
        last = daemon + " &\n" + last
        c.drawn.append(f"D06 broken: {last!r}")
        c.allow("fail", "D05", "D07", "D10")
        c.allow("advice", "D09", "D07")
        command = ""
    elif c.breaks("D07"):
        c.allow("fail", "D06")
        last = daemon + " &\n" + c.pick("wait\n", "exec bash\n" if not alpine else "wait $!\n")
        c.allow("fail", "D05", "D10")
        c.allow("advice", "D09")
        command = ""
    if not command and last.startswith("exec m") and c.pick(0, 0, 1):
        last = last.removeprefix("exec ")
        c.allow("advice", "D09")
    password = c.one("P01", (s.say(), "ENV MYSQL_PASSWORD_FILE=/run/secrets/db_password\n", "ARG MYSQL_PASSWORD\n"),
                     ("ENV MYSQL_ROOT_PASSWORD=Rz8vQ2mN4\n", "ARG DB_PASS=k7TqpL0x\n", "RUN echo 'root:Rz8vQ2mN4' | chpasswd\n",
                      "ENV DB_PWD s3cr3t42\n"))  # fmt: skip
    c.allow("advice", "P06")
    text = (
        header(s, base)
        + s.say()
        + install(s, base, packages, more)
        + password
        + copy
        + started(s, s.db, base, script + last, command)
    )
    s.write(s.at(s.db, "Dockerfile"), text.replace("ENTRYPOINT", c.pick("", "EXPOSE 3306\n") + "ENTRYPOINT", 1))


# -- WordPress -----------------------------------------------------------------------------


def wordpress(s: Stack) -> None:
    c = s.c
    base = base_of(s, "wp")
    alpine = base.startswith("alpine")
    version = "83" if alpine else "8.2"
    modules = (
        ("fpm", "mysqli", "phar", "mbstring", "curl", "openssl", "json")
        if alpine
        else ("fpm", "mysql", "curl", "mbstring")
    )
    if c.breaks("G04"):
        modules = tuple(one for one in modules if not one.startswith("mysql"))
    names = [f"php{version}-{one}" for one in modules]
    if not alpine and c.maybe():
        names = [name.replace("8.2", "") for name in names]
    tool = c.pick("curl", "wget")
    certificates = "" if alpine else c.one("G09", ("ca-certificates",), ("",))
    s.without_recommended = "G09" in c.says
    client = c.pick("mariadb-client", "mariadb-client", "netcat-openbsd mariadb-client")
    packages = " ".join([*(["php83"] if alpine else []), *names, tool, certificates, client])
    packages = c.one(
        "S09", (packages,), (packages + (" mariadb" if alpine else " mariadb-server"), packages + " supervisor")
    )
    phar = "https://raw.githubusercontent.com/wp-cli/builds/gh-pages/phar/wp-cli.phar"
    fetch = f"curl -sO {phar}" if tool == "curl" else f"wget -q {phar}"
    more = f"{fetch}\nchmod +x wp-cli.phar\nmv wp-cli.phar /usr/local/bin/wp\nmkdir -p /run/php {s.site_root}"
    fpm = f"php-fpm{version}"
    pool = f"/etc/php{version}/php-fpm.d/www.conf" if alpine else f"/etc/php/{version}/fpm/pool.d/www.conf"
    listen = c.one(
        "G03",
        ("9000", "0.0.0.0:9000", f"{s.wp}:9000" if False else "9000"),
        ("127.0.0.1:9000", "/run/php/php8.2-fpm.sock"),
    )
    if "G03" in c.says:
        c.allow("advice", "W05")
        c.allow("fail", "N05")
    user = "nobody" if alpine else "www-data"
    owner = c.one("G10", (user,), ("root",))
    copy = ""
    if not alpine and "G03" not in c.says and "G10" not in c.says and c.pick(0, 1):
        more += "\n" + c.pick(
            f"sed -i 's/listen = .*/listen = 9000/' {pool}",
            f'sed -i "s|listen = /run/php/php8.2-fpm.sock|listen = 0.0.0.0:9000|" {pool}',
            f"sed -i 's|^listen = .*|listen = 9000|g' {pool}",
        )
    else:
        s.write(s.at(s.wp, s.conf + "www.conf"), s.say().replace("#", ";") + dedent(f"""\
            [www]
            user = {owner}
            group = {user}
            listen = {listen}
            pm = dynamic
            pm.max_children = 5
            pm.start_servers = 2
            pm.min_spare_servers = 1
            pm.max_spare_servers = 3
            clear_env = no
            """))  # fmt: skip
        copy = f"COPY {s.conf}www.conf {pool}\n"
    allow = c.pick(" --allow-root", " --allow-root", " --allow-root --path=" + s.site_root)
    url = c.one(
        "W04",
        (f"https://{s.var('domain')}", s.var("domain"), f"https://{s.domain}"),
        ("http://localhost", "https://localhost:8443"),
    )
    if s.env == "absent":
        c.allow("unclear", "W04")
    wait = c.one(
        "G17",
        (
            "sleep 10\n",
            f"until mysqladmin ping -h {s.db} --silent; do\n    echo waiting\n    sleep 2\ndone\n",
            f'while ! mariadb -h{s.db} -u"{s.var("user")}" -p"{s.var("password")}" -e \'SELECT 1\' > /dev/null 2>&1; do sleep 1; done\n',
            f"n=0\nwhile [ $n -lt 30 ]; do\n  mysqladmin ping -h {s.db} && break\n  n=$((n + 1))\n  sleep 1\ndone\n",
            f"while true; do\n    if mysqladmin ping -h {s.db}; then\n        break\n    fi\n    sleep 1\ndone\n",
        ),
        ("",),
        "advice",
    )
    download = f"wp core download{allow}\n"
    config = (
        f'wp config create{allow} --dbname="{s.var("db")}" --dbuser="{s.var("user")}" --dbpass="{s.var("password")}" '
        f"--dbhost={s.db}{c.pick('', ':3306')}\n"
    )
    if c.pick(0, 0, 1):
        config = (
            "cp wp-config-sample.php wp-config.php\n"
            f'sed -i "s/database_name_here/{s.var("db")}/" wp-config.php\nsed -i "s/username_here/{s.var("user")}/" wp-config.php\n'
            f"sed -i \"s/password_here/{s.var('password')}/\" wp-config.php\nsed -i 's/localhost/{s.db}/' wp-config.php\n"
        )
    lines = (" \\\n        " if c.maybe() else " ").join([
        f"wp core install{allow}", f"--url={url}", c.pick("--title=Inception", '--title="My site"'), f"--admin_user={s.var('boss')}",
        f"--admin_password=\"{s.var('boss_password')}\"", f"--admin_email={s.var('boss_mail')}", c.pick("", "--skip-email"),
    ])  # fmt: skip
    core = c.one("W03", (lines.rstrip(" \\\n") + "\n",), ("",))
    second = c.pick(
        f'wp user create{allow} {s.var("writer")} {s.var("writer_mail")} --role=author --user_pass="{s.var("writer_password")}"\n',
        f'wp user create "{s.var("writer")}" "{s.var("writer_mail")}" \\\n    --user_pass={s.var("writer_password")}{allow}\n',
    )
    second = c.one("W02", (second,), ("",))
    if "W03" in c.says:
        c.allow("unclear", "W01", "W04")
        c.allow("fail", "W01", "W02")
        c.allow("unclear", "W02")
        for rule in ("W01", "W02", "W04"):
            c.says.pop(rule, None)
    if "W03" in c.says and "wp config" not in config:
        c.says.pop("G17", None)
    clean = c.pick("", "", f"rm -rf {s.site_root}/*\n")
    steps = clean + download + config + core + second
    shape = c.style("site", "if", "if", "function", "plain")
    script = (
        c.pick("", "set -e\n")
        + s.reads_secrets("password", "boss_password", "writer_password")
        + c.one(
            "W08", ("", "rm -rf /tmp/*\n"), (f"rm -rf {s.site_root}/*\n", f"find {s.site_root} -mindepth 1 -delete\n")
        )
        + f"cd {s.site_root}\n"
        + wait
    )
    if shape == "if":
        script += f"if [ ! -f {s.site_root}/wp-config.php ]; then\n{indent(steps, '    ')}fi\n"
    elif shape == "function":
        script += f"install_site() {{\n{indent(steps, '    ')}}}\n\n[ -f wp-config.php ] || install_site\n"
    else:
        script += steps.removeprefix(clean)
    command, last = "", f"exec {fpm} {c.pick('-F', '--nodaemonize', '-F' if 'G10' in c.says else '-F -R')}\n"
    if alpine:
        c.allow("advice", "G11")
    if c.maybe():
        command, last = f'["{fpm}", "{c.pick("-F", "--nodaemonize")}"]', 'exec "$@"\n'
    if c.breaks("D10"):
        command, last = "", f"exec {fpm}\n"
        c.allow("fail", "D05")
    if c.broken & {"P05"} and c.breaks("P05"):
        script = script.replace(f'"{s.var("boss_password")}"', "x")
        script = c.pick("WP_DB_PASSWORD=Rz8vQ2mN4\n", "export ADMIN_PASS='k7Tq!pL0x'\n") + script
    text = header(s, base) + install(s, base, " ".join(packages.split()), more) + s.say() + copy
    s.without_recommended = False
    text += c.pick("", f"WORKDIR {s.site_root}\n", "EXPOSE 9000\n") + started(s, s.wp, base, script + last, command)
    s.write(s.at(s.wp, "Dockerfile"), text)


# -- NGINX ---------------------------------------------------------------------------------


def nginx(s: Stack) -> None:
    c = s.c
    base = base_of(s, "web")
    alpine = base.startswith("alpine")
    packages = c.pick("nginx openssl", "openssl nginx", "nginx openssl curl" if alpine else "nginx openssl vim")
    key, crt = c.pick(
        ("/etc/nginx/ssl/site.key", "/etc/nginx/ssl/site.crt"),
        ("/etc/ssl/private/nginx.key", "/etc/ssl/certs/nginx.crt"),
    )
    make = c.pick(
        f"openssl req -x509 -nodes -days 365 -newkey rsa:2048 -keyout {key} -out {crt} -subj '/C=FR/L=Paris/O=42/CN={s.domain}'",
        f'openssl req -newkey rsa:4096 -x509 -sha256 -days 365 -nodes -out {crt} -keyout {key} -subj "/CN={s.domain}"',
    )
    tls = c.one("N01", ("ssl_protocols TLSv1.2 TLSv1.3;", "ssl_protocols TLSv1.3;", "ssl_protocols TLSv1.3 TLSv1.2; # pas TLSv1.1"),
                ("ssl_protocols TLSv1 TLSv1.1 TLSv1.2;", "ssl_protocols TLSv1.1 TLSv1.2 TLSv1.3;"))  # fmt: skip
    listen = c.one("N02", ("listen 443 ssl;", "listen 443 ssl;\n    listen [::]:443 ssl;", "listen [::]:443 ssl;\n    listen 0.0.0.0:443 ssl;",
                           "listen 443 ssl default_server;", "listen 443 ssl http2;"), ("listen 443;", "listen 8443 ssl;", "listen 80;"))  # fmt: skip
    if "N02" in c.says:
        c.allow("fail", "N03", "N01", "N06")
        c.allow("advice", "N03")
        c.allow("unclear", "N01", "N06")
    by_env = c.style("conf", "plain", "plain", "envsubst", "heredoc", "sed")
    name = "${DOMAIN}" if by_env != "plain" else s.domain
    name = c.one("N04", (name, f"{s.domain} www.{s.domain}", name), ("localhost", "_", "example.com"))
    script_name = c.one("G07", (
        "include fastcgi_params;\n        fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;",
        "include /etc/nginx/fastcgi_params;\n        fastcgi_param  SCRIPT_FILENAME  $document_root$fastcgi_script_name;",
        "include fastcgi.conf;"), ("include fastcgi_params;", "fastcgi_param PATH_INFO $fastcgi_path_info;"))  # fmt: skip
    php = c.one("N05", (f"{s.wp}:9000", f"{s.wp}:9000"), (f"{s.web}:9000", f"{s.wp}:8080", "127.0.0.1:9000"))
    if "N05" in c.says:
        c.allow("fail", "G03")
    certificate = f"ssl_certificate {crt};\n    ssl_certificate_key {key};"
    upstream = ""
    if "N05" not in c.says and c.pick(0, 0, 1):
        upstream, php = f"upstream php {{\n    server {php};\n}}\n\n", "php"
    server = f"""{upstream}server {{
    {listen}
    server_name {name};

    {certificate}
    {tls}

    root {s.site_root if not c.breaks("G14") else c.pick("/srv/site", "/usr/share/nginx/html")};
    index index.php{c.pick("", " index.html")};
    {s.say().strip()}

    location / {{
        try_files $uri $uri/ {c.pick("/index.php?$args", "=404", "/index.php$is_args$args")};
    }}

    {"location /tool/ { proxy_pass http://tool:8080/; }" if c.breaks("G13") else ""}

    location ~ \\.php$ {{
        {c.pick("", "try_files $uri =404;")}
        fastcgi_pass {php};
        fastcgi_index index.php;
        {script_name}
    }}
}}
"""
    whole = c.style("nginx", "site", "whole")
    if by_env == "heredoc":
        whole = "site"
    target = (
        "/etc/nginx/http.d/default.conf"
        if alpine
        else c.pick("/etc/nginx/conf.d/default.conf", "/etc/nginx/sites-enabled/default")
    )
    if whole == "whole":
        target = "/etc/nginx/nginx.conf"
        server = ("user nginx;\n" if alpine else "user nginx;\n" if base.startswith("debian") and c.breaks("G20") else "user www-data;\n") + "worker_processes auto;\nevents { worker_connections 1024; }\n\nhttp {\n" \
            "    include /etc/nginx/mime.types;\n" + indent(server, "    ") + "}\n"  # fmt: skip
    more = c.pick("mkdir -p /etc/nginx/ssl /etc/ssl/private", "mkdir -p /etc/nginx/ssl")
    run = '["nginx", "-g", "daemon off;"]'
    script = ""
    source = c.pick("nginx.conf", "default.conf", "site.conf")
    at_start = c.maybe()
    if c.breaks("N06"):
        make = "true"
        if not base.startswith(("debian", "alpine")):
            c.says.pop("N06")  # another image may bring one
        c.allow("unclear", "N06")
    if not at_start:
        more += "\n" + make
    else:
        script += f"if [ ! -f {crt} ]; then\n    {make}\nfi\n"
    variable = s.names["domain"]
    server = server.replace("${DOMAIN}", f"${{{variable}}}")
    copy = f"COPY {s.conf}{source} {target}\n"
    if by_env != "plain" and s.env == "absent":
        c.allow("unclear", "N04")
        c.says.pop("N04", None) if "${" in name else None
    if by_env == "envsubst":
        packages += " gettext" if alpine else " gettext-base"
        copy = f"COPY {s.conf}{source} /etc/nginx/{source}.template\n"
        script += f"envsubst '${{{variable}}}' < /etc/nginx/{source}.template > {target}\n"
    elif by_env == "sed":
        server = server.replace(f"${{{variable}}}", "DOMAIN_HERE")
        script += c.pick(
            f'sed -i "s/DOMAIN_HERE/${variable}/g" {target}\n', f'sed -i "s|DOMAIN_HERE|${{{variable}}}|" {target}\n'
        )
    elif by_env == "heredoc":
        written = server.replace("$", "\\$").replace(f"\\${{{variable}}}", f"${{{variable}}}")
        script += f"cat << EOF > {target}\n{written}EOF\n"
        copy = ""
    if by_env != "heredoc":
        s.write(s.at(s.web, s.conf + source), server)
    text = header(s, base) + install(s, base, packages, more) + copy + c.pick("", "EXPOSE 443\n")
    if script:
        last = "exec nginx -g 'daemon off;'\n"
        command = ""
        if c.maybe():
            command, last = run, 'exec "$@"\n'
        if c.breaks("D05"):
            c.drawn.append("D05 broken by a script that ends in bash")
            command, last = "", c.pick("nginx\nsleep infinity\n", "nginx\ntail -f /var/log/nginx/access.log\n")
            c.allow("fail", "D06", "D10", "D07")
            c.allow("advice", "D09")
            c.says.pop("D05")
            c.says["D06"] = "fail"
            c.allow("fail", "D05")
        text += started(s, s.web, base, script + last, command)
    else:
        right = (f"CMD {run}\n", 'ENTRYPOINT ["nginx", "-g", "daemon off;"]\n', 'CMD ["-g", "daemon off;"]\nENTRYPOINT ["nginx"]\n',
                 "CMD nginx -g 'daemon off;'\n", 'CMD ["/usr/sbin/nginx", "-g", "daemon off;"]\n', 'CMD ["sh", "-c", "exec nginx -g \'daemon off;\'"]\n')  # fmt: skip
        text += c.one("D05", right, ('CMD ["sh", "-c", "nginx && tail -f /dev/null"]\n', "CMD nginx; sleep infinity\n",
                                     "ENTRYPOINT service nginx start && bash\n", 'CMD ["bash"]\n'))  # fmt: skip
        c.allow("advice", "D09")
        if "D05" in c.says:
            c.allow("fail", "D06", "D10", "D07")
            c.allow("advice", "D08")
            c.allow("unclear", "D10", "S08")
    s.write(s.at(s.web, "Dockerfile"), text)


# -- compose, make, and what lies beside them ---------------------------------------------------


def compose(s: Stack) -> None:
    c = s.c
    data = {
        "plain": f"/home/{s.login}/data",
        "HOME": "${HOME}/data",
        "USER": "/home/${USER}/data",
        "env": "${DATA_PATH}",
    }[s.data_by]
    data = c.one("C10", (data,), ("/var/data", "/tmp/data", "./data", f"/home/{s.login}/inception"))
    if s.data_by == "env" and s.env == "absent" and "C10" not in c.says:
        c.allow("unclear", "C10")
    c.allow("unclear", "E02")
    tag = c.pick(":inception", ":42", ":1.0", ":v1")
    restart = c.one("C04", ("restart: always", "restart: unless-stopped", "restart: on-failure", 'restart: "always"', "restart: on-failure:5"),
                    ("restart: no", 'restart: "no"', ""))  # fmt: skip
    network = c.pick("inception", "inception_net", "docker-network")
    volumes = (c.pick("mariadb_data", "db", "mariadb"), c.pick("wordpress_data", "wp", "site"))
    targets = ["/var/lib/mysql", s.site_root]
    if c.breaks("C09"):
        targets[0] = c.pick("/var/www/html/db", "/data", "/var/lib/mysqld")
    lists = c.style("lists", "block", "flow")

    def items(key: str, values: list[str]) -> str:
        if not values:
            return ""
        if lists == "flow":
            return f"{key}: [" + ", ".join(f'"{one}"' for one in values) + "]\n"
        return f"{key}:\n" + "".join(f"  - {one}\n" for one in values)

    bind = s.subject == "5.4" and c.breaks("C11")
    texts = []
    for index, name in enumerate((s.db, s.wp, s.web)):
        image = (
            c.one("C05", (f"{name}{tag}",), (f"my{name}{tag}", f"inception:{name}")) if index == 1 else f"{name}{tag}"
        )
        build = c.pick(f"build: {'./' if c.maybe() else ''}{s.dirs}{name}\n", f"build:\n  context: ./{s.dirs}{name}\n",
                       f"build:\n  context: {s.dirs}{name}/\n  dockerfile: Dockerfile\n")  # fmt: skip
        lines = c.pick(f"container_name: {name}\n", "") + build + f"image: {image}\n"
        lines += restart + "\n" if restart else ""
        lines += c.pick("env_file: .env\n", "env_file:\n  - .env\n", 'env_file: [".env"]\n')
        if not (index == 2 and c.breaks("C01")):
            lines += items("networks", [network])
        else:
            lines += "network_mode: host\n"
            c.says.pop("G13", None)  # other names count there
            c.allow("fail", "C03", "C08", "N05", "X04")
        volume, target = volumes[min(index, 1)], targets[min(index, 1)]
        source = (f"{data}/" + ("mariadb", "wordpress")[min(index, 1)]) if bind else volume
        lines += items("volumes", [f"{source}:{target}"])
        if s.secrets:
            given = {
                0: ["db_password", "db_root_password"],
                1: ["db_password", "wp_admin_password", "wp_user_password"],
            }.get(index, [])
            if "G05" in c.says and index == 0:
                given = ["db_password"]
            lines += items("secrets", given)
        if index == 0 and c.maybe():
            lines += 'healthcheck:\n  test: ["CMD", "mysqladmin", "ping", "-h", "localhost"]\n  interval: 5s\n  retries: 10\n'
        if index == 1:
            lines += c.pick(items("depends_on", [s.db]), f"depends_on:\n  {s.db}:\n    condition: service_started\n")
        if index == 2:
            lines += items("depends_on", [s.wp]) if not c.breaks("G08") else items("depends_on", ["word_press"])
            lines += items("links", [s.wp]) if c.breaks("C02") else ""
            port = c.one("C08", (['"443:443"'], ["443:443"], ["'443:443'"]), (['"80:80"', '"443:443"'], ['"8443:443"']))
            lines += "ports:\n" + "".join(f"  - {one}\n" for one in port)
        elif index == 0:
            lines += items("expose", ["3306"]) if c.maybe() else ""
        texts.append(f"{name}:\n" + indent(lines, "  "))
    if c.breaks("C07"):
        texts.append("cache:\n" + indent(f"image: redis:7\n{restart}\n" + items("networks", [network]), "  "))
        c.allow("fail", "C05")
        c.allow("unclear", "C05")
        c.allow("advice", "B01", "B05", "B06", "S11")
        c.allow("fail", "S07", "B01", "B05", "B06")
        c.allow("unclear", "B01", "B05", "B06")
    order = [0, 1, 2] if c.maybe() else [2, 1, 0]
    services = "services:\n" + indent(c.pick("\n", "").join(texts[index] for index in order) + "".join(texts[3:]), "  ")
    services = s.say() + services
    nets = c.pick(
        f"networks:\n  {network}:\n    driver: bridge\n",
        f"networks:\n  {network}:\n",
        f"networks:\n  {network}:\n    name: {network}\n",
    )
    if c.breaks("C03"):
        services = "\n".join(services.split("\n"))
        for form in (f'    networks: ["{network}"]\n', f"    networks:\n      - {network}\n"):
            services = services.replace(form, "")
        nets = ""
    vols = ""
    if not bind:
        vols = "volumes:\n" + "".join(
            f"  {volume}:\n    driver: local\n    driver_opts:\n      type: none\n      o: bind\n      device: {data}/{directory}\n"
            for volume, directory in zip(volumes, ("mariadb", "wordpress"), strict=True)
        )
    secret = ""
    if s.secrets:
        where = c.pick("../secrets/", "../secrets/", "./secrets/")
        s.secret_dir = where.replace("../", "").replace("./", "srcs/")
        secret = "secrets:\n" + "".join(f"  {name}:\n    file: {where}{name}.txt\n" for name in s.secret_names.values())
    parts = [services, nets, vols, secret]
    if c.maybe():
        parts = [nets, services, secret, vols]
    version = c.pick("", "", "version: '3.8'\n")
    if version:
        c.allow("advice", "X02")
    c.allow("advice", "X01", "X03", "C13", "C05")
    s.write(f"srcs/{s.compose}", version + c.pick("\n", "").join(part for part in parts if part))


def env_and_git(s: Stack) -> set[str]:
    """The .env, the secrets and .gitignore. Which files git ignores."""
    c = s.c
    order = [key for key in s.names if key not in s.in_secrets]
    quote = c.pick("", "", "'")
    values = {s.names[key]: s.values[key] for key in order}
    if s.data_by == "env":
        values["DATA_PATH"] = f"/home/{s.login}/data"
    text = "".join(f"{name}={quote}{value}{quote}\n" for name, value in values.items())
    text = c.pick("", "# variables\n") + text
    hidden = {"srcs/.env"}
    example = "".join(
        f"{name}={'' if any(word in name for word in ('PASS', 'PWD')) else value}\n" for name, value in values.items()
    )
    passwords = any(word in name for name in values for word in ("PASS", "PWD"))
    if s.env == "made" or c.maybe():
        s.write("srcs/.env.example", example)
    else:
        c.allow("advice", "E04")
    if s.env == "ignored":
        s.write("srcs/.env", text)
    if s.env == "ignored" and passwords and c.breaks("P02"):
        hidden.discard("srcs/.env")
        c.allow("advice", "P08")
    if s.secrets and c.maybe():
        for name in s.secret_names.values():
            path = f"{s.secret_dir}{name}.txt"
            s.write(path, c.pick(*PASSWORDS) + c.pick("\n", ""))
            hidden.add(path)
        if c.breaks("P03"):
            hidden -= {path for path in hidden if path.endswith(".txt")}
            c.allow("advice", "P08")
    if s.secrets and not any(path.startswith(s.secret_dir) for path in s.files) and c.maybe():
        s.write(f"{s.secret_dir}.gitkeep", "")
    if c.breaks("P04"):
        kind = c.pick("RSA PRIVATE", "PRIVATE", "EC PRIVATE")
        s.write(
            s.at(s.web, "tools/site.key"),
            f"-----BEGIN {kind} KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEA\n-----END {kind} KEY-----\n",
        )
        c.allow("fail", "N06", "P05", "P03")
        c.allow("advice", "N06", "S11")
    lines = []
    if "srcs/.env" in hidden:
        lines.append(c.pick(".env", "srcs/.env", "*.env", "**/.env"))
    if not any(path.endswith(".txt") for path in set(s.files) - hidden):
        lines.append(f"{s.secret_dir}*.txt" if s.secrets else "secrets/")
    s.write(".gitignore", c.pick("", "# secrets\n") + "\n".join([*lines, ".DS_Store"]) + "\n")
    return hidden & set(s.files)


def makefile(s: Stack) -> None:
    c = s.c
    data = f"/home/{s.login}/data" if s.data_by in ("plain", "env") else c.pick("$(HOME)/data", "/home/$(USER)/data")
    dc = c.pick("docker compose", "docker-compose", "sudo docker compose")
    if c.breaks("S05"):
        dc = "podman-compose"
        c.allow("fail", "S06")
        c.allow("advice", "E01")
        c.allow("unclear", "S06", "E01")
    way = c.style("make", "variable", "plain", "cd", "project")
    call = {"variable": "$(COMPOSE)", "plain": f"{dc} -f ./srcs/{s.compose}", "cd": f"cd srcs && {dc}",
            "project": f"{dc} -p inception -f srcs/{s.compose} --env-file srcs/.env"}[way]  # fmt: skip
    top = f"COMPOSE = {dc} -f srcs/{s.compose}\n\n" if way == "variable" else ""
    up = f"\t{c.pick('@', '')}{call} up {c.pick('-d --build', '--build -d', '--detach --build')}\n"
    dirs = f"\t{c.pick('@', '')}mkdir -p {data}/mariadb {c.pick('', f'{data}/wordpress')}".rstrip()
    dirs = (
        f"\tmkdir -p {data}/mariadb\n\tmkdir -p {data}/wordpress\n" if not dirs.endswith("wordpress") else dirs + "\n"
    )
    made = "\t[ -f srcs/.env ] || cp srcs/.env.example srcs/.env\n" if s.env == "made" else ""
    begin = c.one("S06", (f"all:\n{made}{dirs}{up}", f"all: up\n\nup:\n{made}{dirs}{up}", f"all: setup\n{up}\nsetup:\n{made}{dirs}"),
                  (f"help:\n\t@echo 'make up'\n\nup:\n{made}{dirs}{up}", f"build:\n\t{call} build\n\nup:\n{made}{dirs}{up}"))  # fmt: skip
    if "S06" in c.says:
        c.allow("fail", "E02")
        c.allow("advice", "E01")
        if s.env == "made":  # only another target copies it
            c.allow("unclear", "W01", "W04", "N04", "C10")
    rest = f"\ndown:\n\t{call} down\n\nlogs:\n\t{call} logs -f\n\nclean: down\n\t{call} down -v{c.pick('', ' --rmi all')}\n\nfclean: clean\n\tsudo rm -rf {data}\n\nre: fclean all\n"
    if c.breaks("M01"):
        rest += "\nrun:\n\tdocker run --link mariadb:db wordpress:inception\n"
        c.allow("advice", "C07")
        c.allow("fail", "C07")
    if "S06" in c.says:
        rest = rest.replace("fclean all", "fclean up")
    c.allow("advice", "M02", "T05")
    phony = c.pick("", "\n.PHONY: all down clean fclean re logs\n")
    s.write(c.pick("Makefile", "Makefile", "makefile"), c.pick("", HEADER) + top + s.say() + begin + rest + phony)
    if c.breaks("S04"):
        s.write(
            c.pick("nginx/Dockerfile", "requirements/nginx/Dockerfile"), "FROM debian:bookworm\nRUN apt-get update\n"
        )
        c.allow("advice", "S11")


def submission(choose: Callable[[Sequence[Any]], Any]) -> Made:
    """A submission: most have one or two breaches, a sixth has none."""
    broken = {choose(BREAKABLE) for _ in range(choose((0, 1, 1, 2, 2, 3)))}
    c = Choices(choose, frozenset(broken))
    s = Stack(c)
    mariadb(s)
    wordpress(s)
    nginx(s)
    compose(s)
    ignored = env_and_git(s)
    makefile(s)
    asked = {"subject": s.subject}
    documents(c, s.subject, s.login, s.write)
    return Made(
        files=s.files, executable=frozenset(s.executable), ignored=frozenset(ignored), says=c.says,
        may={rule: frozenset(words) for rule, words in c.may.items()}, drawn=tuple(c.drawn), asked=asked,
    )  # fmt: skip


@st.composite
def submissions(draw: Any) -> Made:
    """The same, drawn by Hypothesis."""
    return submission(lambda of: draw(st.sampled_from(of)))
