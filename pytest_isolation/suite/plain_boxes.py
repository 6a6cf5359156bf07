"""The plainest box of a technology, for the commands that ask one of each: `limits`, `behaviour`."""

from __future__ import annotations

from dataclasses import replace

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import Unavailable
from pytest_isolation.technologies import technology

WITHOUT_NETWORK = frozenset({"docker", "podman", "runc", "crun", "gvisor", "lxc", "nspawn"})
"""None is needed, and they start sooner."""


def plain(name: str) -> tuple[BoxSpec, str]:
    """Its spec, and the version of technology `name`.  crun is hidden the tree that it refuses.  Raises Unavailable."""
    spec = BoxSpec(technology=name, network="none" if name in WITHOUT_NETWORK else None)
    made, how = technology(name), ""
    try:
        made.check_available(spec)
    except Unavailable:
        if name != "crun" or cgroups.mode() != "hybrid":
            raise
        spec, how = replace(spec, options=(("hide_unified", "true"),)), ", the v2 tree hidden"
        made.check_available(spec)
    facts = made.facts(spec)
    by = f" with {facts['runtime']}" if name in ("docker", "podman", "cri") and facts.get("runtime") else ""
    return spec, f"{facts['version']}{by}{how}"
