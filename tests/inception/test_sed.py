"""What sed makes of a text, as far as it is understood, and at what price."""

from __future__ import annotations

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


@pytest.mark.parametrize("script", ["s/x/y/p", "s/$NAME/y/", "s/(a*)*b/y/w", "1d", "s/a*b*c*d*e*f/x/"])
def test_not_understood(script: str) -> None:
    assert sed.read(("sed", "-i", script, "file")) is None
