"""The word of the technologies themselves: whether they can start a box on this machine.

One answer for the list of boxes, for host support and for a run: Technology.check_available.  As another user
than ours it is asked in a process that becomes that user: `python -m pytest_isolation.support.own NAME…` prints it
as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import IsolationError, Lacking
from pytest_isolation.support.trial import NOBODY
from pytest_isolation.technologies import technology

if TYPE_CHECKING:
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.support.explain import As

PATIENCE_S = 60.0
LIBRARIES = ("docker.api", "grpc", "cri_api.v1.api_pb2_grpc", "websocket")
"""What technologies import once they are asked."""


@dataclass(frozen=True, slots=True)
class Own:
    """Why the technology starts no box; a `reason` of None: it says nothing against it."""

    reason: str | None = None
    remedy: str = ""


def ask(names: Iterable[str], as_: As) -> Mapping[str, Own]:
    """What each technology says to a user; nothing of those that could not be asked."""
    if (as_ == "root") == (os.geteuid() == 0):
        return {name: _asked(name) for name in names}
    known = {key: value for key, value in os.environ.items() if key not in ("USER", "XDG_RUNTIME_DIR")}
    try:
        with TemporaryDirectory() as home:
            os.chown(home, NOBODY, NOBODY)
            done = subprocess.run(
                [sys.executable, "-m", __name__, *names],
                env={**known, "HOME": home},
                capture_output=True,
                timeout=PATIENCE_S,
            )
        return {name: Own(**said) for name, said in json.loads(done.stdout).items()}
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return {}


def start(name: str, lifetime: Lifetime) -> Own:
    """What the start of one box says, as the user we are."""
    try:
        technology(name).launch(BoxSpec(technology=name), lifetime).close()
    except IsolationError as error:
        return _said(error)
    return Own()


def _asked(name: str) -> Own:
    try:
        technology(name).check_available(spec := BoxSpec(technology=name))
        technology(name).facts(spec)
    except IsolationError as error:
        return _said(error)
    return Own()


def _said(error: IsolationError) -> Own:
    return Own(error.reason, error.remedy) if isinstance(error, Lacking) else Own(str(error))


def _as_nobody(names: Iterable[str]) -> Iterator[tuple[str, Own]]:
    """Imported before the user changes: the installation may be one that only root can read."""
    known = [name for name in names if technology(name)]
    for library in LIBRARIES:
        with suppress(ImportError):
            import_module(library)
    os.chdir("/")
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    for name in known:
        with suppress(ImportError, OSError):
            yield name, _asked(name)


if __name__ == "__main__":
    print(json.dumps({name: asdict(own) for name, own in _as_nobody(sys.argv[1:])}))
