"""A submission of a student, drawn: the choices that its files share.

Written from the subject and from how students write, without a look at the rules: it is to find their faults.
"""

# ruff: noqa: E501  (the lines are a submission's, which are as long as they are)

from __future__ import annotations

from dataclasses import dataclass, field

from tests.inception.generated import shapes
from tests.inception.generated.choices import Choices

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
    configs: tuple[str, str] | None = None
    """(file, path in NGINX's container) of a configuration that compose gives as a config."""

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
        return f"# {self.c.pick(*REMARKS, *shapes.REMARKS)}\n" if self.c.pick(0, 0, 1) else ""

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
