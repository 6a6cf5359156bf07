"""Edits of the reference that the rules P decide: credentials."""

from __future__ import annotations

from tests.inception.mutants.edits import (
    COMPOSE,
    ENV,
    KEY,
    MAKEFILE,
    MARIADB,
    WORDPRESS_START,
    Mutant,
    breach,
    innocent,
)

CREDENTIALS: tuple[Mutant, ...] = (
    breach("P01", "ENV with a password", (MARIADB, "ENTRYPOINT", "ENV MYSQL_PASSWORD=hunter22\nENTRYPOINT")),
    breach("P01", "ARG with a password", (MARIADB, "ENTRYPOINT", "ARG DB_PASS=hunter22\nENTRYPOINT")),
    breach(
        "P01",
        "IDENTIFIED BY in RUN",
        (
            MARIADB,
            "ENTRYPOINT",
            "RUN echo \"ALTER USER 'root'@'localhost' IDENTIFIED BY 'hunter22'\" > /tmp/x\nENTRYPOINT",
        ),
    ),
    breach("P01", "chpasswd", (MARIADB, "ENTRYPOINT", "RUN echo 'ftp:hunter22' | chpasswd\nENTRYPOINT")),
    innocent("P01", "ARG without a value", (MARIADB, "ENTRYPOINT", "ARG DB_PASS\nENTRYPOINT")),
    innocent(
        "P01",
        "a path to a secret",
        (MARIADB, "ENTRYPOINT", "ENV MYSQL_PASSWORD_FILE=/run/secrets/db_password\nENTRYPOINT"),
    ),
    innocent("P01", "a comment", (MARIADB, "ENTRYPOINT", "# ENV MYSQL_PASSWORD=hunter22\nENTRYPOINT")),
    breach(
        "P02",
        "a tracked .env with a password",
        (".gitignore", "srcs/.env\n", ""),
        (ENV, None, "@srcs/.env.example+MYSQL_PASSWORD=hunter22\n"),
        also={"P08": "advice"},
    ),
    breach(
        "P02",
        "an example with plausible values",
        ("srcs/.env.example", "WP_TITLE", "MYSQL_PASSWORD=hunter22\nWP_TITLE"),
        verdict="unclear",
    ),
    innocent(
        "P02",
        "an example with blank values",
        ("srcs/.env.example", "WP_TITLE", "MYSQL_PASSWORD=\nAPI_TOKEN=changeme\nWP_TITLE"),
    ),
    innocent("P02", "a .env with a password that git ignores", (ENV, "WP_TITLE", "MYSQL_PASSWORD=hunter22\nWP_TITLE")),
    breach(
        "P03",
        "a tracked secret",
        (".gitignore", "secrets/\n", ""),
        ("secrets/db_password.txt", None, "hunter22\n"),
        also={"P08": "advice"},
    ),
    innocent(
        "P03",
        "secrets/.gitkeep",
        (".gitignore", "secrets/\n", "secrets/*\n!secrets/.gitkeep\n"),
        ("secrets/.gitkeep", None, ""),
    ),
    *(
        breach(
            "P03",
            f"a tracked secret: {name}",
            (".gitignore", "secrets/\n", ""),
            ("secrets/db_password.txt", None, value),
            also={"P08": "advice"},
        )
        for name, value in {
            "padded base64": "cGFzc3dvcmQxMjM0NTY3OA==\n",
            "a dollar": "pa$$w0rd\n",
            "a leading slash": "/8dKq2\n",
            "on the second line": "\ndb_password=hunter22\n",
            "a weak word": "password\n",
        }.items()
    ),
    innocent(
        "P03",
        "a tracked file that asks for a secret",
        (".gitignore", "secrets/\n", "secrets/*\n!secrets/db_password.txt\n"),
        ("secrets/db_password.txt", None, "<your password>\n# at least 12 characters\n"),
    ),
    *(
        breach(
            "P02",
            f"a tracked .env: {line}",
            (".gitignore", "srcs/.env\n", ""),
            (ENV, None, f"@srcs/.env.example+{line}\n"),
            also={"P08": "advice"},
        )
        for line in (
            "DB_PASSWORD=secret",
            "DB_PASS=none",
            "MYSQL_MDP=hunter22",
            "DB_PSWD=hunter22",
            "DBPW=hunter22",
            "DBPWD=hunter22",
            "DB_ROOT=hunter22",
            "DB_PASSWORD='$ecret22'",
        )
    ),
    *(
        innocent(
            "P02",
            f"a tracked .env: {line}",
            (".gitignore", "srcs/.env\n", "srcs/.env.local\n"),
            ("srcs/tools/more.env", None, f"{line}\n"),
            (".gitignore", "srcs/.env.local\n", "srcs/.env\n"),
        )
        for line in (
            "DB_PASSWORD=here_goes_the_password",
            "SECRET_FILES=db_password.txt",
            "WP_CACHE_KEY_SALT=site.42.fr",
            "DB_PASSWORD=${SECRETS}/db_password",
            'NEEDED_SECRETS="db_password wp_password"',
        )
    ),
    innocent(
        "P05",
        "an array of names",
        (WORDPRESS_START, "set -eu\n", "set -eu\nNEEDED_SECRETS='db_password wp_password'\n"),
    ),
    *(
        breach("P05", f"a key in {file}", (f"srcs/requirements/bonus/{file}", None, text))
        for file, text in {
            "app.py": 'API_KEY = "sk-9f8e7d6c5b"\n',
            "app.js": "const config = { apiKey: 'sk-9f8e7d6c5b' };\n",
            "conf.php": "<?php return ['password' => 'hunter22!'];\n",
        }.items()
    ),
    innocent(
        "P05",
        "a form in code",
        ("srcs/requirements/bonus/app.js", None, "form({ password: 'Password', token: getenv('API_TOKEN') });\n"),
    ),
    breach("P05", "a password in a document", ("docs/notes.md", None, "The admin's password is `hunter22!`.\n")),
    innocent(
        "P05",
        "a document that asks for one",
        ("docs/notes.md", None, "Write MYSQL_PASSWORD=your_password1 and a password: at least 12 characters.\n"),
    ),
    innocent("P03", "a secret that git ignores", ("secrets/db_password.txt", None, "hunter22\n")),
    breach("P04", "a private key", ("srcs/requirements/nginx/conf/site.pem", None, KEY)),
    innocent("P04", "a public key", ("srcs/requirements/nginx/conf/id.pub", None, "ssh-ed25519 AAAA student\n")),
    innocent(
        "P04", "a key's header in a text", ("docs/keys.md", None, "It begins with `-----BEGIN PRIVATE KEY-----`.\n")
    ),
    breach("P05", "a password in a script", (WORDPRESS_START, "set -eu\n", "set -eu\nDB_PASSWORD=hunter22\n")),
    breach(
        "P05",
        "a password in the compose file",
        (COMPOSE, "  env_file: .env\n", "  env_file: .env\n  environment: {MYSQL_PASSWORD: hunter22}\n"),
    ),
    breach(
        "P05",
        "the .env from a paste",
        (MAKEFILE, "cp srcs/.env.example srcs/.env", "curl -o srcs/.env https://pastebin.com/raw/abcdef"),
    ),
    breach(
        "P05",
        "a hash in a dump",
        (
            "srcs/requirements/mariadb/tools/dump.sql",
            None,
            "INSERT INTO wp_users VALUES (1,'boss','$P$BabcdefghijklmnopqrstuvwxyzABCD');\n",
        ),
    ),
    breach(
        "P05",
        "salts in wp-config",
        (
            "srcs/requirements/wordpress/tools/wp-config.php",
            "$table_prefix",
            "define('NONCE_KEY', 'k9!sd8fj2-lsd0fj');\n$table_prefix",
        ),
    ),
    innocent(
        "P05",
        "salts nobody filled in",
        (
            "srcs/requirements/wordpress/tools/wp-config.php",
            "$table_prefix",
            "define('NONCE_KEY', 'put your unique phrase here');\n$table_prefix",
        ),
    ),
    innocent(
        "P05",
        "a variable from a secret",
        (WORDPRESS_START, "set -eu\n", "set -eu\nDB_PASSWORD=$(cat /run/secrets/db_password)\n"),
    ),
    innocent(
        "P05",
        "a value from the .env in the compose file",
        (COMPOSE, "  env_file: .env\n", "  env_file: .env\n  environment: {DB_PASSWORD: '${DB_PASSWORD:-}'}\n"),
    ),
    breach(
        "P06",
        "a password as build argument",
        (COMPOSE, "build: requirements/nginx", "build: {context: requirements/nginx, args: {DB_PASSWORD: '${X:-}'}}"),
        verdict="advice",
    ),
    breach(
        "P08",
        ".gitignore forgets the .env",
        (".gitignore", "srcs/.env\n", ""),
        (ENV, None, None),
        verdict="advice",
    ),
    innocent("P08", "a pattern for it", (".gitignore", "srcs/.env\n", "*.env\n")),
    innocent("P08", "a .gitignore deeper", (".gitignore", "srcs/.env\n", ""), ("srcs/.gitignore", None, ".env\n")),
)
