"""Further edits of the reference: what make and its scripts write, secrets in loops, pools beside the package's."""

from __future__ import annotations

from tests.inception.mutants.edits import MAKEFILE, MARIADB_START, POOL, WORDPRESS, Edit, breach, innocent, wp
from tests.inception.support import REFERENCE

COPY = "\tcp srcs/.env.example srcs/.env\n"
EXAMPLE = (REFERENCE / "srcs/.env.example").read_text()
COPY_POOL = "COPY conf/www.conf /etc/php/8.2/fpm/pool.d/www.conf\n"


def echoed(text: str) -> tuple[Edit, ...]:
    """make writes the .env line by line."""
    lines = "".join(f'\t@echo "{line}" >> $@\n' for line in text.splitlines())
    return ("srcs/.env", None, None), ("srcs/.env.example", None, None), (MAKEFILE, COPY, lines)


def printed(text: str, line: str) -> tuple[Edit, ...]:
    """make writes it by printf, or through tee."""
    pairs = [one.partition("=")[::2] for one in text.splitlines() if "=" in one]
    lines = "".join(line.format(name=name, value=value) for name, value in pairs)
    return ("srcs/.env", None, None), ("srcs/.env.example", None, None), (MAKEFILE, COPY, lines)


PRINTF = "\t@printf '{name}=%s\\n' {value} >> $@\n"
TEE = '\t@echo "{name}={value}" | tee -a $@ > /dev/null\n'


def in_script(text: str) -> tuple[Edit, ...]:
    """A script writes it by a here-document."""
    return (
        ("srcs/.env", None, None),
        ("srcs/.env.example", None, None),
        (MAKEFILE, COPY, "\t./make_env.sh\n"),
        ("make_env.sh", None, f"#!/bin/sh\ncat > srcs/.env << END\n{text}END\n"),
    )


INSTALL = (
    "wp core install --allow-root --url=https://$DOMAIN_NAME --title=Site --admin_user=$WP_BOSS_LOGIN "
    "--admin_email=$WP_BOSS_EMAIL\nwp user create --allow-root $WP_WRITER_LOGIN $WP_WRITER_EMAIL --role=author"
)
ADMIN = EXAMPLE.replace("captain", "superadmin")
LOOP = 'set -eu\nfor name in db_password {}; do\n    test -n "$(cat /run/secrets/$name)"\ndone\n'
BY_FUNCTION = 'set -eu\nread_one() {{\n    cat "/run/secrets/$1"\n}}\none=$(read_one {})\n'
GUARDED = "set -eu\nfor name in db_password credentials; do\n    {}\n    {}\n    {}\ndone\n"
SHOW = 'test -n "$(cat "/run/secrets/$name")"'

TWO = (
    "set -eu\nfor name in db_password db_root_password; do\n    {first}\ndone\n"
    "for name in credentials; do\n    {second}\ndone\n"
)
CALLS = 'read_one() {\n    cat "/run/secrets/$1" > /dev/null\n}\n'


def guarded(before: str, line: str = SHOW, after: str = ":") -> Edit:
    """A loop over secrets, one of which is not given."""
    return MARIADB_START, "set -eu\n", GUARDED.format(before, line, after)


WRITTEN = (
    innocent("W01", "make writes the .env by echo", *echoed(EXAMPLE), *wp(INSTALL)),
    breach("W01", "make writes the .env by echo, with admin", *echoed(ADMIN), *wp(INSTALL)),
    innocent("W01", "make writes the .env by printf", *printed(EXAMPLE, PRINTF), *wp(INSTALL)),
    breach("W01", "make writes the .env by printf, with admin", *printed(ADMIN, PRINTF), *wp(INSTALL)),
    innocent("W01", "make writes the .env through tee", *printed(EXAMPLE, TEE), *wp(INSTALL)),
    breach("W01", "make writes the .env through tee, with admin", *printed(ADMIN, TEE), *wp(INSTALL)),
    innocent("W01", "a script writes the .env", *in_script(EXAMPLE), *wp(INSTALL)),
    breach("W01", "a script writes the .env, with admin", *in_script(ADMIN), *wp(INSTALL)),
    breach("P05", "make writes a password into the .env", *echoed(EXAMPLE + "MYSQL_PASSWORD=Rz8vQ2mN4\n")),
    innocent("P05", "make writes a password that it makes", *echoed(EXAMPLE + "MYSQL_PASSWORD=$$(openssl rand -hex 8)\n")),
    breach("P05", "a script writes a password into the .env", *in_script(EXAMPLE + "MYSQL_PASSWORD=Rz8vQ2mN4\n")),
    innocent("P05", "a script writes a password that it makes", *in_script(EXAMPLE + "MYSQL_PASSWORD=$(openssl rand -hex 8)\n")),
    breach("P05", "make writes a secret", (MAKEFILE, "openssl rand -hex 16 > $@", "echo 'Rz8vQ2mN4' > $@")),
    innocent("P05", "make asks for a secret", (MAKEFILE, "openssl rand -hex 16 > $@", 'read -r word && echo "$$word" > $@')),
    innocent("P05", "make writes what is no secret", (MAKEFILE, "re: fclean all", "re: fclean all\n\techo 'Rz8vQ2mN4' > built.txt")),
    innocent("G05", "a loop over secrets that are given", (MARIADB_START, "set -eu\n", LOOP.format("db_root_password"))),
    breach("G05", "a loop over secrets, one not given", (MARIADB_START, "set -eu\n", LOOP.format("credentials"))),
    innocent("G05", "a function reads a secret by its name", (MARIADB_START, "set -eu\n", BY_FUNCTION.format("db_password"))),
    breach("G05", "a function reads a secret by its name, which is not given",
           (MARIADB_START, "set -eu\n", BY_FUNCTION.format("credentials"))),
    innocent("G05", "a loop over secrets that goes on without one", guarded('[ -f "/run/secrets/$name" ] || continue')),
    breach("G05", "a loop over secrets that looks for a file of another directory", guarded('[ -f "/etc/$name" ] || echo none')),
    innocent("G05", "a loop over secrets, each read if it is there",
             guarded('if [ -r "/run/secrets/${name}" ]; then', SHOW, "fi")),
    innocent("G05", "a loop over secrets, and an answer without one", guarded(":", 'cat "/run/secrets/$name" 2>/dev/null || true')),
    innocent("G05", "two loops with one variable, the second reads nothing",
             (MARIADB_START, "set -eu\n", TWO.format(first='cat "/run/secrets/$name" > /dev/null', second='echo "not used: $name"'))),
    breach("G05", "two loops with one variable, the second reads",
           (MARIADB_START, "set -eu\n", TWO.format(first='echo "not used: $name"', second='cat "/run/secrets/$name" > /dev/null'))),
    innocent("G05", "a function is called in the first of two loops",
             (MARIADB_START, "set -eu\n", CALLS + TWO.format(first='read_one "$name"', second='echo "not used: $name"'))),
    breach("G05", "a function is called in the second of two loops",
           (MARIADB_START, "set -eu\n", CALLS + TWO.format(first='echo "not used: $name"', second='read_one "$name"'))),
    innocent("G05", "a function that looks whether a secret is there",
             (MARIADB_START, "set -eu\n", BY_FUNCTION.format("credentials").replace("    cat", '    [ -e "/run/secrets/$1" ] || return 0\n    cat'))),
    breach("G05", "a look at a secret whose name is longer",
           (MARIADB_START, "set -eu\n", "set -eu\n[ ! -f /run/secrets/more_of_it ] || echo more\nmore=$(cat /run/secrets/more)\n")),
    breach("G03", "a pool's file beside the package's, without listen",
           (WORDPRESS, COPY_POOL, COPY_POOL.replace("pool.d/www.conf", "pool.d/zz-more.conf")), (POOL, None, "[www]\nclear_env = no\n"),
           also={"W05": "advice"}),
    innocent("G03", "a pool's file beside the package's, with listen",
             (WORDPRESS, COPY_POOL, COPY_POOL.replace("pool.d/www.conf", "pool.d/zz-more.conf")), (POOL, None, "[www]\nlisten = 9000\nclear_env = no\n")),
)  # fmt: skip
