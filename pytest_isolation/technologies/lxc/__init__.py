"""LXC: a container from a configuration of its own, in the run's directory, with what LXC's templates include.

Privileged by default, as root's containers are; with `unprivileged=true` root in the box is an ordinary user
of the host.  Who is not root has boxes where root is that very user, with no other id and no limits.
Every program of LXC is told the run's own container path (-P): it knows no other container.
Sources: lxc.container.conf(5), lxc-start(1), lxc-attach(1), the files in /usr/share/lxc/config.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes.handle import BoxHandle
from pytest_isolation.boxes.weakenings import Weakenings
from pytest_isolation.errors import ONE_ID, Unavailable, Unsupported, UsageError, unless_root
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies import launcher, program
from pytest_isolation.technologies.base import refuse_unknown_holes, start_box, texts
from pytest_isolation.technologies.capabilities import number_of
from pytest_isolation.technologies.limiting import ALL
from pytest_isolation.technologies.lxc import limits, state
from pytest_isolation.technologies.lxc.configuration import INCLUDED, mapped_option
from pytest_isolation.technologies.lxc.container import Container
from pytest_isolation.technologies.lxc.holes import OPENS
from pytest_isolation.technologies.lxc.ids import id_map
from pytest_isolation.technologies.lxc.lacking import WORDS
from pytest_isolation.technologies.lxc.wording import WORDING
from pytest_isolation.technologies.namespaces.user import check_user_namespaces
from pytest_isolation.technologies.opens import openable

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Agent
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec


class Lxc:
    """Containers of LXC, lxc(7)."""

    name = "lxc"
    lacking = WORDS
    limits_known = ALL
    wording = WORDING
    start_ms = 90
    doors = ("start", "exec")
    keywords: Mapping[str, str] = {
        "unprivileged": "true: an id map, so that root in the box is an ordinary user of the host",
        "idmap": "BASE:SIZE, the host's ids the box is given (default: root's in /etc/subuid, else ids nobody has)",
        "cap_drop": "capabilities (capabilities(7)) that are taken away beside those common.conf names, a list",
        "bridge": "the bridge of the host that network=veth is plugged into",
        "address": "A.B.C.D/BITS, the IPv4 address of a box with network=veth",
        "config": "further lines of the container's configuration, a list: lxc.no_new_privs=1+",
    }

    def weakenings(self) -> Weakenings:
        return openable(OPENS)

    def meant(self, spec: BoxSpec) -> BoxSpec:
        """`spec` with limits in the fields that every box has.  Raises UsageError."""
        return limits.meant(spec)

    def check_available(self, spec: BoxSpec) -> None:
        launcher.check_image(spec)
        refuse_unknown_holes(self, spec)
        program.find("lxc-start", "lxc")
        if os.geteuid() != 0:
            check_user_namespaces()
        if not (INCLUDED / "common.conf").is_file():
            raise Unavailable(f"{INCLUDED}/common.conf, which LXC's templates include, is missing", "apt install lxc")
        _check_network(spec)
        ids = id_map(spec)
        for name in texts(spec, "cap_drop"):
            number_of(name.upper())
        if ids is not None and max(spec.uid, spec.gid) >= ids.size:
            raise Unsupported(
                f"uid={spec.uid} and gid={spec.gid} are not both among the {ids.size} ids of the box's id map",
                "give idmap=BASE:SIZE with more",
                cause=unless_root(ONE_ID),
            )

    def facts(self, spec: BoxSpec) -> Mapping[str, Any]:
        ids = id_map(spec)
        return {
            "version": program.version("lxc-start", "lxc"),
            "own_users": ids is not None,
            "idmapped_volumes": bool(mapped_option(ids)),
            "idmap": f"{ids.users}:{ids.size}" if ids is not None else None,
        }

    def launch(self, spec: BoxSpec, lifetime: Lifetime) -> Box:
        self.check_available(spec)
        return start_box(spec, lambda undo: self._parts(spec, lifetime, undo))

    def _parts(self, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> BoxHandle:
        container = Container(spec, lifetime, undo)
        return self._handle(spec, container, container.start())

    def _handle(self, spec: BoxSpec, container: Container, agent: Agent) -> BoxHandle:
        return BoxHandle(
            agent=agent,
            life=container.life(lambda made: self._handle(spec, container, made)),
            init_pid=container.pid,
            group=container.group,
            root=container.root,
            volumes=container.volumes,
            enter=container.enter,
            pausing=container.pausing(),
            address=str(spec.option("address", "")).partition("/")[0] or None,
            agent_path=container.agent_path,
            id=container.name,
            notes=container.notes,
            said=container.said,
        )

    def clean(self, kind: str, handle: str) -> bool:
        """`container`: its name and its container path; `locks`: a container path."""
        if kind == "locks":
            return state.forget_locks(Path(handle))
        name, _, place = handle.partition(" ")
        if kind != "container" or not Path(place, name).is_dir() or not state.runs(place, name):
            return False
        state.ask("lxc-stop", place, name, "--kill")
        return True


def _check_network(spec: BoxSpec) -> None:
    if spec.network not in (None, "none", "host", "veth"):
        raise UsageError(
            f"network={spec.network}: lxc has none (loopback only), host, or veth with bridge=NAME; give one of those"
        )
    bridge = spec.option("bridge")
    if spec.network == "veth" and not bridge:
        raise UsageError("network=veth: give bridge=NAME, the bridge of the host it is plugged into")
    if spec.network != "veth" and (bridge or spec.option("address")):
        raise UsageError("bridge and address belong to network=veth; give that, or leave them out")
    if bridge and not Path("/sys/class/net", str(bridge), "bridge").is_dir():
        raise Unavailable(f"bridge={bridge}: the host has no such bridge", f"ip link add {bridge} type bridge")
