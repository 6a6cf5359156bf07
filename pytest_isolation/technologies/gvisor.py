"""gVisor: a kernel of its own in user space, run by runsc on a bundle as `runsc spec` writes it.

The box's processes are not the host's: the host sees a sandbox process and what its platform needs.
Sources: gvisor.dev/docs (Security Model, Platform Guide), runsc flags.
"""

from __future__ import annotations

import json
import re
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import CONFIGURATION_LOSSES, IMAGE_LOSSES, drop, expose, lossy
from pytest_isolation.errors import BoxError, Unavailable, UsageError
from pytest_isolation.technologies import launcher, program
from pytest_isolation.technologies.handed import handed
from pytest_isolation.technologies.identity import DEADLY_LIMITS, check_gvisor
from pytest_isolation.technologies.lacking import in_vain
from pytest_isolation.technologies.limiting import limits_asked
from pytest_isolation.technologies.oci import OciRuntime, bundle
from pytest_isolation.technologies.opens import Opens, by, each, sets

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Agent
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.outside.box import Box

PREFERRED = ("systrap", "ptrace")
"""Tried in this order, of those runsc knows; kvm only when asked for: without hardware for it, it hangs."""


OPENS: Opens = {
    # What is exposed are the host's sockets as well.
    **each(("/", "/tmp", "/run"), expose, by(handed) & sets("host_sockets", True)),
    **each(IMAGE_LOSSES, lossy, by(launcher.new_root)),
    **each(CONFIGURATION_LOSSES, lossy, by(BoxSpec.delivered)),
    drop("private-root"): sets("own_root", False),
    drop("fails-closed"): by(in_vain),
    drop("process-limits"): by(limits_asked),
}


class GVisor(OciRuntime):
    """runsc, the OCI runtime of gVisor, with a kernel of its own."""

    name = "gvisor"
    program = package = "runsc"
    start_ms = 300
    shares_kernel = False
    opens = OPENS
    keywords: Mapping[str, str] = {
        "platform": "systrap, ptrace or kvm (default: the first of the first two that starts a box here)",
        "cap_add": OciRuntime.keywords["cap_add"],
        "rootless": "true: runsc --rootless, always so when not root",
    }

    def check_available(self, spec: BoxSpec) -> None:
        super().check_available(spec)
        asked, known = spec.option("platform"), platforms(self.path())
        if asked is not None and asked not in known:
            raise UsageError(f"platform={asked}: this runsc has {', '.join(known)}; give one of those")
        place = Path(tempfile.gettempdir()).resolve()
        if closed := [one for one in (place, *place.parents) if not one.stat().st_mode & stat.S_IXOTH]:
            raise Unavailable(
                f"runsc starts no sandbox below a directory that others may not enter, and {closed[-1]} is one",
                "set TMPDIR to a directory that everybody may enter, for example /tmp",
            )

    def launch(self, spec: BoxSpec, lifetime: Lifetime) -> Box:
        """On the first platform that starts a box here; which one, is a note of the box."""
        key = "gvisor platform"
        asked = spec.option("platform") or lifetime.kept.get(key)
        self.check_available(spec)
        known = platforms(self.path())
        candidates = [asked] if asked else [one for one in PREFERRED if one in known]
        refusals = []
        for platform in candidates:
            options = {**dict(spec.options), "platform": platform}
            try:
                box = super().launch(replace(spec, options=tuple(sorted(options.items()))), lifetime)
            except BoxError as error:
                if len(candidates) == 1:
                    raise
                refusals.append(f"{platform}: {error}")
                continue
            box.spec = spec
            lifetime.kept[key] = lifetime.kept.get(key) or platform
            box.parts.deadly_limits = DEADLY_LIMITS
            box.parts.measured = {"platform": platform}
            return box
        raise BoxError(f"no platform of gVisor starts a box here: {'; '.join(refusals)}")

    def arguments(self, spec: BoxSpec) -> list[str]:
        """Options of runsc that come before its command."""
        found = [f"--platform={spec.option('platform')}", f"--network={spec.network or 'none'}"]
        if self.rootless(spec):
            found.append("--rootless")
        if self.plan(spec).host_sockets:
            found.append("--host-uds=open")
        return found

    def base(self, spec: BoxSpec) -> bundle.Config:
        """What runsc writes by itself, as bundle.defaults() reads it."""
        return bundle.defaults(self.path(), rootless=False)  # its `spec` knows no other

    def state_pid(self, place: Path, identity: str) -> int:
        """Of the sandbox, by runsc's own file: the container has no process of the host."""
        (file,) = place.glob(f"{identity}_sandbox*.state")
        return int(json.loads(text_of(file))["sandbox"]["pid"])

    def check_identity(self, agent: Agent) -> None:
        """Raises BoxError when what answers does not live on gVisor's kernel."""
        check_gvisor(agent, self.name)


@cache
def platforms(path: str) -> tuple[str, ...]:
    """Those this runsc was built with, as its help names them."""
    done = program.ended([path, "flags"], timeout=20)
    said = re.search(r"which platform to use: (.*)", done.stdout + done.stderr)
    names = re.findall(r"\b(systrap|ptrace|kvm)\b", said[1] if said else "")
    return tuple(dict.fromkeys(names)) or PREFERRED
