"""--inception and what goes with it: every mistake is a UsageError, in one sentence, before anything is read."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation.cli import main
from pytest_isolation.errors import UsageError
from pytest_isolation.inception.options import Audits, read
from pytest_isolation.inception.plugin import OPTIONS

DOCUMENT = (Path(__file__).parents[2] / "docs" / "options.md").read_text()


def resolved(place: Path, *argv: str) -> Audits | None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name, how in OPTIONS:
        parser.add_argument(name, **how)
    return read(vars(parser.parse_args(argv)), place)


def test_nothing_asked(tmp_path: Path) -> None:
    assert resolved(tmp_path) is None


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--inception", "none"], "no directory"),
        (["--inception", ".", "--inception", "./"], "twice"),
        (["--inception-strict"], "without --inception"),
        (["--inception", ".", "--inception-live", "moon"], "expected one of vm, host, running"),
        (["--inception", ".", "--inception-env", "."], "add --inception-live"),
        (
            ["--inception", ".", "--inception-live", "host", "--inception-login", "x", "--inception-env", "nix"],
            "not there",
        ),
        (["--inception", ".", "--inception-live", "host"], "--inception-login"),
        (["--inception-login", "x"], "without --inception"),
        (["--inception", ".", "--inception-date", "tomorrow"], "2026-11-25"),
        (["--inception", ".", "--inception-subject", "6"], "no such version"),
        (["--inception", ".", "--inception-login", "a/b"], "expected a login"),
        (["--inception", ".", "--inception-domain", "{user}.42.fr"], "{login}.42.fr"),
    ],
    ids=" ".join,
)
def test_mistake(tmp_path: Path, argv: list[str], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolved(tmp_path, *argv)
    message = str(caught.value)
    assert told in message
    assert "\n" not in message


def test_every_option_of_the_contract_has_help() -> None:
    words: dict[str, Any] = dict(OPTIONS)
    assert set(words) == {
        "--inception", "--inception-subject", "--inception-date", "--inception-login", "--inception-domain",
        "--inception-strict", "--inception-live", "--inception-env", "--inception-language",
    }  # fmt: skip
    assert all(how["help"] for how in words.values())


@pytest.mark.parametrize("name", [name for name, _ in OPTIONS])
def test_the_page_of_options_has_it(name: str) -> None:
    assert re.search(rf"`{name}[` ]", DOCUMENT)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nothing"], "PATH 'nothing': "),
        ([".", "--live", "running"], "--live needs the site's name; add --login LOGIN, or --domain"),
        ([".", "--language", "de"], "--language 'de': "),
        ([".", "--report", "pdf:x"], "--report 'pdf:x': "),
        ([".", "--env", "x"], "--env is given, and no stack is started; add --live host (or vm)"),
    ],
)
def test_the_command_speaks_of_its_own_options(
    words: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["audit", *words]) == 4
    told = capsys.readouterr().err
    assert told.startswith(f"pytest-isolation audit: {says}")
    assert "inception-" not in told.replace(str(tmp_path), "")
    assert told.count("\n") == 1


@pytest.mark.parametrize("number", ["x", "-1", "1e3", ""])
def test_processes_of_the_command(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Ours to tell: pytest would tell of an option of its own, and print its usage."""
    assert main(["audit", ".", f"-n={number}"]) == 4
    told = capsys.readouterr().err
    assert told == f"pytest-isolation audit: -n {number!r}: expected how many processes, for example 2, or auto\n"
