"""The suite inside the root of another Debian release: today's engines on the kernel of this host.

A root is a directory of Debian packages in the user's cache, made once.  A run enters it in new namespaces by
pivot_root(2), with what it writes in memory; the daemon in it has a network of its own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from pytest_isolation.boxes.cgroups import Limits
from pytest_isolation.errors import BoxError, Unavailable
from pytest_isolation.machines import built, carried, release
from pytest_isolation.machines.carried import PLACE, REPORTS

if TYPE_CHECKING:
    from pytest_isolation.boxes.lifetime import Lifetime

SCRIPT = Path(__file__).with_name("enter-root.sh")
TOOLS = {"mmdebstrap": "mmdebstrap", "unshare": "util-linux", "setpriv": "util-linux", "pivot_root": "util-linux"}
"""Program -> Debian's package of it."""
WANTED_MIB = 2500
"""Room for the build: the tree, and the packages it is made of."""


@dataclass(frozen=True, slots=True)
class Root:
    """What is in the root."""

    suite: str
    """One of release.SUITES."""
    version: int = 1
    """Another number: the root is made anew."""

    @property
    def packages(self) -> tuple[str, ...]:
        """Of Debian, those that are asked for by name."""
        return release.packages(self.suite)

    @property
    def place(self) -> Path:
        """Where the root is, or will be."""
        key = hashlib.sha256(repr((self, self.packages)).encode()).hexdigest()[:16]
        return built.cache() / f"root-{self.suite}-{key}"


def made(root: Root, lifetime: Lifetime, say: Callable[[str], None]) -> Path:
    """The directory of `root`; made now unless it is in the cache: some minutes, and the network.

    Raises Unavailable without the tools or the room, BoxError with what mmdebstrap said.
    """
    kept = root.place
    return built.once(
        kept,
        lambda: built.tree(root.suite, root.packages, kept, lifetime),
        what="a root",
        tools=TOOLS,
        wanted_mib=WANTED_MIB,
        packages=len(root.packages),
        say=say,
    )


def run_inside(
    lifetime: Lifetime, suite: str, arguments: Sequence[str], checks: Path, *, say: Callable[[str], None]
) -> int:
    """`pytest --isolation ARGUMENTS…` in the root of a release; returns its exit status.

    `checks`: the directory of the built-in ones.  What pytest prints goes where this process prints.  Reports that the
    arguments ask for are written here, where they say.  Raises UsageError for another suite, and what `made` does.
    """
    release.check(suite)
    if os.geteuid() != 0:
        raise Unavailable("a root is entered by root alone: it mounts, and its daemon rules the kernel", "run as root")
    place = made(Root(suite), lifetime, say)
    directory = lifetime.new_directory("root")
    (top := directory / "top").mkdir()
    (out := directory / "reports").mkdir()
    libraries = carried.tree(directory / "suite", checks, release.python(os.readlink(place / "usr/bin/python3")))
    words, reports = carried.reports_there(arguments, REPORTS)
    if (before := carried.since_asked(arguments)) is not None:
        shutil.copyfile(before, out / carried.SINCE_THERE)
    words = carried.since_there(words)
    entered = [str(SCRIPT), str(place), str(top), str(libraries), str(out), _groups(lifetime)]
    status = _follow([*_entering(), *entered, *_measuring(words)])
    for there, here in reports.items():
        if (written := out / Path(there).name).is_file():
            shutil.copyfile(written, here)
    lifetime.remove_directory(directory)
    return status


def _entering() -> list[str]:
    """Namespaces of its own, all of whose processes end with us."""
    line = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private", "--pid", "--fork"]
    return [*line, "--kill-child=KILL", "--net", "--ipc", "--uts", "sh"]


def _measuring(words: Sequence[str]) -> list[str]:
    environment = ["HOME=/root", f"PYTHONPATH={PLACE}", f"COLUMNS={shutil.get_terminal_size((100, 40)).columns}"]
    return ["env", *environment, "python3", "-m", "pytest", "--isolation", *words]


def _groups(lifetime: Lifetime) -> str:
    """The directories of a new control group, a line each."""
    group = lifetime.new_group("root", Limits())
    if group is None:
        raise BoxError("no control group can be made here, and the daemon in the root needs one")
    return "\n".join(sorted({os.fspath(place) for place in group.places.values()}))


def _follow(line: Sequence[str]) -> int:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TERM") if name in os.environ}
    # In a session of its own: Ctrl-C reaches it once, by us, and so does a SIGTERM that was sent to us alone.
    with subprocess.Popen(line, env=kept, stdin=subprocess.DEVNULL, start_new_session=True) as entered:
        while True:
            try:
                return entered.wait()
            except KeyboardInterrupt:  # what it has measured is reported
                for first in psutil.Process(entered.pid).children():
                    first.send_signal(signal.SIGINT)
