"""A running container of somebody else's pod: measured through the CRI's exec, and left as it was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.cgroups import Limits
from pytest_isolation.boxes.handle import HOLDS, BoxHandle, Discrepancy
from pytest_isolation.errors import BoxError, Unavailable
from pytest_isolation.technologies import inject
from pytest_isolation.technologies.attach import ABOUT_NEIGHBOURS
from pytest_isolation.technologies.base import PERIOD_US
from pytest_isolation.technologies.cri import settings, start
from pytest_isolation.technologies.cri.client import connect

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import ExitStack

    from pytest_isolation.agent.client import Agent
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.technologies.cri.client import Runtime

TARGET = "/etc/hosts"
"""A file that a runtime mounts in every container of a pod."""
RUNNING = 1
"""ContainerState."""
NEIGHBOURS = Discrepancy(
    "the box beside it is in a pod of its own: what is in this one's pod is not asked", ABOUT_NEIGHBOURS, HOLDS
)


def find(runtime: Runtime, name: str) -> str:
    """The id of the running container `name`: its id or the beginning, NAME or POD/NAME.  Raises Unavailable."""
    api = runtime.api
    running = api.ContainerFilter(state=api.ContainerStateValue(state=RUNNING))
    asked = api.ListContainersRequest(filter=running)
    listed = runtime.call("listing containers", "ListContainers", asked).containers
    pods = {
        one.id: one.metadata.name
        for one in runtime.call("listing pods", "ListPodSandbox", api.ListPodSandboxRequest()).items
    }
    pod, found, own = name.rpartition("/")
    fitting = [
        one
        for one in listed
        if (one.metadata.name == own and (not found or pods.get(one.pod_sandbox_id) == pod))
        or (not found and len(name) >= 3 and one.id.startswith(name))
    ]
    if not fitting:
        raise Unavailable(
            f"no running container is called {name!r} at {runtime.endpoint}", "`crictl ps` shows those there are"
        )
    if len(fitting) > 1:
        words = ", ".join(f"{pods.get(one.pod_sandbox_id, '?')}/{one.metadata.name} ({one.id[:13]})" for one in fitting)
        raise Unavailable(f"{name!r} is more than one container: {words}", "give POD/NAME, or the id")
    return str(fitting[0].id)


def facts(runtime: Runtime, name: str) -> dict[str, Any]:
    """How the container was started, in the words of a pod: what its claims depend on.  Raises Unavailable."""
    identity = find(runtime, name)
    return told(identity, runtime.container(identity)[1])


def told(identity: str, info: Mapping[str, Any]) -> dict[str, Any]:
    """The same, of what the runtime tells beyond the interface.  Raises Unavailable where it tells too little."""
    if "config" not in info:
        # CRI-O's: its runtimeSpec does not say that a container is privileged.
        raise Unavailable(
            f"the runtime does not tell how the container was asked for ({identity[:13]}), and claims need that",
            "--box attach:pid=PID measures it by what /proc says of it",
        )
    spec = info.get("runtimeSpec") or {}
    process, linux = spec.get("process") or {}, spec.get("linux") or {}
    context = ((info["config"] or {}).get("linux") or {}).get("security_context") or {}
    capabilities = context.get("capabilities") or {}
    kinds = {one.get("type") for one in linux.get("namespaces") or ()}
    options = context.get("namespace_options") or {}
    return {
        "container": identity,
        "privileged": bool(context.get("privileged")),
        "cap_add": [one.removeprefix("CAP_") for one in capabilities.get("add_capabilities") or ()],
        "cap_drop": [one.removeprefix("CAP_") for one in capabilities.get("drop_capabilities") or ()],
        "seccomp": _profile(context) if linux.get("seccomp") else "Unconfined",
        "allow_privilege_escalation": "false" if process.get("noNewPrivileges") else "true",
        "proc_mount": "Default" if linux.get("maskedPaths") else "Unmasked",
        "host_pid": options.get("pid") == settings.NODE,
        "host_ipc": options.get("ipc") == settings.NODE,
        "share_process_namespace": options.get("pid", 0) == settings.POD,
        "network": "host" if "network" not in kinds else None,
        "own_users": "user" in kinds,
        "read_only": bool((spec.get("root") or {}).get("readonly")),
        **dict(zip(("memory", "pids", "cpus"), _limits(linux), strict=True)),
    }


def _profile(context: Mapping[str, Any]) -> str:
    """The kind of seccomp profile that was asked for; JSON leaves out a number that is 0."""
    asked = context.get("seccomp")
    if asked is None:  # by the field that was before it
        own = str(context.get("seccomp_profile_path", "")).startswith("localhost/")
        return "Localhost" if own else "RuntimeDefault"
    return settings.PROFILES[asked.get("profile_type", 0)]


def _limits(linux: Mapping[str, Any]) -> tuple[int | None, int | None, float | None]:
    resources = linux.get("resources") or {}
    memory, pids = ((resources.get(key) or {}).get("limit") or 0 for key in ("memory", "pids"))
    cpu = resources.get("cpu") or {}
    quota = cpu.get("quota") or 0
    return (
        memory if memory > 0 else None,
        pids if pids > 0 else None,
        quota / (cpu.get("period") or PERIOD_US) if quota > 0 else None,
    )


class Attached:
    """One container of somebody else's."""

    def __init__(self, runtime: Runtime, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> None:
        self.runtime, self.spec, self.lifetime, self.undo = runtime, spec, lifetime, undo
        self.name = str(spec.option("container"))
        self.id, self.pid = "", 0

    def run(self) -> BoxHandle:
        """Raises Unavailable, Unsupported, BoxError."""
        inject.check_as_it_is(self.spec)
        self.id = find(self.runtime, self.name)
        status, info = self.runtime.container(self.id)
        self.pid = int(info.get("pid") or 0)
        inject.check_may_inject(Path(f"/proc/{self.pid}").exists())
        groups = cgroups.places_of(self.pid, self.id)
        memory, pids, cpus = _limits((info.get("runtimeSpec") or {}).get("linux") or {})
        return BoxHandle(
            agent=self.enter(),
            init_pid=self.pid,
            group=cgroups.group_at(groups) if groups else None,
            root=start.merged_root(self.runtime, self.id),
            enter=self.enter,
            asked=Limits(memory=memory, pids=pids, cpus=cpus),
            address=start.address_of(self.runtime, str(info.get("sandboxID") or "")),
            id=self.id,
            name=self.name,
            mounted={one.container_path: (one.host_path, bool(one.readonly)) for one in status.mounts},
            beside=(NEIGHBOURS,),
            can_lack_network=False,
        )

    def enter(self) -> Agent:
        """As `kubectl exec` does, of the agent where it is injected."""
        self.lifetime.register("cri:injected", f"{self.id} {self.runtime.endpoint}")
        with inject.injected(self.pid, TARGET) as path:
            try:
                return start.enter(self.runtime, self.id, path, f"the container {self.name}", self.undo)
            except BoxError as error:
                raise BoxError(f"{error}. {inject.WHAT_ENDS_IT}") from None


def eject(identity: str, endpoint: str) -> bool:
    """Undo the injection of a killed run; returns whether there was something to undo.

    Raises Unavailable while the runtime does not answer: it may be between two starts, and the container runs on.
    """
    runtime = connect(endpoint)
    runtime.version()
    try:
        found = find(runtime, identity)
    except Unavailable:
        return False
    _, info = runtime.container(found)
    return inject.eject(int(info["pid"]), TARGET)
