"""--inception and what goes with it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes.words import choice
from pytest_isolation.errors import UsageError
from pytest_isolation.inception.asked import AuditOptions
from pytest_isolation.inception.report.messages import LANGUAGES, SOURCE

if TYPE_CHECKING:
    from collections.abc import Mapping

DESTS = (
    "inception_live",
    "inception_env",
    "inception_subject",
    "inception_date",
    "inception_login",
    "inception_domain",
    "inception_language",
)

STARTED = ("vm", "host")
LIVE = (*STARTED, "running")


@dataclass(frozen=True, slots=True, kw_only=True)
class Audits:
    """Which submissions to audit, and how to judge them."""

    paths: tuple[tuple[str, Path], ...]
    """(as written, absolute), each once."""
    asked: AuditOptions
    live: str | None = None
    """Where the stack is looked at as well: one of LIVE."""
    language: str = SOURCE
    """Of the student's page in HTML: one of LANGUAGES."""
    env: Path | None = None
    """A file or a directory, with what a clone lacks."""


def read(options: Mapping[str, Any], base: Path) -> Audits | None:
    """None without --inception.  Raises UsageError for what is written wrongly."""
    if not options.get("inception"):
        for dest in (*DESTS, "inception_strict"):
            if options.get(dest):
                option = f"--{dest.replace('_', '-')}"
                raise UsageError(f"{option} is given without --inception; add --inception PATH")
        return None
    asked = _asked(options)
    live = _live(options, asked)
    return Audits(
        paths=tuple(_paths(options["inception"], base).items()),
        asked=asked,
        live=live,
        env=_env(options, base, live),
        language=_language(options.get("inception_language")),
    )


def _live(options: Mapping[str, Any], asked: AuditOptions) -> str | None:
    where: str | None = options.get("inception_live")
    if where is None:
        return None
    if where not in LIVE:
        raise UsageError(
            f"--inception-live {where!r}: expected one of {', '.join(LIVE)}: a machine of its own (also "
            "without a value), this machine's Docker, or the stack that its author started here"
        )
    if "{login}" in asked.domain and asked.login is None:
        raise UsageError("--inception-live needs the site's name; add --inception-login LOGIN, or --inception-domain")
    return where


def _language(text: str | None) -> str:
    if text is not None and text not in LANGUAGES:
        raise UsageError(f"--inception-language {text!r}: there is no catalogue; {choice(text, LANGUAGES)}")
    return text or SOURCE


def _env(options: Mapping[str, Any], base: Path, live: str | None) -> Path | None:
    text: str | None = options.get("inception_env")
    if text is None:
        return None
    if live not in STARTED:
        raise UsageError("--inception-env is given, and no stack is started; add --inception-live host (or vm)")
    path = base / text
    if not (os.path.isfile(path) or os.path.isdir(path)):
        raise UsageError(
            f"--inception-env {text!r}: {path} is not there; expected a .env file, or a directory with them"
        )
    return path


def _paths(given: list[str], base: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for text in given:
        path = Path(os.path.realpath(base / text)) if "\0" not in text else base / "?"
        if not os.path.isdir(path):
            raise UsageError(f"--inception {text!r}: {path} is no directory; expected the top of a submission")
        if path in found.values():
            raise UsageError(f"--inception {text!r}: {path} is there twice; give each submission once")
        found[text] = path
    return found


def _asked(options: Mapping[str, Any]) -> AuditOptions:
    when = options.get("inception_date") or "today"
    strict = bool(options.get("inception_strict"))
    login, domain = options.get("inception_login"), options.get("inception_domain") or "{login}.42.fr"
    if login is not None and not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", login, re.ASCII):
        raise UsageError(f"--inception-login {login!r}: expected a login: letters, digits, dots and dashes")
    if not re.fullmatch(r"([A-Za-z0-9.-]|\{login\}){1,253}", domain, re.ASCII):
        raise UsageError(f"--inception-domain {domain!r}: expected a name, for example {{login}}.42.fr")
    return AuditOptions(
        day=_day(when),
        by_commit=when == "commit",
        subject=_subject(options.get("inception_subject")),
        login=login,
        domain=domain,
        strict=strict,
    )


def _day(text: str) -> date:
    if text in ("today", "commit"):
        return date.today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--inception-date {text!r}: expected today, commit or a day like 2026-11-25") from None


def _subject(text: str | None) -> str | None:
    if text is None:
        return None
    from pytest_isolation.inception.releases import SUBJECTS

    known = [name for name, _ in SUBJECTS]
    plain = text.removesuffix(".0")
    if plain not in known:
        raise UsageError(f"--inception-subject {text!r}: no such version is known; {choice(plain, known)}")
    return plain
