"""One container, from its guard to its agent's hello."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pytest_isolation.agent.client import Agent
from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.handle import BoxHandle, Life
from pytest_isolation.boxes.host import LOCAL_HOST, Host
from pytest_isolation.boxes.procfs import children_of
from pytest_isolation.errors import AgentLost, BoxError, Unavailable, Unsupported
from pytest_isolation.technologies import inspected, launcher, mounts, neighbours, sources
from pytest_isolation.technologies.building import Building
from pytest_isolation.technologies.direct import go_direct
from pytest_isolation.technologies.docker import by_command, image, observer, stream
from pytest_isolation.technologies.docker.daemon import LABEL, Daemon, mounts_of
from pytest_isolation.technologies.docker.errors import explained
from pytest_isolation.technologies.docker.holes import OPENS, Plan
from pytest_isolation.technologies.docker.settings import Settings
from pytest_isolation.technologies.identity import DEADLY_LIMITS, check_runtime, is_gvisor
from pytest_isolation.technologies.lacking import taken_name
from pytest_isolation.technologies.opens import folded
from pytest_isolation.technologies.pausing import pausing
from pytest_isolation.technologies.telling import telling
from pytest_isolation.technologies.wording import BY_OPTION, worded_lines

if TYPE_CHECKING:
    from contextlib import ExitStack

    from pytest_isolation.boxes.image import Image
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.roads import Arrival
    from pytest_isolation.boxes.spec import BoxSpec, Volume


class Start(Building):
    """One container of ours."""

    def __init__(self, daemon: Daemon, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> None:
        super().__init__(spec, lifetime, undo)
        self.daemon = daemon
        self.plan = folded(OPENS, Plan(), spec)
        self.name = f"pytest-isolation-{lifetime.run_id}-{secrets.token_hex(4)}"
        self.id = ""
        self.notes: list[str] = []
        self.host: Host = LOCAL_HOST
        self.users = isinstance(spec.image, str)
        self.agent_path = image.THEIRS if self.users else image.OURS

    def run(self) -> BoxHandle:
        """Raises Unavailable, Unsupported, UsageError, BoxError, and what the SDK raises."""
        spec, daemon, undo = self.spec, self.daemon, self.undo
        self.host = observer.host_of(daemon, self.lifetime)
        settings = Settings(spec, daemon, agent=self.agent_path, run_id=self.lifetime.run_id)
        settings.guarded_by(self._guard())
        self._volumes(settings)
        tag = spec.image if isinstance(spec.image, str) else image.ours(daemon, spec, self.lifetime, undo)
        self.lifetime.register("docker:container", f"{self.name} {daemon.host or ''}".strip())
        undo.callback(self._remove)
        delivered = self._deliver_by_mount(settings)
        self._word(settings, tag)
        created = settings.create_container(tag, taken_name(spec) or self.name)
        self.id = created["Id"]
        self._heed(created.get("Warnings") or [])
        around = neighbours.beside(spec)
        for name in around.networks[1:] if around is not None else ():
            daemon.api.connect_container_to_network(self.id, name)
        if self.users and not delivered:
            found = image.find(daemon, tag)
            daemon.api.put_archive(self.id, "/", image.agent_archive(found["Architecture"]))
        handle = self._look(agent := self._start())
        if self.host is LOCAL_HOST and handle.init_pid is not None:
            go_direct(agent, handle.init_pid)
        return handle

    def _start(self) -> Agent:
        """Start the container that was created, or has ended."""
        # Attached before the start: no byte of the agent's can be missed.
        attached = self.daemon.api.attach_socket(self.id, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        channel = stream.channel(attached)
        self.undo.callback(channel.close)
        self.daemon.api.start(self.id)
        agent = self._hello(channel)
        self.undo.callback(agent.close)
        return agent

    def _life(self) -> Life:
        """By docker stop, docker wait and docker start; nothing where the daemon removes what has ended."""
        if not self.spec.stop_signal:
            return Life()

        def stop(seconds: int) -> None:
            with explained(f"stopping {self.spec.id}"):
                self.daemon.api.stop(self.id, timeout=seconds)

        def status() -> int:
            with explained(f"waiting for {self.spec.id}"):
                return int(self.daemon.api.wait(self.id, timeout=60)["StatusCode"])

        def again() -> BoxHandle:
            with explained(f"starting {self.spec.id} again"):
                self.daemon.api.stop(self.id, timeout=0)
                return self._look(self._start())

        return Life(stop, status, again)

    def _send(self, road: str, image: Image) -> Arrival:
        """By the daemon that the container is of."""
        from pytest_isolation.technologies.roads.docker import DockerRoads  # which imports this package

        holes = self.spec.weakenings
        return DockerRoads(self.daemon, self.lifetime, holes).send(road, image.handed_on(road, holes))

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
        here = self.host is LOCAL_HOST
        if not here and (self.plan.propagates or not self.plan.own_root):
            raise Unsupported(f"the daemon at {self.daemon.where} cannot mount directories of this machine")
        if not here and self.plan.hands_in:
            raise Unsupported(f"the daemon at {self.daemon.where} cannot mount files of this machine")
        sources.check("docker", "volumes", settings.binds, self._has_path, self._has_volume)
        for one in self.handed_in():
            settings.hand_in(one)
        if here:
            for given in self.given_volumes(keeps_read_only=self.plan.read_only):
                settings.binds.append(f"{given.directory}:{given.target}:{given.mode}")
        else:
            for volume in spec.volumes:
                mode = "ro" if volume.read_only and self.plan.read_only else "rw"
                settings.binds.append(f"{self._volume_there(volume)}:{volume.target}:{mode},nocopy")
        if self.plan.propagates:
            settings.binds.append(f"{self.propagating()}:/mnt:rshared")
        if not self.plan.own_root:
            self._share_root(settings)

    def _has_path(self, path: str) -> bool:
        with suppress(PermissionError):  # not ours to see, and there
            return self.host.path(path).exists()
        return True

    def _has_volume(self, name: str) -> bool:
        from docker.errors import NotFound

        try:
            self.daemon.api.inspect_volume(name)
        except NotFound:
            return False
        return True

    def _volume_there(self, volume: Volume) -> str:
        """The name of a volume of the daemon's own, whose directory the observer sees."""
        if volume.source is not None:
            raise Unsupported(f"the daemon at {self.daemon.where} cannot mount directories of this machine")
        if volume.tree is not None:
            raise Unsupported(f"no files of this machine are put into a volume of the daemon at {self.daemon.where}")
        if volume.nested:
            raise Unsupported(
                "a mount below a volume on the daemon's machine would outlive a run that is killed, and is not made"
            )
        name = f"{self.name}-{len(self.volumes)}"
        self.lifetime.register("docker:volume", f"{name} {self.daemon.host or ''}".strip())
        self.undo.callback(self.daemon.remove_volume, name)
        made = self.daemon.api.create_volume(name, labels={LABEL: self.lifetime.run_id})
        directory = self.host.path(made["Mountpoint"])
        directory.chmod(0o777)
        self.volumes[volume.target] = directory
        return name

    def _share_root(self, settings: Settings) -> None:
        taken = {bind.split(":")[1] for bind in settings.binds if ":" in bind}
        for target, directory in self.shared_directories().items():
            settings.host.get("tmpfs", {}).pop(target, None)
            if target not in taken:
                settings.binds.append(f"{directory}:{target}:rw")

    def _deliver_by_mount(self, settings: Settings) -> bool:
        """A read-only root takes no archive: there the agent is mounted.  A copy leaves no mount to be seen."""
        if not (self.users and settings.host.get("read_only")):
            return False
        if self.host is not LOCAL_HOST:
            raise Unsupported("the agent cannot be put in a read-only container of the user's image on another machine")
        found = image.find(self.daemon, str(self.spec.image))
        settings.binds.append(f"{self.agent_file(image.MACHINES[found['Architecture']])}:{self.agent_path}:ro")
        return True

    def _word(self, settings: Settings, tag: str) -> None:
        """Limits in the words of the docker command, as that one hands them on."""
        if options := worded_lines(self.spec, BY_OPTION):
            settings.raw, self.notes = by_command.host_config(self.daemon, options, tag, self.lifetime)

    def _heed(self, warnings: list[str]) -> None:
        """A limit the daemon will not apply is an error; other warnings are for the reader of the results."""
        for text in warnings:
            if "discarded" in text.lower() and not self.spec.worded:  # who asks so looks what became of it
                raise Unavailable(
                    f"this Docker daemon cannot give the box one of its settings: {text}",
                    "see `docker info`, its warnings",
                )
        self.notes += warnings

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

    def _check_runtime(self, agent: Agent, found: dict[str, Any]) -> bool:
        """Is the runtime named the runtime used?  What the daemon says of it, and what is inside.

        Returns whether it is gVisor.
        """
        info = self.daemon.info
        asked = str(self.spec.option("runtime") or info.get("DefaultRuntime") or "runc")
        used = str(found["HostConfig"].get("Runtime") or asked)
        if used != asked:
            raise BoxError(f"{self.spec.id}: the runtime {asked} was asked for, and the daemon used {used}")
        program = str(((info.get("Runtimes") or {}).get(used) or {}).get("path") or "")
        check_runtime(agent, used, program, same_host=self.daemon.is_ours)
        return is_gvisor(used, program)

    def _look(self, agent: Agent) -> BoxHandle:
        """What the host sees of the container."""
        found = self.daemon.api.inspect_container(self.id)
        gvisor = self._check_runtime(agent, found)
        pid = int(found["State"]["Pid"])
        groups = cgroups.places_of(pid, self.id, self.host)
        if groups is None:
            raise BoxError(f"{self.spec.id}: process {pid} is not the container's on {self.daemon.where}")
        if not self.plan.first:
            pid = children_of(self.host.path(f"/proc/{pid}"))[0]
        if not self.plan.cgroup_read_only:
            mounts.make_cgroups_writable(pid, self.host)
        return BoxHandle(
            agent=agent,
            host=self.host,
            init_pid=None if gvisor else pid,
            kernel_pid=pid if gvisor else None,
            shares_kernel=not gvisor,
            group=cgroups.group_at(groups, self.host) if groups else None,
            root=inspected.merged_root(found, self.host),
            volumes=self.volumes,
            enter=self.enter,
            pausing=pausing(
                lambda: self.daemon.api.pause(self.id),
                lambda: self.daemon.api.unpause(self.id),
                whole=self.plan.pauses_whole,
                pid=None if gvisor else pid,
                host=self.host,
            ),
            agent_path=self.agent_path,
            resources=inspected.resources_of(found["HostConfig"] | {"CgroupParent": ""}, self.host),
            recorded=found["HostConfig"],
            address=inspected.address_of(found),
            id=self.id,
            name=self.name,
            life=self._life(),
            send=self._send,
            published=inspected.published(found),
            mounted=mounts_of(found),
            shared_root=self.shared_root,
            deadly_limits=DEADLY_LIMITS if gvisor else "",
            notes=self.notes,
            said=lambda: " ".join(self.notes),
        )

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
