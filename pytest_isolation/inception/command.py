"""`pytest-isolation audit PATH…`: an audit from anywhere, with nothing of a submission loaded.

pytest does the work, in a directory and with an ini file of its own: no conftest, no settings of the user or of
the submission, no plugin but ours, nothing of the submission on sys.path.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import sys
import tempfile
from pathlib import Path

from pytest_isolation.errors import UsageError

HELP = "audit 42-school Inception submissions; without --live nothing is executed"


VALUES = ("subject", "date", "login", "domain", "language", "live", "env")
"""Options that have a value; pytest's are called --inception-NAME."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `pytest-isolation audit`."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="the top of a submission")
    parser.add_argument("--subject", metavar="VERSION", help="judge by this version of the subject")
    parser.add_argument("--date", metavar="today|commit|YYYY-MM-DD", help="judge as of this day")
    parser.add_argument("--login", help="the author's login")
    parser.add_argument("--domain", metavar="PATTERN", help="the site's name, with {login} in it")
    parser.add_argument("--language", metavar="en|fr", help="of the page in HTML (--report html:PATH)")
    parser.add_argument(
        "--live", metavar="vm|host|running", nargs="?", const="vm",
        help="also build and start a copy: in a machine of its own (vm), or on this machine's Docker (host); "
        "running: look at the stack its author started here",
    )  # fmt: skip
    parser.add_argument("--env", metavar="FILE|DIR", help="the .env and the secrets for --live")
    parser.add_argument("--strict", action="store_true", help="the hardest evaluator decides")
    parser.add_argument("--report", action="append", default=[], metavar="FORMAT:PATH", help="json:, md: or html:PATH")
    parser.add_argument("-n", dest="workers", metavar="N", help="in so many processes (needs pytest-xdist)")


def run(given: argparse.Namespace) -> int:
    """pytest's exit status: 1 when a rule that ends the evaluation is broken, 4 for what is written wrongly."""
    from pytest_isolation.inception.options import read
    from pytest_isolation.options.config import reports

    options = {f"inception_{name}": getattr(given, name) for name in (*VALUES, "strict")}
    try:  # pytest says the same of options that nobody typed here
        read({"inception": given.paths, **options}, Path.cwd())
        reports(given.report, Path.cwd())
        _check_workers(given.workers)
    except UsageError as error:
        print(f"pytest-isolation audit: {_as_typed(str(error))}", file=sys.stderr)
        return 4
    return _pytest(_words(given))


def _check_workers(text: str | None) -> None:
    if text is None:
        return
    if not re.fullmatch(r"[0-9]{1,3}|auto|logical", text, re.ASCII):
        raise UsageError(f"-n {text!r}: expected how many processes, for example 2, or auto")
    if importlib.util.find_spec("xdist") is None:
        raise UsageError(f"-n {text}: pytest-xdist is not installed; pip install pytest-xdist, or leave -n out")


def _as_typed(says: str) -> str:
    """With this command's names for pytest's options."""
    says = says.replace("--isolation-report", "--report").replace("--inception-", "--")
    return re.sub(r"--inception (?='|PATH)", "PATH ", says)


def _words(given: argparse.Namespace) -> list[str]:
    """pytest's words for the same."""
    words = [f"--inception={os.path.abspath(path)}" for path in given.paths]
    for name in VALUES:
        if (value := getattr(given, name)) is not None:
            words.append(f"--inception-{name}={os.path.abspath(value) if name == 'env' else value}")
    if given.strict:
        words.append("--inception-strict")
    for report in given.report:
        kind, colon, path = report.partition(":")
        words.append(f"--isolation-report={kind}{colon}{os.path.abspath(path) if path else ''}")
    if given.workers is not None:
        words += ["-p", "xdist.plugin", "-n", given.workers]
    return words


def _pytest(words: list[str]) -> int:
    import pytest

    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTHONPATH"):
        os.environ.pop(name, None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    with tempfile.TemporaryDirectory(prefix="pytest-isolation-") as directory:
        home = Path(directory)
        (home / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        back = os.getcwd()
        os.chdir(home)
        sys.path[:] = [path for path in sys.path if path not in ("", back)]
        try:
            ours = ["-c", str(home / "pytest.ini"), "--rootdir", str(home), "--noconftest", "-p", "no:cacheprovider"]
            plugins = ["-p", "pytest_isolation.plugin", "-p", "pytest_isolation.inception.plugin"]
            return int(pytest.main([*ours, *plugins, "-q", *words]))
        finally:
            os.chdir(back)
