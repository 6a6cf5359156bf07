"""What is a credential in a text, and what only looks like one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_isolation.inception.place import Place, Verbatim
from pytest_isolation.inception.variables import read_env

NAME = re.compile(
    r"pass(word|wd|phrase)?|(^|_)(db)?(pwd|pw|psw|pswd|mdp)($|_)|^db_root$|secret|token|api_?key|private_?key|_key$"
    r"|_salt$|credential",
    re.I,
)
"""As people write them: mdp is the French mot de passe."""
NOT_A_VALUE = re.compile(
    r"_(FILES?|PATHS?|DIRS?|NAMES?|USERS?|LEN(GTH)?|SIZE|MIN|MAX|POLICY|PLUGIN|ALGO(RITHM)?|TTL|EXPIR\w+|TIMEOUT|TRIES"
    r"|HOST|PORT|URL|IDS?|LEVEL|STRENGTH|MODE|TYPE|FORMAT|METHOD|ROUNDS|COUNT|COST|ATTEMPTS|AGE|LIFETIME|REQUIRED|ENABLED"
    r"|PROMPT|HINT|LABEL|CACHE_KEY_SALT)$",
    re.I,
)
"""Names of where, whose or how long.  WordPress' cache salt tells two sites apart and hides nothing."""
PLACEHOLDER = re.compile(
    r"x{3,}|\*+|\.{2,}|-+|<.*>|\[.*\]|\{\{.*\}\}|%.*%|your.*|my_?(password|secret)_?here|.*change.?me.*|example.*|todo.*"
    r"|placeholder.*|.*_here|here_.*|put your.*|replace.*|fill.*|to.?be.?(set|generated|defined).*|generated|true|false"
    r"|\?+|%[sqbd]?|\{\w*\}|__\w+__|@@?\w+@@?|#\w+#",
    re.I,
)
"""Nobody's password: a text that asks for one."""
WEAK = re.compile(r"none|null|secret|password", re.I)
"""In an example these ask for a password.  In a file that the stack is started with, they are one."""
EXAMPLE = re.compile(r"\.?(example|sample|template|tmpl|dist|tpl|model)(\.|$)", re.I)
PRIVATE_KEY = re.compile(r"^-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s*$", re.M)
PASSWORD_HASH = re.compile(
    r"'(\$P\$[./0-9A-Za-z]{31}|\$2[aby]\$\d\d\$[./0-9A-Za-z]{53}|\$wp\$2y\$[^']{20,}|\*[0-9A-F]{40})'"
)
ENV_FILE = re.compile(r"(^|/)(\.env([._-][\w.-]+)?|[\w-]+\.env|env_file)$")
NAMED_LINE = re.compile(r"[A-Za-z_]\w*=(?!=*$)(.+)")
"""NAME=VALUE; padded base64 ends in `=` and is a value alone."""


def is_credential(name: str, value: str, *, example: bool = False) -> bool:
    """A name that means a secret with a value that is one."""
    if not NAME.search(name) or NOT_A_VALUE.search(name):
        return False
    if re.search(r"secrets?$", name, re.I) and re.fullmatch(r"[a-z_]+", value) and NAME.search(value):
        return value == "secret"  # SECRET=db_password is the name of one
    return is_literal(value, example=example)


def is_literal(value: str, *, example: bool = False) -> bool:
    """A value, and not a reference, a path, a list of names or a placeholder.

    `example`: of a file that only shows what to write.
    """
    quoted = isinstance(value, Verbatim)
    value = value.strip().strip("'\"")
    if not value or value.startswith(("./", "../", "`", "@", "(")):
        return False
    if not quoted and ("$" in value or value.startswith("/")):
        return False
    words = value.split()
    if len(words) > 1 and all(re.fullmatch(r"\w+", word) and NAME.search(word) for word in words):
        return False
    return _meant(value, example=example)


def is_secret(text: str) -> bool:
    """Whether the file of a secret has one in it, on any line.

    No shell reads it: `$`, a leading `/` and a `=` at the end belong to the value.
    """
    for line in text.splitlines():
        value = line.strip()
        if named := NAMED_LINE.fullmatch(value):
            value = named[1].strip().strip("'\"")
        if value and not value.startswith("#") and _meant(value, example=False):
            return True
    return False


def asks_for_one(value: str) -> bool:
    """Whether an example's value only says that a secret belongs there."""
    return not _meant(value, example=True)


def _meant(value: str, *, example: bool) -> bool:
    return PLACEHOLDER.fullmatch(value) is None and not (example and WEAK.fullmatch(value))


def is_env_file(path: str) -> bool:
    """Whether a file is one of variables, by its name: .env, db.env, .env.prod."""
    return ENV_FILE.search(path) is not None


def is_example(path: str) -> bool:
    """Whether a file shows what to write, by its name: .env.example, env.dist."""
    return EXAMPLE.search(path.rpartition("/")[2].removeprefix(".env")) is not None


def is_secret_file(path: str, root: str) -> bool:
    """A file of a directory called secrets, other than those that keep it in git or explain it."""
    below = path[len(root) :].lstrip("/")
    parts = below.split("/")
    if "secrets" not in parts[:-1] and ".secrets" not in parts[:-1]:
        return False
    name = parts[-1]
    return not (name.startswith((".git", "README", "readme")) or is_example(name) or name.endswith((".md", ".sh")))


def credentials_of_env(text: str, path: str) -> Iterator[tuple[str, Place]]:
    """(name, place) of every variable of an env file that holds a credential; in an example weak words do not count."""
    for name, value in read_env(text, path).items():
        if is_credential(name, value, example=is_example(path)):
            yield name, value.at


def shown(value: str) -> str:
    """A finding names a credential without repeating it."""
    value = value.strip().strip("'\"")
    return f"{value[:1]}{'*' * min(max(len(value) - 1, 3), 8)}"
