"""What sed makes of a text, as far as it is understood, and at what price."""

from __future__ import annotations

import subprocess

import pytest

from pytest_isolation.inception import sed


@pytest.mark.parametrize(
    ("words", "text", "made"),
    [
        (("-i", "s/ssl_protocols .*;/ssl_protocols TLSv1.3;/"), "\tssl_protocols TLSv1;", "\tssl_protocols TLSv1.3;"),
        (("-ri", "-e", "s#^;?(listen) *=.*#\\1 = 9000#"), ";listen = /run/x", "listen = 9000"),
        (("-i", "/^bind-address/d"), "bind-address = 127.0.0.1", ""),
        (("-i", r"/^listen = /c\listen = 9000"), "listen = /run/x", "listen = 9000"),
        (("-i", "s/bind-address = 1/x/"), "bind-address    = 1", "bind-address    = 1"),
        (("-i", "s/a.*a.*a.*b/x/"), "a" * 200 + "b", "a" * 200 + "b"),
    ],
)
def test_edited(words: tuple[str, ...], text: str, made: str) -> None:
    edits = sed.read(("sed", *words, "file"))
    assert edits is not None
    assert sed.edited(text, edits, str) == made


@pytest.mark.parametrize(
    ("script", "text", "made"),
    [
        (r"/^\[mysqld\]/a port = 1", "[mysqld]\nx = 1", "[mysqld]\nport = 1\nx = 1"),
        (r"/^x/i\port = 1", "[mysqld]\nx = 1", "[mysqld]\nport = 1\nx = 1"),
        ("$ a port = 1", "[mysqld]\nx = 1", "[mysqld]\nx = 1\nport = 1"),
        ("$a last", "a\nb", "a\nb\nlast"),
    ],
)
def test_added(script: str, text: str, made: str) -> None:
    """As GNU sed prints it."""
    edits = sed.read(("sed", script))
    assert edits is not None
    assert "\n".join(sed.edited_lines(text.split("\n"), edits, str)) == made
    printed = subprocess.run(["sed", script], input=text, capture_output=True, text=True, check=True).stdout
    assert printed.rstrip("\n") == made


@pytest.mark.parametrize("script", ["s/x/y/p", "s/$NAME/y/", "s/(a*)*b/y/w", "1d", "s/a*b*c*d*e*f/x/"])
def test_not_understood(script: str) -> None:
    assert sed.read(("sed", "-i", script, "file")) is None
