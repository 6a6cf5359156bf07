"""Linux namespaces by hand: clone(2), mount(2), pivot_root(2), and a control group; nothing installed, no daemon.

Every namespace type; capabilities as a container's root usually has them; /proc and /sys with the
usual masks.  No seccomp filter and no LSM profile: those are not namespaces.
Sources: namespaces(7), pivot_root(2), user_namespaces(7), capabilities(7), OCI runtime-spec config-linux.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.handle import BoxHandle
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import Weakenings
from pytest_isolation.errors import Unavailable
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies import launcher
from pytest_isolation.technologies.base import flag, refuse_unknown_holes, start_box
from pytest_isolation.technologies.limiting import ALL
from pytest_isolation.technologies.namespaces.holes import OPENS
from pytest_isolation.technologies.namespaces.lacking import WORDS
from pytest_isolation.technologies.namespaces.start import Start, kept
from pytest_isolation.technologies.namespaces.user import check_user_namespaces
from pytest_isolation.technologies.opens import as_root, openable

__all__ = ["Namespaces"]


class Namespaces:
    """Bare Linux namespaces, made by our own system calls: namespaces(7)."""

    name = "namespaces"
    lacking = WORDS
    limits_known = ALL
    start_ms = 20
    doors = ("start", "exec")
    keywords: Mapping[str, str] = {
        "userns": "true: a user namespace as well, with root mapped to this user (always so when not root)",
        "capabilities": "what root in the box keeps: a list of names, all or none (default: as container engines do)",
    }

    def weakenings(self) -> Weakenings:
        return openable(OPENS)

    def check_available(self, spec: BoxSpec) -> None:
        launcher.check_image(spec)
        refuse_unknown_holes(self, spec)
        kept(spec)
        if spec.network not in (None, "none"):
            raise Unavailable(
                f"network={spec.network}: namespaces made by hand have a loopback interface and no other",
                "leave network out, or name a technology that makes networks",
            )
        if not as_root() or flag(spec, "userns"):
            check_user_namespaces()

    def facts(self, spec: BoxSpec) -> Mapping[str, Any]:
        return {
            "version": platform.release(),
            "cgroup": cgroups.mode(),
            "user_namespace": not as_root() or flag(spec, "userns"),
        }

    def launch(self, spec: BoxSpec, lifetime: Lifetime) -> Box:
        self.check_available(spec)
        return start_box(spec, lambda undo: self._parts(spec, lifetime, undo))

    def _parts(self, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> BoxHandle:
        return self._started(Start(spec, lifetime, undo))

    def _started(self, start: Start) -> BoxHandle:
        agent = start.run()
        return BoxHandle(
            agent=agent,
            life=start.life(self._started),
            init_pid=start.pid,
            group=start.group,
            root=start.root,
            volumes=start.volumes,
            agent_path=start.agent_path,
            enter=start.enter,
            pausing=start.pausing(),
        )

    def clean(self, kind: str, handle: str) -> bool:
        return False
