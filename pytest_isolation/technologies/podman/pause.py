"""The process that holds a rootless Podman's namespaces between its commands: where it is found, in this run or later.

Its number is in a file of Podman's runtime directory, which depends on the environment of who looks: so its name in a
register says where the run that registered it has looked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import psutil

from pytest_isolation.boxes.lifetime import started
from pytest_isolation.boxes.procfs import text_of

PLACES = ("XDG_RUNTIME_DIR", "TMPDIR")
"""The environment variables that say where rootless Podman has its runtime directory."""


def name(environ: Mapping[str, str], before: Iterable[psutil.Process] = ()) -> str:
    """For a register: `pause?TMPDIR=%2Fx&before=PID:STARTED`, of a run in `environ` that found those of `before`."""
    places = [(key, value) for key, value in environ.items() if key in PLACES]
    there = [("before", f"{one.pid}:{started(one.pid)}") for one in before]
    return f"pause?{urlencode([*places, *there], errors='surrogateescape')}"


def environ_of(name: str, ours: Mapping[str, str]) -> dict[str, str]:
    """That of the run that registered it as `name`; `ours` where that says nothing, as older registers."""
    _, said, places = name.partition("?")
    if not said:
        return dict(ours)
    own = {key: value for key, value in ours.items() if key not in PLACES}
    # A directory that is gone has nothing to be found, and no Podman works there.
    told = [(key, value) for key, value in parse_qsl(places, errors="surrogateescape") if key in PLACES]
    return own | {key: value for key, value in told if Path(value).is_dir()}


def since(name: str, processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that were not there when it was registered as `name`."""
    before = {value for key, value in parse_qsl(name.partition("?")[2], errors="surrogateescape") if key == "before"}
    return [one for one in processes if f"{one.pid}:{started(one.pid)}" not in before]


def found(uid: int, environ: Mapping[str, str]) -> list[psutil.Process]:
    """Those of the user's Podman, looked for in `environ`.

    The first is the one that a Podman in `environ` joins, unless its database says of another place; each place may
    have one.
    """
    processes: list[psutil.Process] = []
    for place in (
        environ.get("XDG_RUNTIME_DIR", ""),
        f"/run/user/{uid}",
        f"{environ.get('TMPDIR') or '/tmp'}/podman-run-{uid}",
        f"/tmp/podman-run-{uid}",
    ):
        with suppress(OSError, ValueError, psutil.Error):
            process = psutil.Process(int(text_of(Path(place, "libpod/tmp/pause.pid"))))
            if process.uids().real == uid and "podman" in process.name() and process not in processes:
                processes.append(process)
    return processes


def is_of_this_run(process: psutil.Process) -> bool:
    """Whether it is younger than we are."""
    return bool(process.create_time() > psutil.Process().create_time())
