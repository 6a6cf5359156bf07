"""What is a credential in a text, and what only looks like one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_isolation.inception.place import Place
from pytest_isolation.inception.variables import read_env

NAME = re.compile(
    r"pass(word|wd|phrase)?|(^|_)(pwd|pw)($|_)|secret|token|api_?key|private_?key|_key$|_salt$|credential", re.I
)
NOT_A_VALUE = re.compile(r"(_FILE|_PATH|_DIR|_NAME|_USER|_LENGTH|_ID)$", re.I)
PLACEHOLDER = re.compile(
    r"x{3,}|\*+|\.{2,}|-+|<.*>|\[.*\]|\{\{.*\}\}|%.*%|your.*|my_?(password|secret)_?here|.*change.?me.*|example.*|todo.*"
    r"|placeholder.*|.*_here|put your.*|replace.*|fill.*|to.?be.?(set|generated|defined).*|generated|none|null"
    r"|true|false|secret|password|\?+",
    re.I,
)
EXAMPLE = re.compile(r"\.?(example|sample|template|tmpl|dist|tpl|model)(\.|$)", re.I)
PRIVATE_KEY = re.compile(r"^-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s*$", re.M)
PASSWORD_HASH = re.compile(
    r"'(\$P\$[./0-9A-Za-z]{31}|\$2[aby]\$\d\d\$[./0-9A-Za-z]{53}|\$wp\$2y\$[^']{20,}|\*[0-9A-F]{40})'"
)
ENV_FILE = re.compile(r"(^|/)(\.env([._-][\w.-]+)?|[\w-]+\.env|env_file)$")


def is_credential(name: str, value: str) -> bool:
    """A name that means a secret with a value that is one."""
    if not NAME.search(name) or NOT_A_VALUE.search(name):
        return False
    return is_literal(value)


def is_literal(value: str) -> bool:
    """A value, and not a reference, a path or a placeholder."""
    value = value.strip().strip("'\"")
    if not value or "$" in value or value.startswith(("/", "./", "../", "`", "@")):
        return False
    return PLACEHOLDER.fullmatch(value) is None


def is_env_file(path: str) -> bool:
    return ENV_FILE.search(path) is not None


def is_example(path: str) -> bool:
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
    for name, value in read_env(text, path).items():
        if is_credential(name, value):
            yield name, value.at


def shown(value: str) -> str:
    """A finding names a credential without repeating it."""
    value = value.strip().strip("'\"")
    return f"{value[:1]}{'*' * min(max(len(value) - 1, 3), 8)}"
