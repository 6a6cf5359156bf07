"""A running container of somebody else's: measured through `docker exec`, and left as it was."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.ground import HERE, Ground
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.errors import ProcLost, Unavailable
from pytest_isolation.technologies import inject, neighbours
from pytest_isolation.technologies.docker import observer, stream
from pytest_isolation.technologies.docker.daemon import Daemon, explained, mounts_of
from pytest_isolation.technologies.identity import kernel
from pytest_isolation.technologies.ports import published

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import ExitStack

    from pytest_isolation.agent.client import Agent
    from pytest_isolation.boxes.spec import BoxSpec

TARGET = "/.dockerenv"
"""An empty file that Docker makes in the root of every container."""


def find(daemon: Daemon, name: str) -> dict[str, Any]:
    """What the daemon knows of the running container `name`.  Raises Unavailable."""
    from docker.errors import NotFound

    with explained(f"looking for the container {name}"):
        try:
            found: dict[str, Any] = daemon.api.inspect_container(name)
        except NotFound:
            raise Unavailable(
                f"the Docker daemon has no container {name!r}", "`docker ps` shows those there are"
            ) from None
    inject.refuse_dead(found["State"], name)
    return found


def facts(daemon: Daemon, name: str) -> dict[str, Any]:
    """How the container was started, by the words of containers.run(): what its claims depend on."""
    found = find(daemon, name)
    host = found["HostConfig"]
    return {
        "container": found["Id"],
        "image": found["Config"].get("Image"),
        "runtime": host.get("Runtime"),
        "privileged": bool(host.get("Privileged")),
        "pid_mode": host.get("PidMode") or None,
        "ipc_mode": host.get("IpcMode") or None,
        "network": host.get("NetworkMode"),
        "own_users": daemon.maps_users(host.get("UsernsMode")),
        "devices": [one.get("PathOnHost") for one in host.get("Devices") or ()] or None,
        "device_cgroup_rules": host.get("DeviceCgroupRules") or None,
        "cgroupns": host.get("CgroupnsMode") or None,
        "cap_add": [name.removeprefix("CAP_") for name in host.get("CapAdd") or ()],
        "cap_drop": [name.removeprefix("CAP_") for name in host.get("CapDrop") or ()],
        "security_opt": host.get("SecurityOpt") or [],
        "read_only": bool(host.get("ReadonlyRootfs")),
        "init": bool(host.get("Init")),
        "memory": host.get("Memory") or None,
        "pids": host.get("PidsLimit") or None,
        "cpus": (host.get("NanoCpus") or host.get("CpuQuota") or 0) or None,
    }


def neighbourhood(daemon: Daemon, found: Mapping[str, Any]) -> neighbours.Neighbourhood:
    """What the neighbours of a container share with it; the others that run are asked for, and nothing else."""
    from docker.errors import NotFound

    others = []
    for one in daemon.api.containers():
        if one["Id"] != found["Id"]:
            with suppress(NotFound):  # it has just ended
                others.append(daemon.api.inspect_container(one["Id"]))
    return neighbours.of(found, others)


class Attached:
    """Has what a Start has: `pid`, `group`, `root`, `volumes`, `address`, `facts`, run() and enter()."""

    def __init__(self, daemon: Daemon, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> None:
        self.daemon, self.spec, self.lifetime, self.undo = daemon, spec, lifetime, undo
        self.name = str(spec.option("container"))
        self.id = ""
        self.shares_kernel = True
        self.pid: int | None = None
        self.group: cgroups.Group | None = None
        self.root: Path | None = None
        self.address: str | None = None
        self.ground: Ground = HERE
        self.volumes: dict[str, Path] = {}
        self.asked: cgroups.Limits | None = None
        self.facts: dict[str, Any] = {}

    def run(self) -> Agent:
        """Raises Unavailable, Unsupported, BoxError."""
        inject.check_as_it_is(self.spec)
        found = find(self.daemon, self.name)
        self.id, self.pid = found["Id"], int(found["State"]["Pid"])
        self.asked = inject.recorded(found["HostConfig"])
        self.ground = observer.ground_of(self.daemon, self.lifetime)
        groups = cgroups.places_of(self.pid, self.id, self.ground)
        if self.ground is HERE:
            inject.check_may_inject(groups is not None)
        self.group = cgroups.group_at(groups, self.ground) if groups else None
        self.facts = {"id": self.id, "name": self.name, "handed": mounts_of(found), "published": published(found)}
        self.facts["neighbourhood"] = neighbourhood(self.daemon, found)
        networks = ((found.get("NetworkSettings") or {}).get("Networks") or {}).values()
        self.address = next((one["IPAddress"] for one in networks if one.get("IPAddress")), None)
        merged = ((found.get("GraphDriver") or {}).get("Data") or {}).get("MergedDir")
        root = self.ground.path(merged) if merged else None
        self.root = root if root is not None and root.is_dir() else None
        agent = self.enter()
        self.undo.callback(agent.close)
        self.shares_kernel = shares_kernel(agent, self.ground)
        return agent

    def enter(self) -> Agent:
        """As `docker exec` does, of the agent where it is lent to."""
        assert self.pid is not None
        self.lifetime.register("docker:lent", f"{self.id} {self.daemon.host or ''}".strip())
        with inject.injected(self.pid, TARGET, self.ground) as path, explained(f"an exec in {self.name}"):
            made = self.daemon.api.exec_create(self.id, [path], stdin=True, stdout=True, stderr=True)
            channel = stream.channel(self.daemon.api.exec_start(made["Id"], socket=True))
            return stream.hello(channel, self.name)


def shares_kernel(agent: Agent, ground: Ground) -> bool:
    """Whether the container's kernel is its machine's.  A filter that refuses the question, or kills, is that one's."""
    try:
        with ground.start() as outside, agent.proc.spawn() as child:
            return kernel(child) in (kernel(outside.proc), ("", ""))
    except ProcLost:
        return True


def eject(daemon: Daemon, identity: str) -> bool:
    """Undo the lending of a killed run; returns whether there was something to undo."""
    try:
        found = find(daemon, identity)
    except Unavailable:
        return False
    with observer.once(daemon) as ground:
        return inject.eject(int(found["State"]["Pid"]), TARGET, ground)
