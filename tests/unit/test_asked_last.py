"""Of two words that say the same an engine takes the last: a limit that a check asks for comes after the user's own."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_isolation import BoxSpec, Unsupported
from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.process_limits import ProcessLimit
from pytest_isolation.technologies.lxc.configuration import Configuration
from pytest_isolation.technologies.podman.arguments import arguments
from pytest_isolation.technologies.podman.engine import Account, Engine
from pytest_isolation.technologies.podman.start import Start

FILES = ProcessLimit("nofile", 64, 128)


def test_podman() -> None:
    own = (("oom_score_adj", "500"), ("ulimit", "nofile=9:9"))
    spec = BoxSpec(technology="podman", options=own, worded=(("oom-score-adj", "321"),), process_limits=(FILES,))
    told = arguments(spec, name="one", agent="/agent", run_id="run")
    assert told.index("--oom-score-adj=500") < told.index("--oom-score-adj=321")
    assert told.index("--ulimit=nofile=9:9") < told.index("nofile=64:128")


def test_lxc() -> None:
    own = (("config", ("lxc.proc.oom_score_adj = 500", "lxc.prlimit.nofile = 9:9")),)
    spec = BoxSpec(technology="lxc", options=own, worded=(("oom-score-adj", "321"),), process_limits=(FILES,))
    made = Configuration(
        handed=(), spec=spec, ids=None, root=Path("/root"), agent="/agent", guard=None, version="5.0.2", volumes={}
    )
    told = made.text().decode().splitlines()
    assert told.index("lxc.proc.oom_score_adj = 500") < told.index("lxc.proc.oom_score_adj = 321")
    assert told.index("lxc.prlimit.nofile = 9:9") < told.index("lxc.prlimit.nofile = 64:128")


@pytest.mark.parametrize(
    ("mode", "limit", "refused"),
    [("hybrid", "memory", True), ("v1", "pids", True), ("hybrid", "nofile", False), ("v2", "memory", False)],
)
def test_rootless_podman_sets_no_limits_of_groups_on_v1(
    mode: str, limit: str, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In words, too: those of the run's own group would be taken for what Podman made of them."""
    monkeypatch.setattr(cgroups, "mode", lambda: mode)
    lifetime: Any = SimpleNamespace(run_id="run")
    spec = BoxSpec(technology="podman", worded=((limit, "64"),))
    start = Start(Engine(Account("somebody", 1000, 1000, "/home/somebody")), spec, lifetime, ExitStack())
    if not refused:
        start._check_limits()
        return
    with pytest.raises(Unsupported, match="rootless Podman sets limits on cgroup v2 only"):
        start._check_limits()
