"""`pytest-isolation docker-vm [COMMAND…]`: a Docker daemon in a virtual machine, for as long as the command runs.

`pytest-isolation in-vm [ARGUMENT…]`: `pytest --isolation ARGUMENT…` inside such a machine.
`pytest-isolation in-root --suite SUITE [ARGUMENT…]`: the same with the engines of a Debian release.
`pytest-isolation diff A.json B.json`: what a later run has weaker, stronger, new or gone.
`pytest-isolation expect A.json -o known.toml`: the file of --isolation-expect, written or updated.
`pytest-isolation merge FILE...`: reports of many hosts as one.
`pytest-isolation report A.json FORMAT:PATH`: a report that is there in another format.
`pytest-isolation redact A.json`: a report without its owner's paths, addresses and names.
`pytest-isolation advise --box SPEC`: the fewest keywords that mend what a box breaks, tried.
`pytest-isolation layers`: what engines make of drawn image layers, beside the OCI image specification.
`pytest-isolation roads`: what of a tree survives save and load, push and pull, export, commit, build and cp.
`pytest-isolation limits`: what the kernel is told of limits, in each way to write them.
`pytest-isolation moves`: what survives when a virtual machine is kept as files, and goes on elsewhere.
`pytest-isolation behaviour`: which ordinary calls end otherwise in a box than on its machine.

Other packages, and inception/, add commands by the entry point group COMMANDS.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NoReturn

from pytest_isolation.report import convert, diff, merge, redact
from pytest_isolation.suite import expect
from pytest_isolation.suite.advise import command as advise
from pytest_isolation.suite.behaviour import command as behaviour
from pytest_isolation.suite.interrupts import INTERRUPTED
from pytest_isolation.suite.layers import command as layers
from pytest_isolation.suite.limits import command as limits
from pytest_isolation.suite.moves import command as moves
from pytest_isolation.suite.roads import command as roads

COMMANDS = "pytest_isolation.commands"
"""Entry point group: NAME -> a module with `HELP`, `add_arguments(parser)` and `run(arguments) -> exit status`."""

OF_PYTEST = ("list", "host", "clean")
"""Where somebody may look for `pytest-isolation clean`."""
IN_MACHINE = "bookworm, trixie or sid: with its engines and its kernel (default: Docker, and a kernel of this machine)"


def main(argv: list[str] | None = None) -> int:
    """Runs one command.  The exit status: 0, or what the command's page in docs/ says; INTERRUPTED after Control-C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # of LANG=C, which has no sign for what is not ASCII
    modules = command_modules()
    given = parser(modules).parse_args(argv)
    try:
        status: int = modules[given.command].run(given) if given.command in modules else run_machine(given)
    except KeyboardInterrupt:
        print(f"pytest-isolation {given.command}: interrupted", file=sys.stderr)
        return INTERRUPTED
    return status


def command_modules() -> dict[str, Any]:
    """Name of a command -> its module: ours, and those of other packages."""
    ours = {"diff": diff, "expect": expect, "merge": merge, "report": convert, "redact": redact}
    ours |= {"advise": advise, "layers": layers, "moves": moves, "roads": roads, "limits": limits}
    ours |= {"behaviour": behaviour}
    return ours | {found.name: found.load() for found in entry_points(group=COMMANDS)}


class _Parser(argparse.ArgumentParser):
    """Says in one sentence what was given, what was expected and what to do; exits with 2."""

    def error(self, message: str) -> NoReturn:
        if (given := re.match(r"argument command: invalid choice: '(\w+)'", message)) and given[1] in OF_PYTEST:
            message = f"{given[1]!r} is no command, but an option of pytest: pytest --isolation-{given[1]}"
        self.exit(2, f"{self.prog}: {message}; `{self.prog} --help` says what it takes\n")


def _whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,7}", text, re.ASCII) or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from 1 to 9999999")
    return int(text)


def parser(modules: Mapping[str, Any]) -> argparse.ArgumentParser:
    """The parser of the command line, with a sub-command for each module and for the virtual machines."""
    parser = _Parser(
        prog="pytest-isolation",
        description="Works on reports of pytest --isolation, and measures in other systems.",
        epilog=f"Options of pytest: --isolation (measure), {', '.join(f'--isolation-{one}' for one in OF_PYTEST)}.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, module in modules.items():
        module.add_arguments(commands.add_parser(name, help=module.HELP))
    machine = commands.add_parser("docker-vm", help="a Docker daemon in a virtual machine, for as long as COMMAND runs")
    machine.add_argument("--memory", type=_whole, default=2048, metavar="MIB", help="of the machine (default: 2048)")
    machine.add_argument("--processors", type=_whole, default=2, metavar="N", help="of the machine (default: 2)")
    machine.add_argument("--suite", metavar="SUITE", help=IN_MACHINE)
    machine.add_argument("--internet", action="store_true", help="let the machine reach what this one reaches")
    machine.add_argument("program", nargs=argparse.REMAINDER, metavar="COMMAND", help="is given DOCKER_HOST")
    inside = commands.add_parser("in-vm", help="`pytest --isolation ARGUMENT…` inside a virtual machine")
    inside.add_argument("--memory", type=_whole, default=2048, metavar="MIB", help="of the machine (default: 2048)")
    inside.add_argument("--processors", type=_whole, default=2, metavar="N", help="of the machine (default: 2)")
    inside.add_argument("--suite", metavar="SUITE", help=IN_MACHINE)
    inside.add_argument("--minutes", type=_whole, default=60, metavar="N", help="pytest is ended then (default: 60)")
    inside.add_argument("program", nargs=argparse.REMAINDER, metavar="ARGUMENT", help="of pytest: --box docker, ...")
    root = commands.add_parser("in-root", help="`pytest --isolation ARGUMENT…` with the engines of a Debian release")
    root.add_argument("--suite", default="sid", metavar="SUITE", help="bookworm, trixie or sid (default: sid)")
    root.add_argument("program", nargs=argparse.REMAINDER, metavar="ARGUMENT", help="of pytest: --box docker, ...")
    return parser


def run_machine(given: argparse.Namespace) -> int:
    """The command's exit status, or pytest's; 2, with one paragraph, when the machine did not start."""
    from pytest_isolation.errors import IsolationError
    from pytest_isolation.guarantees.domains import checks_directory
    from pytest_isolation.machines import carried, command
    from pytest_isolation.options.config import reports, since

    words = given.program[1:] if given.program[:1] == ["--"] else given.program
    try:
        if given.command != "docker-vm":
            carried.check_stays(words)
            reports(carried.reports_asked(words), Path.cwd())  # now, and not when the run there is over
            since(carried.since_asked(words), Path.cwd())
        if given.command == "in-root":
            return command.in_root(given.suite, words, checks_directory())
        memory, processors, suite = given.memory << 20, given.processors, given.suite
        if given.command == "in-vm":
            return command.inside(
                words, checks_directory(), memory=memory, processors=processors, suite=suite, minutes=given.minutes
            )
        return command.keep(words, memory=memory, processors=processors, internet=given.internet, suite=suite)
    except IsolationError as error:
        print(f"pytest-isolation {given.command}: {error}", file=sys.stderr)
    except OSError as error:  # a full disk, most of all
        print(f"pytest-isolation {given.command}: {error}; make room, or set TMPDIR", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
