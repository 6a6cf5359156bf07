"""One container, from its guard to its agent's hello."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.agent.client import Agent
from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.ground import HERE, Ground
from pytest_isolation.errors import AgentLost, BoxError, Unavailable, Unsupported
from pytest_isolation.technologies import launcher, mounts, neighbours
from pytest_isolation.technologies.docker import image, observer, stream
from pytest_isolation.technologies.docker.daemon import LABEL, Daemon, explained, mounts_of
from pytest_isolation.technologies.docker.direct import go_direct
from pytest_isolation.technologies.docker.holes import OPENS, Plan
from pytest_isolation.technologies.docker.settings import Settings
from pytest_isolation.technologies.handed import handed
from pytest_isolation.technologies.identity import DEADLY_LIMITS, check_runtime, is_gvisor
from pytest_isolation.technologies.opens import folded
from pytest_isolation.technologies.ports import published
from pytest_isolation.technologies.telling import telling

if TYPE_CHECKING:
    from contextlib import ExitStack

    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec, Volume


class Start:
    """`pid`, `group`, `root`, `volumes`, `asked`, `address` and `facts` are for the box's BoxHandle, after run()."""

    def __init__(self, daemon: Daemon, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> None:
        self.daemon, self.spec, self.lifetime, self.undo = daemon, spec, lifetime, undo
        self.plan = folded(OPENS, Plan(), spec)
        self.name = f"pytest-isolation-{lifetime.run_id}-{secrets.token_hex(4)}"
        self.id = ""
        self.shares_kernel = True
        self.pid: int | None = None
        self.group: cgroups.Group | None = None
        self.root: Path | None = None
        self.address: str | None = None
        self.volumes: dict[str, Path] = {}
        self.asked: cgroups.Limits | None = None
        """The spec says so."""
        self.facts: dict[str, Any] = {}
        self.ground: Ground = HERE
        self.users = isinstance(spec.image, str)
        self.agent_path = image.THEIRS if self.users else image.OURS

    def run(self) -> Agent:
        """Raises Unavailable, Unsupported, UsageError, BoxError, and what the SDK raises."""
        spec, daemon, undo = self.spec, self.daemon, self.undo
        self.ground = observer.ground_of(daemon, self.lifetime)
        settings = Settings(spec, daemon, agent=self.agent_path, run_id=self.lifetime.run_id)
        settings.guarded_by(self._guard())
        self._volumes(settings)
        tag = spec.image if isinstance(spec.image, str) else image.ours(daemon, spec, self.lifetime, undo)
        self.lifetime.register("docker:container", f"{self.name} {daemon.host or ''}".strip())
        undo.callback(self._remove)
        delivered = self._deliver_by_mount(settings)
        created = settings.create_container(tag, self.name)
        self.id = created["Id"]
        self._heed(created.get("Warnings") or [])
        around = neighbours.beside(spec)
        for name in around.networks[1:] if around is not None else ():
            daemon.api.connect_container_to_network(self.id, name)
        if self.users and not delivered:
            found = image.find(daemon, tag)
            daemon.api.put_archive(self.id, "/", image.agent_archive(found["Architecture"]))
        # Attached before the start: no byte of the agent's can be missed.
        attached = daemon.api.attach_socket(self.id, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        channel = stream.channel(attached)
        undo.callback(channel.close)
        daemon.api.start(self.id)
        agent = self._hello(channel)
        undo.callback(agent.close)
        self._look(agent)
        if self.ground is HERE and self.shares_kernel and self.pid is not None:
            go_direct(agent, self.pid)
        return agent

    def _guard(self) -> str | None:
        """The guard's group as the daemon names it; None where we cannot give it one."""
        if self.daemon.info.get("CgroupDriver") != "cgroupfs" or not self.daemon.is_ours:
            return None
        guard = self.lifetime.new_group(self.spec.name, launcher.GUARD)
        if guard is None:
            return None
        self.undo.callback(guard.remove)
        return f"/{guard.path}"

    def _volumes(self, settings: Settings) -> None:
        spec = self.spec
        here = self.ground is HERE
        if not here and (self.plan.propagates or not self.plan.own_root):
            raise Unsupported(f"the daemon at {self.daemon.where} cannot mount directories of this machine")
        if not here and self.plan.hands_in:
            raise Unsupported(f"the daemon at {self.daemon.where} cannot mount files of this machine")
        for one in handed(spec, self.lifetime, self.undo):
            settings.hand_in(one)
        for volume in spec.volumes:
            mode = "ro" if volume.read_only and self.plan.read_only else "rw"
            if not here:
                settings.binds.append(f"{self._volume_there(volume)}:{volume.target}:{mode},nocopy")
                continue
            directory = self._directory("volume")
            if volume.nested:
                mounts.nested(directory, self.lifetime, self.undo)
            self.volumes[volume.target] = directory
            settings.binds.append(f"{directory}:{volume.target}:{mode}")
        if self.plan.propagates:
            shared = mounts.shared(self._directory("shared"), self.lifetime, self.undo)
            settings.binds.append(f"{shared}:/mnt:rshared")
        if not self.plan.own_root:
            self._share_root(settings)

    def _volume_there(self, volume: Volume) -> str:
        """The name of a volume of the daemon's own, whose directory the observer sees."""
        if volume.nested:
            raise Unsupported(
                "a mount below a volume on the daemon's machine would outlive a run that is killed, and is not made"
            )
        name = f"{self.name}-{len(self.volumes)}"
        self.lifetime.register("docker:volume", f"{name} {self.daemon.host or ''}".strip())
        self.undo.callback(self.daemon.remove_volume, name)
        made = self.daemon.api.create_volume(name, labels={LABEL: self.lifetime.run_id})
        directory = self.ground.path(made["Mountpoint"])
        directory.chmod(0o777)
        self.volumes[volume.target] = directory
        return name

    def _share_root(self, settings: Settings) -> None:
        sibling = self.spec.extra.get("sibling")
        if sibling is not None:
            shared = Path(sibling.parts.facts["shared root"])
        else:
            shared = self._directory("root")
            for name in mounts.SHARED:
                (shared / name).mkdir()
                (shared / name).chmod(0o1777)
        self.facts["shared root"] = os.fspath(shared)
        taken = {bind.split(":")[1] for bind in settings.binds if ":" in bind}
        for name in mounts.SHARED:
            settings.host.get("tmpfs", {}).pop(f"/{name}", None)
            if f"/{name}" not in taken:
                settings.binds.append(f"{shared / name}:/{name}:rw")

    def _directory(self, prefix: str) -> Path:
        directory = self.lifetime.new_directory(prefix)
        directory.chmod(0o777)
        self.undo.callback(self.lifetime.remove_directory, directory)
        return directory

    def _deliver_by_mount(self, settings: Settings) -> bool:
        """A read-only root takes no archive: there the agent is mounted.  A copy leaves no mount to be seen."""
        if not (self.users and settings.host.get("read_only")):
            return False
        if self.ground is not HERE:
            raise Unsupported("the agent cannot be put in a read-only container of the user's image on another machine")
        found = image.find(self.daemon, str(self.spec.image))
        binary = self._directory("agent") / "agent"
        binary.write_bytes(agent_binary(image.MACHINES[found["Architecture"]]).read_bytes())
        binary.chmod(0o755)
        settings.binds.append(f"{binary}:{self.agent_path}:ro")
        return True

    def _heed(self, warnings: list[str]) -> None:
        """A limit the daemon will not apply is an error; other warnings are for the reader of the results."""
        for text in warnings:
            if "discarded" in text.lower():
                raise Unavailable(
                    f"this Docker daemon cannot give the box one of its settings: {text}",
                    "see `docker info`, its warnings",
                )
        if warnings:
            self.facts["notes"] = list(warnings)

    def _hello(self, channel: stream.AttachedChannel) -> Agent:
        try:
            return Agent(channel)
        except AgentLost as error:
            told = telling(bytes(channel.errors))
            raise BoxError(
                f"{self.spec.id}: the container started and its agent did not answer: {error}"
                + (f" (stderr: {told})" if told and told not in str(error) else "")
            ) from None

    # -- what became of it ---------------------------------------------------------------

    def _check_runtime(self, agent: Agent, found: dict[str, Any]) -> None:
        """Is the runtime named the runtime used?  What the daemon says of it, and what is inside."""
        info = self.daemon.info
        asked = str(self.spec.option("runtime") or info.get("DefaultRuntime") or "runc")
        used = str(found["HostConfig"].get("Runtime") or asked)
        if used != asked:
            raise BoxError(f"{self.spec.id}: the runtime {asked} was asked for, and the daemon used {used}")
        program = str(((info.get("Runtimes") or {}).get(used) or {}).get("path") or "")
        check_runtime(agent, used, program, same_host=self.daemon.is_ours)
        if is_gvisor(used, program):
            self.shares_kernel = False
            self.facts["deadly_limits"] = DEADLY_LIMITS

    def _look(self, agent: Agent) -> None:
        """What the host sees of the container."""
        found = self.daemon.api.inspect_container(self.id)
        self._check_runtime(agent, found)
        self.facts |= {"id": self.id, "name": self.name, "handed": mounts_of(found), "published": published(found)}
        if not self.users:
            self.facts["environment"] = launcher.environment(self.spec)
        settings = found.get("NetworkSettings") or {}
        networks = (settings.get("Networks") or {}).values()
        self.address = next((one["IPAddress"] for one in networks if one.get("IPAddress")), None)
        pid = int(found["State"]["Pid"])
        groups = cgroups.places_of(pid, self.id, self.ground)
        if groups is None:
            raise BoxError(f"{self.spec.id}: process {pid} is not the container's on {self.daemon.where}")
        self.pid = pid
        if groups:
            self.group = cgroups.group_at(groups, self.ground)
        merged = ((found.get("GraphDriver") or {}).get("Data") or {}).get("MergedDir")
        if merged and (self.ground is not HERE or os.access(merged, os.R_OK | os.X_OK)):
            self.root = self.ground.path(merged)
        if not self.plan.first:
            self.pid = int(
                self.ground.path(f"/proc/{pid}/task/{pid}/children")
                .read_text(encoding="utf-8", errors="surrogateescape")
                .split()[0]
            )
        if not self.plan.cgroup_read_only:
            mounts.make_cgroups_writable(self.pid, self.ground)

    def enter(self) -> Agent:
        """As `docker exec` does."""
        with explained(f"an exec in {self.spec.id}"):
            user = "" if self.plan.enters_as_user else "0:0"
            made = self.daemon.api.exec_create(
                self.id, [self.agent_path], stdin=True, stdout=True, stderr=True, user=user
            )
            opened = self.daemon.api.exec_start(made["Id"], socket=True)
        channel = stream.channel(opened)
        try:
            return Agent(channel)
        except BaseException:
            channel.close()
            raise

    def _remove(self) -> None:
        with explained(f"ending {self.spec.id}"):
            self.daemon.remove_container(self.name)
