"""A run where the locale has no signs beyond ASCII says the same, and each command works."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_isolation.boxes.words import in_utf8
from tests.support import need

ROOT = Path(__file__).parents[2]
BARE = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""Without these Python takes UTF-8 in spite of LC_ALL."""
ENVIRONMENTS = {
    "C": {"LANG": "C", "LC_ALL": "C", **BARE},
    "POSIX": {"LANG": "POSIX", "LC_ALL": "POSIX", **BARE},
    "UTF-8": {"LC_ALL": "C.UTF-8"},
}
FORMATS = ("json", "html", "md", "sarif", "github", "gitlab", "badge", "svg")
BROKEN = ("Traceback", "UnicodeEncodeError", "UnicodeDecodeError", "INTERNALERROR")
ONLY = "uts.*,pid.ppid-zero,mnt.tmp-private"


STARTS = """
import sys
from pytest_isolation.agent.shortcuts import read
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.options.boxes import parse
from pytest_isolation.technologies.pool import Pool
lifetime = Lifetime()
pool = Pool(lifetime)
print(ascii(read(pool.box(parse(sys.argv[1])).proc, "/proc/1/environ").data))
pool.close()
lifetime.close()
"""
COMMANDS = """
import sys
from pytest_isolation.cli import command_modules, main
report, to = sys.argv[1:]
formats = "json html md sarif github gitlab badge svg".split()
asked = [["--help"], *([name, "--help"] for name in (*command_modules(), "docker-vm", "in-vm", "in-root"))]
asked += [["diff", report, report], ["report", report, *(f"{one}:{to}/b.{one}" for one in formats)]]
asked += [["report", report, f"{one}:-"] for one in formats]
for words in asked:
    try:
        ended = main(words)
    except SystemExit as error:
        ended = error.code
    assert not ended, (words, ended)
"""


def ran(locale: str, *words: str, within: Path, good: tuple[int, ...] = (0,)) -> str:
    """What a command said there."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "PYTHONUTF8"))}
    done = subprocess.run(
        [sys.executable, *words], cwd=within, env=kept | ENVIRONMENTS[locale], capture_output=True, timeout=300
    )
    said = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode in good, said[-3000:]
    assert not any(word in said for word in BROKEN), said[-3000:]
    return said


def rows(report: Path) -> list[tuple[str, str, str]]:
    found = json.loads(report.read_text(encoding="utf-8"))["results"]
    return sorted((one["box"], one["guarantee"], one["verdict"]) for one in found)


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One run in each locale, its reports in a directory whose name is not ASCII."""
    made = {}
    for locale in ENVIRONMENTS:
        place = tmp_path_factory.mktemp("bücher")
        words = [f"--isolation-report={name}:{place}/a.{name}" for name in FORMATS]
        boxes = ("--box", "host", "--box", "namespaces:env=GREETING=grüß")
        ran(
            locale, "-m", "pytest", "--isolation", *boxes, "--isolation-only", ONLY, "-vv", *words,
            f"--rootdir={ROOT}", "-p", "no:cacheprovider", within=ROOT, good=(0, 1),
        )  # fmt: skip
        made[locale] = place / "a.json"
    return made


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_a_run_gives_the_same_rows(reports: dict[str, Path], locale: str) -> None:
    assert rows(reports[locale]) == rows(reports["UTF-8"])
    for name in FORMATS:
        (reports[locale].parent / f"a.{name}").read_bytes().decode("utf-8")


def test_each_command_works(reports: dict[str, Path], tmp_path: Path) -> None:
    said = ran("C", "-c", COMMANDS, os.fspath(reports["C"]), os.fspath(tmp_path), within=tmp_path)
    assert "usage: pytest-isolation advise" in said
    assert all((tmp_path / f"b.{name}").stat().st_size for name in FORMATS)
    assert "net.publish-only-bound-ip" in ran("C", "-m", "pytest", "--isolation-list", within=ROOT)


def test_what_speaks_json_gets_the_letters_that_were_written() -> None:
    """The daemon mounted another, new directory: it got the bytes of the letter as signs that stand for nothing."""
    shown = "/v\udcc3\udcb6"
    assert in_utf8({"binds": [f"{shown}:/v:ro"], "ports": [(shown,)], "n": 1, shown: None}) == {
        "binds": ["/vö:/v:ro"], "ports": [("/vö",)], "n": 1, "/vö": None,
    }  # fmt: skip
    assert in_utf8("\udcff") == "\ufffd"


@pytest.mark.parametrize("technology", ["docker", "runc"])
def test_a_variable_arrives_as_it_was_written(technology: str, tmp_path: Path) -> None:
    need(technology)
    word = secrets.token_hex(4)
    said = ran("C", "-c", STARTS, f"{technology}:env=GREETING=grüß{word}", within=tmp_path)
    assert ascii(f"GREETING=grüß{word}".encode())[2:-1] in said
