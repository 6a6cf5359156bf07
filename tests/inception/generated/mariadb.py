"""MariaDB's image in a generated submission: its configuration, and how its tables and users are made."""

# ruff: noqa: E501  (the lines are a submission's, which are as long as they are)

from __future__ import annotations

from textwrap import indent

from tests.inception.generated.image import base_of, header, install, started
from tests.inception.generated.stack import Stack


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
    if root_line.startswith("SET"):  # the login by the socket stays
        c.allow("advice", "W06")
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
