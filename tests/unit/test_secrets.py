"""Which variables hold a secret, by their names and by their values."""

from __future__ import annotations

import pytest

from pytest_isolation.outside.start.handed_in import secrets_of


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("DATABASE_PASSWORD", "x", True),
        ("DATABASE_PASSWORD_FILE", "/run/secrets/x", False),
        ("PGPASSWORD", "x", True),
        ("MYSQL_PWD", "x", True),
        ("SSHPASS", "x", True),
        ("DB_PASS", "x", True),
        ("PASS_THROUGH", "1", False),
        ("PASSWORD_MIN_LENGTH", "12", False),
        ("ACCESS_TOKEN_TTL", "3600", False),
        ("TOKEN_OLD", "x", True),
        ("MYSQL_ALLOW_EMPTY_PASSWORD", "yes", False),
        ("MARIADB_RANDOM_ROOT_PASSWORD", "1", False),
        ("REQUIRE_TOKEN", "True", False),
        ("MYSQL_ROOT_PASSWORD", "yes1", True),
        ("PWD", "/srv", False),
        ("CREDENTIALS_DIRECTORY", "/run/host/credentials", False),
        ("DATABASE_URL", "postgres://user:p%40ss@db.example.com:5432/app", True),
        ("http_proxy", "http://user:secret@192.0.2.1:3128", True),
        ("REDIS", "redis://:secret@cache:6379/0", True),
        ("http_proxy", "http://192.0.2.1:3128", False),
        ("HOME_PAGE", "https://example.com/a:b@c", False),
        ("REPOSITORY", "ssh://git@example.com:22/x", False),
        ("PATH", "/usr/bin:/bin", False),
    ],
)
def test_a_secret_by_its_name_or_its_value(name: str, value: str, secret: bool) -> None:
    assert secrets_of([(name, value)]) == ([name] if secret else [])
