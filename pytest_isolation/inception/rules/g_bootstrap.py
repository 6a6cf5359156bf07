"""G06: SQL that is fed to MariaDB's --bootstrap, which does not read the tables of users by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_isolation.inception.files import sql
from pytest_isolation.inception.finding import Finding, Severity, fail
from pytest_isolation.inception.model import Submission
from pytest_isolation.inception.registry import rule

OF_USERS = re.compile(
    r"(CREATE\s+(OR\s+REPLACE\s+)?USER|ALTER\s+USER|DROP\s+USER|GRANT\s|REVOKE\s|SET\s+PASSWORD)", re.I
)
PRIVILEGES = (
    "ERROR: 1290  The MariaDB server is running with the --skip-grant-tables option so it cannot execute this statement"
)
FLUSH = re.compile(r"FLUSH\s+PRIVILEGES", re.I)


@rule(
    "G06", Severity.END,
    asks="SQL that is fed to --bootstrap reads the tables of users before it changes them.",
    look="docker compose logs mariadb",
    needs="compose",
)  # fmt: skip
def flushes_in_bootstrap(s: Submission) -> Iterator[Finding]:
    for image in s.role("mariadb"):
        for one in sql.fed(s.held(image)):
            if one.how != "bootstrap" or one.text is None:
                continue
            for text, at in sql.statements(one.text):
                if FLUSH.match(text):
                    break
                if OF_USERS.match(text):
                    yield fail(at, PRIVILEGES, "FLUSH PRIVILEGES; as the first statement")
                    break
