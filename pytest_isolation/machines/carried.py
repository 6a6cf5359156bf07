"""What goes along into a machine or a root: this installation and its libraries; what comes back: reports."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from pytest_isolation.errors import Unavailable, UsageError

NAME = "pytest-isolation"
PLACE, REPORTS = "/opt/suite/site-packages", "/root/reports"
"""Where it is in there, and where its reports are written: these are names of the root or the machine, not of the host.

By the first one's last part Hypothesis knows what is installed. All else it would parse for constants: minutes, on TCG.
"""
OURS = sys.version_info[:2] if sys.implementation.name == "cpython" else (0, 0)
"""The CPython that the libraries here are for; none of another implementation's."""
EXTRAS = ("cri",)
"""Of this distribution, without whose libraries not all engines of a release can be asked; carried where they are."""


def tree(target: Path, checks: Path, python: tuple[int, int] = OURS) -> Path:
    """Have this installation, all it needs and the built-in `checks` in the new directory `target`; returns that.

    `python`: the CPython that is to run it.  For another one than ours the same versions are fetched, since compiled
    libraries are for one alone; raises Unavailable where they cannot be.  Libraries of EXTRAS that cannot be are left
    out, and the box that needs them says so.
    """
    target.mkdir()
    needed = list(_distributions())
    more = [one for one in _distributions(EXTRAS) if one.name not in {known.name for known in needed}]
    if python == OURS:
        for one in (*needed, *more):
            _copy(one, target)
    else:
        _fetch([one for one in needed if one.name != NAME], target, python)
        if more:
            with suppress(Unavailable):
                _fetch(more, target, python)
        _copy(distribution(NAME), target)
    shutil.copytree(Path(__file__).parents[1], target / "pytest_isolation", dirs_exist_ok=True)
    shutil.copytree(checks, target / "pytest_isolation" / "checks", dirs_exist_ok=True)
    return target


OPTION = "--isolation-report"
STAYS = {
    "--isolation-expect": "judge its JSON report here: pytest-isolation expect",
    "--isolation-kernel": "boot that one here",
    "--isolation-versions": "measure that one here",
    "--junitxml": "ask for --isolation-report json:FILE, which comes back",
    "--junit-xml": "ask for --isolation-report json:FILE, which comes back",
    "--log-file": "ask for --log-cli-level=LEVEL, which shows the log",
}
"""Option that names a file of this machine -> what to do instead."""
SINCE, SINCE_THERE = "--isolation-since", "since.json"
"""The one whose file is brought along: a run that was cut short goes on there; and what it is called there."""
PROFILE = "--isolation-profile"


def check_stays(arguments: Sequence[str]) -> None:
    """Raises UsageError for an option that names a file which is not brought along, or does not come back."""
    for option, instead in STAYS.items():
        for _, value in _values(arguments, option):
            raise UsageError(
                f"{option} {value}: that file is not brought along, and reports alone come back; {instead}"
            )
    for _, value in _values(arguments, PROFILE):
        if "/" in value or value.endswith(".toml"):
            raise UsageError(f"{PROFILE} {value}: that file is not brought along; name a profile that is built in")


def reports_asked(arguments: Sequence[str]) -> list[str]:
    """FORMAT:PATH of each report that the arguments of pytest ask for."""
    return [text for _, text in _values(arguments, OPTION)]


def reports_there(arguments: Sequence[str], directory: str) -> tuple[list[str], dict[str, Path]]:
    """The arguments with paths of the machine for reports, and where each report goes here: path there -> path here.

    `directory`: of the machine, where pytest is called and the reports are written.
    """
    words, reports = list(arguments), dict[str, Path]()
    for number, text in _values(arguments, OPTION):
        kind, colon, path = text.partition(":")
        if colon and path:
            # By its own name: the report tells how pytest was called.
            name = Path(path).name or "report"
            name = f"{len(reports)}-{name}" if f"{directory}/{name}" in reports else name
            reports[f"{directory}/{name}"] = Path(path).absolute()
            words[number] = words[number].removesuffix(text) + f"{kind}:{name}"
    return words, reports


def since_asked(arguments: Sequence[str]) -> str | None:
    """The path of the report that the run is to go on from; of several the last, as pytest has it."""
    return next((path for _, path in reversed([*_values(arguments, SINCE)])), None)


def since_there(arguments: Sequence[str]) -> list[str]:
    """The arguments with that report's name there, in the directory where pytest is called."""
    words = list(arguments)
    for number, text in _values(arguments, SINCE):
        words[number] = words[number].removesuffix(text) + SINCE_THERE
    return words


def partial_of(report: Path) -> Path:
    """Where the rows that a run has measured are until its report is written."""
    return report.with_name(f"{report.name}.partial")


def _values(arguments: Sequence[str], option: str) -> Iterator[tuple[int, str]]:
    """Which word has a value of the option, and that: the word after it, or the rest of its own."""
    for number, word in enumerate(arguments):
        if number and arguments[number - 1] == option:
            yield number, word
        elif word.startswith(f"{option}="):
            yield number, word.partition("=")[2]


def _distributions(extras: Sequence[str] = ()) -> Iterator[Distribution]:
    """This one and all it needs, with what its `extras` need, as installed here."""
    waiting, seen = [NAME], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # what is missing here is for another platform: this runs without it
        yield found
        asked = ("", *extras) if name == NAME else ("",)
        waiting += [
            one.name
            for one in map(Requirement, found.requires or ())
            if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in asked)
        ]


def _fetch(needed: Sequence[Distribution], target: Path, python: tuple[int, int]) -> None:
    version = ".".join(map(str, python))
    line = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    line += ["--only-binary=:all:", "--implementation=cp", f"--python-version={version}", f"--target={target}"]
    done = subprocess.run(
        [*line, *(f"{one.name}=={one.version}" for one in needed)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["nothing"]
        raise Unavailable(
            f"the libraries for Python {version} could not be fetched; pip says: {said[-1]}",
            f"give pip the network and room in TMPDIR, or run pytest-isolation with Python {version}",
        )


def _copy(one: Distribution, tree: Path) -> None:
    for file in one.files or ():
        target = tree / file
        source = Path(str(one.locate_file(file)))
        # Scripts are beside the libraries ("../../bin"), and a path file of an editable install leads nowhere there.
        if ".." in file.parts or file.suffix == ".pth" or not source.is_file():
            continue
        if one.name == NAME and not file.parts[0].endswith(".dist-info"):
            continue  # the package is copied from where it runs: an editable install may list files of an older one
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
