"""crun: the runtime of Podman, on a bundle as `crun spec` writes it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.agent.constants import CLONE, MNT, MS
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.errors import NOT_ROOT, Unavailable
from pytest_isolation.technologies.base import flag
from pytest_isolation.technologies.oci import OciRuntime

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc
    from pytest_isolation.boxes.spec import BoxSpec

REFUSAL = "cgroups in hybrid mode not supported, drop all controllers from cgroupv2"
"""crun's own words (src/libcrun/cgroup.c, 1.8)."""


class Crun(OciRuntime):
    """crun(1)."""

    name = program = package = "crun"
    keywords: Mapping[str, str] = {
        **OciRuntime.keywords,
        "hide_unified": "true: on a hybrid host, start crun where the v2 tree is not mounted, as on a v1 host",
    }

    def check_available(self, spec: BoxSpec) -> None:
        super().check_available(spec)
        if flag(spec, "hide_unified") and os.geteuid() != 0:
            raise Unavailable("hiding the v2 tree from crun takes a mount namespace, which is for root", cause=NOT_ROOT)
        if not flag(spec, "hide_unified") and refuses_this_host():
            raise Unavailable(
                f"crun refuses this host: {REFUSAL}",
                "boot with systemd.unified_cgroup_hierarchy=1, or give hide_unified=true, which starts crun where the "
                "v2 tree is not mounted",
            )

    def prepare(self, spec: BoxSpec, child: Proc) -> Sequence[int]:
        """Hide the v2 tree of a hybrid host from crun, where the user asks for it."""
        if flag(spec, "hide_unified") and cgroups.mode() == "hybrid":
            unified = cgroups.hierarchies()["unified"]
            must(child.unshare(CLONE.NEWNS), "a mount namespace for crun")
            # No more than this: crun copies the propagation of all other mounts.
            must(child.mount(None, str(unified.parent), None, MS.REC | MS.PRIVATE), "keeping what is hidden to crun")
            must(child.umount2(str(unified), MNT.DETACH), "hiding the v2 tree from crun")
        return ()

    def state_pid(self, place: Path, identity: str) -> int:
        """Of the container's first process, by crun's own file."""
        return int(json.loads(text_of(place / identity / "status"))["pid"])


def refuses_this_host() -> bool:
    """Whether crun refuses this one: it does every hybrid host whose v2 tree has any controller."""
    if cgroups.mode() != "hybrid":
        return False
    return bool(text_of(cgroups.hierarchies()["unified"] / "cgroup.controllers").split())
