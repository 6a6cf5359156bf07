"""`pytest-isolation audit PATH…`: an audit from anywhere, with nothing of a submission loaded.

pytest does the work, in a directory and with an ini file of its own: no conftest, no settings of the user or of
the submission, no plugin but ours, nothing of the submission on sys.path.

`pytest-isolation docker-vm [COMMAND…]`: a Docker daemon in a virtual machine, for as long as the command runs.

`pytest-isolation in-vm [ARGUMENT…]`: `pytest --isolation ARGUMENT…` inside such a machine.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path


def main(argv: list[str] | None = None) -> int:
    """pytest's exit status: 1 when a rule that ends the evaluation is broken."""
    parser = argparse.ArgumentParser(prog="pytest-isolation", description="Measures and audits what isolates.")
    commands = parser.add_subparsers(dest="command", required=True)
    audit = commands.add_parser(
        "audit", help="audit 42-school Inception submissions; without --live nothing is executed"
    )
    audit.add_argument("paths", nargs="+", metavar="PATH", help="the top of a submission")
    audit.add_argument("--subject", metavar="VERSION", help="judge by this version of the subject")
    audit.add_argument("--date", metavar="today|commit|YYYY-MM-DD", help="judge as of this day")
    audit.add_argument("--login", help="the author's login")
    audit.add_argument("--domain", metavar="PATTERN", help="the site's name, with {login} in it")
    audit.add_argument(
        "--live", metavar="vm|host|running", nargs="?", const="vm",
        help="also build and start a copy: in a machine of its own (vm), or on this machine's Docker (host); "
        "running: look at the stack its author started here",
    )  # fmt: skip
    audit.add_argument("--env", metavar="FILE|DIR", help="the .env and the secrets for --live")
    audit.add_argument("--strict", action="store_true", help="the hardest evaluator decides")
    audit.add_argument("--report", action="append", default=[], metavar="FORMAT:PATH", help="json:PATH or md:PATH")
    audit.add_argument("-n", dest="workers", metavar="N", help="in so many processes (needs pytest-xdist)")
    machine = commands.add_parser("docker-vm", help="a Docker daemon in a virtual machine, for as long as COMMAND runs")
    machine.add_argument("--memory", type=int, default=2048, metavar="MIB", help="of the machine (default: 2048)")
    machine.add_argument("--processors", type=int, default=2, metavar="N", help="of the machine (default: 2)")
    machine.add_argument("--internet", action="store_true", help="let the machine reach what this one reaches")
    machine.add_argument("program", nargs=argparse.REMAINDER, metavar="COMMAND", help="is given DOCKER_HOST")
    inside = commands.add_parser("in-vm", help="`pytest --isolation ARGUMENT…` inside a virtual machine")
    inside.add_argument("--memory", type=int, default=2048, metavar="MIB", help="of the machine (default: 2048)")
    inside.add_argument("--processors", type=int, default=2, metavar="N", help="of the machine (default: 2)")
    inside.add_argument("program", nargs=argparse.REMAINDER, metavar="ARGUMENT", help="of pytest: --box docker, ...")
    given = parser.parse_args(argv)
    return run_audit(audit_words(given)) if given.command == "audit" else run_machine(given)


def run_machine(given: argparse.Namespace) -> int:
    """The command's exit status, or pytest's; 2, with one paragraph, when the machine did not start."""
    from pytest_isolation.errors import IsolationError
    from pytest_isolation.machines import command
    from pytest_isolation.suite.collect import checks_directory

    words = given.program[1:] if given.program[:1] == ["--"] else given.program
    try:
        if given.command == "in-vm":
            return command.inside(words, checks_directory(), memory=given.memory << 20, processors=given.processors)
        return command.keep(words, memory=given.memory << 20, processors=given.processors, internet=given.internet)
    except IsolationError as error:
        print(f"pytest-isolation {given.command}: {error}", file=sys.stderr)
        return 2


def audit_words(given: argparse.Namespace) -> list[str]:
    """pytest's words for the same."""
    words = [f"--inception={os.path.abspath(path)}" for path in given.paths]
    for name in ("subject", "date", "login", "domain", "live", "env"):
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


def run_audit(words: list[str]) -> int:
    import pytest

    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTHONPATH"):
        os.environ.pop(name, None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    with tempfile.TemporaryDirectory(prefix="pytest-isolation-") as directory:
        home = Path(directory)
        (home / "pytest.ini").write_text("[pytest]\n")
        back = os.getcwd()
        os.chdir(home)
        sys.path[:] = [path for path in sys.path if path not in ("", back)]
        try:
            ours = ["-c", str(home / "pytest.ini"), "--rootdir", str(home), "--noconftest", "-p", "no:cacheprovider"]
            return int(pytest.main([*ours, "-p", "pytest_isolation.plugin", "-q", *words]))
        finally:
            os.chdir(back)


if __name__ == "__main__":
    sys.exit(main())
