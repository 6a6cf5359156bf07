"""Fourteen problems that students ask about in public: which rule tells each, in which words of the error."""

# ruff: noqa: E501  (a line is a problem)

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from pytest_isolation.inception.asked import AuditOptions
from pytest_isolation.inception.audit import audit
from tests.inception.support import DAY, apply, git
from tests.inception.test_mutants import EVERY, original

__all__ = ["original"]

PAGE = Path(__file__).parents[2] / "docs/inception.md"
PROBLEMS = (
    ("the start script cannot be executed", "G01: no x bit", "permission denied"),
    ("there is no /run/php, or no /run/mysqld", "G15: nothing makes /run/mysqld", "Bind on unix socket: No such file or directory"),
    ("MariaDB listens on loopback, or not at all", "G02: bind-address is loopback", "Connection refused"),
    ("php-fpm listens on a socket, or on loopback", "G03: loopback", "502 Bad Gateway"),
    ("PHP has no mysqli", "G04: no php-mysql", "appears to be missing the MySQL extension"),
    ("the script reads a secret that its service is not given", "G05: a secret that is not given", "cat: /run/secrets/"),
    ("the script reads a variable that its service is not given", "G16: set -u, and nothing gives it", "parameter not set"),
    ("WordPress asks for its database by another name", "G12: localhost in wp-config.php", "Error establishing a database connection"),
    ("NGINX asks for a container that is not there", "G13: proxy_pass to nobody", "host not found in upstream"),
    ("nobody made the directory of the data", "E02: nobody makes the directories", "failed to mount local volume"),
    ("curl has no certificates", "G09: curl without certificates", "curl: (77)"),
    ("SQL of --bootstrap changes users first", "G06: users without FLUSH PRIVILEGES", "--skip-grant-tables"),
    ("NGINX gives php-fpm no SCRIPT_FILENAME", "G07: no SCRIPT_FILENAME", "Primary script unknown"),
    ("the daemon will not run as root", "G18: mariadbd as root", "how to run mariadbd as root"),
)  # fmt: skip
"""(the problem, as docs/inception.md has it; a mutant that has it; words of the error)"""


@pytest.mark.parametrize(("problem", "name", "words"), PROBLEMS, ids=[one[1].partition(":")[0] for one in PROBLEMS])
def test_a_problem_is_told_in_the_words_of_the_error(
    problem: str, name: str, words: str, original: Path, tmp_path: Path
) -> None:
    mutant = next(one for one in EVERY if one.name == name)
    top = Path(shutil.copytree(original, tmp_path / "mutant", symlinks=True))
    apply(top, mutant.edits)
    git(top, "add", "-A")
    found = [row.found for row in audit(top, AuditOptions(day=DAY)) if row.rule == name[:3] and row.verdict == "fail"]
    assert any(words in one for one in found), found


def test_the_page_names_each() -> None:
    rows = re.findall(r"^\| (\d+) \| (.*?) \| (\w\d\d) \| `(.*?)` \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [(str(at), problem, name[:3], words) for at, (problem, name, words) in enumerate(PROBLEMS, 1)]
