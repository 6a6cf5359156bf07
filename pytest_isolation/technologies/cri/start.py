"""One pod with one container, from its guard to its agent's answer."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.agent.client import Agent
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.boxes import cgroups, making_groups
from pytest_isolation.boxes.handle import BoxHandle, Life
from pytest_isolation.boxes.host import LOCAL_HOST
from pytest_isolation.errors import AgentLost, BoxError, Unavailable, Unsupported
from pytest_isolation.technologies import launcher, mounts
from pytest_isolation.technologies.building import Building
from pytest_isolation.technologies.cri import containerd, images, settings
from pytest_isolation.technologies.cri.holes import OPENS, Plan
from pytest_isolation.technologies.cri.stream import StreamedChannel
from pytest_isolation.technologies.direct import go_direct
from pytest_isolation.technologies.identity import DEADLY_LIMITS, check_runtime, is_gvisor
from pytest_isolation.technologies.opens import folded

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.technologies.cri.client import Runtime

TRIES = 5
EXITED = 2
"""ContainerState."""
BIDIRECTIONAL = 2
"""MountPropagation."""


class Start(Building):
    """One container of ours."""

    def __init__(self, runtime: Runtime, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> None:
        super().__init__(spec, lifetime, undo)
        self.runtime, self.api = runtime, runtime.api
        self.plan: Plan = folded(OPENS, Plan(), spec)
        self.name = f"pytest-isolation-{lifetime.run_id}-{secrets.token_hex(4)}"
        self.id = ""
        self._theirs = isinstance(spec.image, str)
        self.agent_path = images.THEIRS if self._theirs else images.OURS

    def run(self) -> BoxHandle:
        """Raises Unavailable, Unsupported, BoxError with the runtime's words."""
        runtime = self.runtime
        image = str(self.spec.image) if self._theirs else images.ours(runtime, self.spec, self.lifetime, self.undo)
        pod, config, target = self._pod()
        joins = self.plan.joined and self.sibling is not None
        made = settings.container(
            self.spec, self.plan,
            image=image, agent=self.agent_path, run_id=self.lifetime.run_id, mounts=self._mounts(),
            name=f"box-{secrets.token_hex(4)}" if joins else "box", target=target,
        )  # fmt: skip
        request = self.api.CreateContainerRequest(
            pod_sandbox_id=pod, config=self.api.ContainerConfig(**made), sandbox_config=config
        )
        self.id = runtime.call(f"{self.spec.id}: creating the container", "CreateContainer", request).container_id
        # Of a pod that another box has: it is to be gone when this one is.
        self.undo.callback(self._remove_container)
        self.lifetime.kept[f"cri pod of {self.id}"] = (pod, config)
        self.undo.callback(self.lifetime.kept.pop, f"cri pod of {self.id}", None)
        asked = self.api.StartContainerRequest(container_id=self.id)
        runtime.call(f"{self.spec.id}: starting the container", "StartContainer", asked)
        return self._look(self._answering())

    # -- the pod -------------------------------------------------------------------------

    def _pod(self) -> tuple[str, Any, str]:
        """Its id, its configuration, and the container whose processes ours is to see; a sibling's, or a new one."""
        if self.plan.joined and self.sibling is not None:
            other = self.sibling.parts.id
            pod, config = self.lifetime.kept[f"cri pod of {other}"]
            return pod, config, other if "pid" in self.plan.joined else ""
        parent = self._parent()
        config = self.api.PodSandboxConfig(
            **settings.pod(self.spec, self.plan, name=self.name, run_id=self.lifetime.run_id, parent=parent)
        )
        self.lifetime.register("cri:pod", f"{self.name} {self.runtime.endpoint}")
        self.undo.callback(remove_pods, self.runtime, self.name)
        asked = self.api.RunPodSandboxRequest(config=config, runtime_handler=settings.handler(self.spec))
        return (
            self.runtime.call(f"{self.spec.id}: starting the pod", "RunPodSandbox", asked).pod_sandbox_id,
            config,
            "",
        )

    def _parent(self) -> str:
        """The control group that all of the pod is to be in; empty: the runtime's own choice."""
        if self.runtime.configuration().get("systemdCgroup"):
            return ""
        guard = self.lifetime.new_group(self.spec.name, launcher.GUARD)
        if guard is None:
            return ""
        self.undo.callback(guard.remove)
        return f"/{guard.path}"

    def _mounts(self) -> list[dict[str, Any]]:
        found = []
        if self.spec.read_only:
            taken = {volume.target for volume in self.spec.volumes}
            for target, mode in settings.WRITABLE:
                if target not in taken:
                    directory = self.directory("empty")
                    directory.chmod(mode)
                    found.append(settings.bind(os.fspath(directory), target))
        for given in self.given_volumes(keeps_read_only=self.plan.read_only):
            found.append(settings.bind(os.fspath(given.directory), given.target, read_only=not given.writable))
        for one in self.handed_in():
            found = [mount for mount in found if mount["container_path"] != one.target]
            found.append(settings.bind(one.host, one.target))
        if self.plan.propagates:
            found.append(settings.bind(os.fspath(self.propagating()), "/mnt", propagation=BIDIRECTIONAL))
        if not self.plan.own_root:
            taken = {mount["container_path"] for mount in found}
            for target, shared in self.shared_directories().items():
                if target not in taken:
                    found.append(settings.bind(os.fspath(shared), target))
        if self._theirs:
            found.append(settings.bind(os.fspath(self.agent_file()), self.agent_path, read_only=True))
        return found

    # -- the agent -----------------------------------------------------------------------

    def _answering(self) -> Agent:
        """The agent on the container's streams: it may have said its hello before anybody listened."""
        asked = self.api.AttachRequest(container_id=self.id, stdin=True, stdout=True, stderr=True)
        try:
            url = self.runtime.call(f"{self.spec.id}: attaching", "Attach", asked).url
            channel = StreamedChannel(url, may_greet=True)
            self.undo.callback(channel.close)
            agent = Agent(channel, machine=os.uname().machine)
            must(agent.proc.getpid(), "a call in the box")
        except (BoxError, AgentLost) as error:
            raise BoxError(f"{self.spec.id}: the container started and its agent did not answer: {error}") from None
        self.undo.callback(agent.close)
        return agent

    def enter(self) -> Agent:
        """As `kubectl exec` does: whoever the container runs as."""
        return enter(self.runtime, self.id, self.agent_path, self.spec.id, self.undo)

    # -- what became of it ---------------------------------------------------------------

    def _look(self, agent: Agent) -> BoxHandle:
        status, info = self.runtime.container(self.id)
        pid = int(info.get("pid") or 0)
        handler = settings.handler(self.spec) or default_handler(self.runtime)
        program = containerd.handlers().get(handler, "")
        check_runtime(agent, handler, program, same_host=True)
        gvisor = is_gvisor(handler, program)
        groups = cgroups.places_of(pid, self.id) if pid else None
        if groups is None and not gvisor:
            raise BoxError(f"{self.spec.id}: process {pid} is not the container's on this machine")
        group = cgroups.group_at(groups) if groups else None
        self._limit_processes(group)
        if not self.plan.cgroup_read_only and not gvisor:
            mounts.make_cgroups_writable(pid, LOCAL_HOST)
        if not gvisor:
            go_direct(agent, pid)
        pod, _ = self.lifetime.kept[f"cri pod of {self.id}"]
        return BoxHandle(
            agent=agent,
            init_pid=None if gvisor else pid,
            shares_kernel=not gvisor,
            can_lack_network=False,
            group=group,
            root=merged_root(self.runtime, self.id),
            volumes=self.volumes,
            enter=self.enter,
            agent_path=self.agent_path,
            address=address_of(self.runtime, pod),
            id=self.id,
            name=self.name,
            life=self._life(),
            mounted={one.container_path: (one.host_path, bool(one.readonly)) for one in status.mounts},
            shared_root=self.shared_root,
            deadly_limits=DEADLY_LIMITS if gvisor else "",
        )

    def _limit_processes(self, group: cgroups.Group | None) -> None:
        """From the host's side, as a kubelet limits a pod's: for groups of version 1 the CRI has no word for it."""
        pids = launcher.limits_of(self.spec).pids
        if pids is None or cgroups.mode() == "v2":
            return
        if group is None or "pids" not in group.places:
            raise Unsupported(f"pids={pids}: the container's control group has nothing that limits processes")
        making_groups.limit(group, cgroups.Limits(pids=pids))

    def _life(self) -> Life:
        """By StopContainer; a container that has ended is not started again: the kubelet makes another."""
        if self.spec.stop_signal and self._theirs:
            raise Unsupported("the CRI stops a container by the signal that its image names")

        def stop(seconds: int) -> None:
            asked = self.api.StopContainerRequest(container_id=self.id, timeout=seconds)
            self.runtime.call(f"stopping {self.spec.id}", "StopContainer", asked, timeout=seconds + 60)

        def status() -> int:
            def ended() -> Any:
                found, _ = self.runtime.container(self.id)
                return found if found.state == EXITED else None

            return int(self.runtime.until(f"{self.spec.id} has ended", ended, timeout=60).exit_code)

        return Life(stop, status) if self.spec.stop_signal else Life()

    def _remove_container(self) -> None:
        asked = self.api.RemoveContainerRequest(container_id=self.id)
        again(lambda: self.runtime.call(f"ending {self.spec.id}", "RemoveContainer", asked))


def enter(runtime: Runtime, identity: str, path: str, what: str, undo: ExitStack) -> Agent:
    """The agent at `path` of a running container, through the runtime's exec; ended by `undo`."""
    asked = runtime.api.ExecRequest(container_id=identity, cmd=[path], stdin=True, stdout=True, stderr=True)
    channel = StreamedChannel(runtime.call(f"an exec in {what}", "Exec", asked).url)
    try:
        agent = Agent(channel)
    except AgentLost as error:
        channel.close()
        raise BoxError(f"the runtime's exec in {what} did not start the agent: {error}") from None
    undo.callback(agent.close)
    return agent


def default_handler(runtime: Runtime) -> str:
    """The runtime's own default; "" where it does not say."""
    return str((runtime.configuration().get("containerd") or {}).get("defaultRuntimeName") or "")


def merged_root(runtime: Runtime, identity: str) -> Path | None:
    """The container's root as containerd mounts it for its runtime; None where it is none of ours to see."""
    state = runtime.configuration().get("stateDir")
    if not state:
        return None
    root = Path(str(state)).parent / "io.containerd.runtime.v2.task" / "k8s.io" / identity / "rootfs"
    return root if os.access(root, os.R_OK | os.X_OK) else None


def address_of(runtime: Runtime, pod: str) -> str | None:
    """The pod's IPv4 address; None on the host's network."""
    asked = runtime.api.PodSandboxStatusRequest(pod_sandbox_id=pod)
    found = runtime.call(f"asking for the pod {pod}", "PodSandboxStatus", asked).status.network.ip
    return found if "." in found else None


def again(remove: Callable[[], object]) -> None:
    """Remove what may be ending by itself meanwhile: containerd then fails, and does not when it is asked again."""
    for _ in range(TRIES - 1):
        try:
            remove()
            return
        except BoxError:
            time.sleep(0.2)
    remove()


def remove_pods(runtime: Runtime, name: str) -> bool:
    """Stop and remove the pod of ours called `name`, and all in it; returns whether there was one."""
    api = runtime.api
    asked = api.ListPodSandboxRequest()
    found = [one for one in runtime.call("listing pods", "ListPodSandbox", asked).items if one.metadata.name == name]
    for one in found:
        stopped, removed = (
            api.StopPodSandboxRequest(pod_sandbox_id=one.id),
            api.RemovePodSandboxRequest(pod_sandbox_id=one.id),
        )

        def remove(stopped: Any = stopped, removed: Any = removed) -> None:
            runtime.call(f"ending the pod {name}", "StopPodSandbox", stopped)
            runtime.call(f"removing the pod {name}", "RemovePodSandbox", removed)

        again(remove)
    return bool(found)


def unavailable_network(runtime: Runtime) -> Unavailable | None:
    """Why a pod cannot have a network of its own, where the runtime says so."""
    for one in runtime.status().status.conditions:
        if one.type == "NetworkReady" and not one.status:
            return Unavailable(
                f"the runtime at {runtime.endpoint} has no pod network: {one.message}",
                "put a network configuration in /etc/cni/net.d, or measure network=host",
            )
    return None
