"""WordPress's image in a generated submission: php-fpm's pool, and how the site is installed."""

# ruff: noqa: E501  (the lines are a submission's, which are as long as they are)

from __future__ import annotations

from textwrap import dedent, indent

from tests.inception.generated.image import base_of, header, install, started
from tests.inception.generated.stack import Stack


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
