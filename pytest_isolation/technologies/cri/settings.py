"""From a box spec to the CRI's messages for a pod and its container, as the kubelet fills them in.

Sources: kubernetes/cri-api, api.proto; pkg/securitycontext/util.go of Kubernetes for the masked and read-only paths;
Kubernetes' "Configure a Security Context for a Pod or Container" for the words.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.words import choice
from pytest_isolation.errors import Unsupported, UsageError
from pytest_isolation.technologies import launcher
from pytest_isolation.technologies.apparmor import confines
from pytest_isolation.technologies.base import PERIOD_US, flag, texts
from pytest_isolation.technologies.capabilities import NAMES
from pytest_isolation.technologies.cri import lacking
from pytest_isolation.technologies.cri.client import LABEL
from pytest_isolation.technologies.cri.wording import WORDING
from pytest_isolation.technologies.lacking import in_vain
from pytest_isolation.technologies.wording import worded

if TYPE_CHECKING:
    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.technologies.cri.holes import Plan

KEYWORDS = {
    "endpoint": "the runtime's socket, unix:///PATH (else CONTAINER_RUNTIME_ENDPOINT, the usual, or the run's own)",
    "container": "a running container, by id, NAME or POD/NAME: measured through the CRI's exec, and left as it was",
    "runtime": "the handler of a RuntimeClass: runc, crun, runsc (default: the runtime's own)",
    "privileged": "true: securityContext.privileged",
    "cap_add": "securityContext.capabilities.add, a list (capabilities(7), without CAP_; ALL)",
    "cap_drop": "securityContext.capabilities.drop, likewise",
    "allow_privilege_escalation": "false: securityContext.allowPrivilegeEscalation, no_new_privs (default: true)",
    "seccomp": "securityContext.seccompProfile: RuntimeDefault, Unconfined, or Localhost:/PATH (default: Unconfined)",
    "apparmor": "securityContext.appArmorProfile: RuntimeDefault, Unconfined, or Localhost:NAME",
    "proc_mount": "securityContext.procMount: Default or Unmasked",
    "share_process_namespace": "true: spec.shareProcessNamespace, one PID namespace for all of the pod",
    "host_pid": "true: spec.hostPID",
    "host_ipc": "true: spec.hostIPC",
}
FLAGS = ("privileged", "allow_privilege_escalation", "share_process_namespace", "host_pid", "host_ipc")
PROFILES = ("RuntimeDefault", "Unconfined", "Localhost")
"""SecurityProfile.ProfileType, by number."""

MASKED = (
    "/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
    "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
)  # fmt: skip
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
POD, CONTAINER, NODE, TARGET = range(4)
"""NamespaceMode."""
WRITABLE = (("/tmp", 0o1777), ("/run", 0o755))
"""What a read-only root leaves to write to: an emptyDir each."""


def check(spec: BoxSpec) -> None:
    """Raises UsageError for a keyword, or a value, that is none; Unsupported for no network."""
    for key, value in spec.options:
        if key not in KEYWORDS:
            raise UsageError(f"cri: there is no keyword {key}; {choice(key, sorted(KEYWORDS))}")
        if spec.attached and key not in ("container", "endpoint"):
            raise UsageError(f"cri: {key}={value}: a running container is as it is; leave it out with container=")
    for key in FLAGS:
        flag(spec, key)
    for key in ("cap_add", "cap_drop"):
        for name in texts(spec, key):
            if name.removeprefix("CAP_") not in (*NAMES, "ALL"):
                raise UsageError(f"cri: {key}={name}: no capability is called so; {choice(name, [*NAMES, 'ALL'])}")
    for key in ("seccomp", "apparmor"):
        profile(spec, key)
    if spec.option("proc_mount") not in (None, "Default", "Unmasked"):
        raise UsageError(f"cri: proc_mount={spec.option('proc_mount')}: expected Default or Unmasked")
    if spec.network == "none":
        raise Unsupported("no pod is without a network: it has one of its own, or the host's", "leave network out")
    if spec.network not in (None, "host"):
        raise UsageError(
            f"cri: network={spec.network}: a pod has a network of its own, or the host's; leave it out, or give host"
        )


def profile(spec: BoxSpec, key: str) -> dict[str, Any] | None:
    """SecurityProfile of the keyword `seccomp` or `apparmor`; None where it was not given.  Raises UsageError."""
    value = spec.option(key)
    if value is None:
        return None
    kind, found, name = str(value).partition(":")
    if kind not in PROFILES or bool(found) != (kind == "Localhost") or (found and not name):
        raise UsageError(f"cri: {key}={value}: expected RuntimeDefault, Unconfined or Localhost:NAME")
    return {"profile_type": PROFILES.index(kind), "localhost_ref": name}


def escalates(spec: BoxSpec) -> bool:
    """Whether securityContext.allowPrivilegeEscalation is what it is by default."""
    return spec.option("allow_privilege_escalation") is None or flag(spec, "allow_privilege_escalation")


def _namespaces(spec: BoxSpec, plan: Plan) -> dict[str, Any]:
    pid = POD if flag(spec, "share_process_namespace") else CONTAINER
    return {
        "network": NODE if "net" in plan.shared or spec.network == "host" else POD,
        "pid": NODE if "pid" in plan.shared or flag(spec, "host_pid") else pid,
        "ipc": NODE if "ipc" in plan.shared or flag(spec, "host_ipc") else POD,
    }


def pod(spec: BoxSpec, plan: Plan, *, name: str, run_id: str, parent: str) -> dict[str, Any]:
    """PodSandboxConfig.  `parent`: the control group that all of the pod is in; empty: the runtime's own choice."""
    context: dict[str, Any] = {"namespace_options": _namespaces(spec, plan), "privileged": flag(spec, "privileged")}
    made: dict[str, Any] = {
        "metadata": {"name": name, "uid": name, "namespace": "pytest-isolation"},
        "labels": {LABEL: run_id},
        "linux": {"cgroup_parent": parent, "security_context": context},
    }
    if context["namespace_options"]["network"] == POD:
        made["hostname"] = spec.delivered.hostname
    asked = in_vain(spec, lacking.WORDS) or {}
    if "sysctls" in asked:
        made["linux"]["sysctls"] = asked["sysctls"]
    return made


def container(
    spec: BoxSpec,
    plan: Plan,
    *,
    image: str,
    agent: str,
    run_id: str,
    mounts: list[dict[str, Any]],
    name: str = "box",
    target: str = "",
) -> dict[str, Any]:
    """ContainerConfig.  `target`: the container whose PID namespace it joins."""
    delivered = spec.delivered
    mine = not isinstance(spec.image, str)
    environment = launcher.environment(spec) if mine else [f"{key}={value}" for key, value in spec.env]
    context = _context(spec, plan)
    if target:
        context["namespace_options"] |= {"pid": TARGET, "target_id": target}
    made: dict[str, Any] = {
        "metadata": {"name": name},
        "image": {"image": image},
        "command": [agent],
        "envs": [dict(zip(("key", "value"), text.split("=", 1), strict=True)) for text in environment],
        "mounts": mounts,
        "labels": {LABEL: run_id},
        "stdin": True,
        "linux": {"resources": _resources(spec), "security_context": context},
    }
    for words in worded(spec, WORDING):
        made["linux"]["resources"] |= words
    if mine or delivered.workdir != "/":
        made["working_dir"] = delivered.workdir
    if mine or delivered.uid or delivered.gid:
        context |= {"run_as_user": {"value": delivered.uid}, "run_as_group": {"value": delivered.gid}}
    for key, value in (in_vain(spec, lacking.WORDS) or {}).items():
        if key == "devices":
            made["devices"] = value
        elif key == "resources":
            made["linux"]["resources"] |= value
        elif key != "sysctls":
            if key == "run_as_username":
                context.pop("run_as_user", None)
            context[key] = context.get(key, {}) | value if isinstance(value, dict) else value
    return made


def _context(spec: BoxSpec, plan: Plan) -> dict[str, Any]:
    privileged = flag(spec, "privileged")
    unmasked = spec.option("proc_mount") == "Unmasked" or not plan.masks
    seccomp = profile(spec, "seccomp") if plan.confined else None
    context: dict[str, Any] = {
        "privileged": privileged,
        "namespace_options": _namespaces(spec, plan),
        "capabilities": {
            "add_capabilities": [*_names(spec, "cap_add"), *plan.granted],
            "drop_capabilities": _names(spec, "cap_drop"),
        },
        "readonly_rootfs": spec.read_only and plan.read_only,
        "no_new_privs": not escalates(spec) and plan.no_new_privs,
        "supplemental_groups": plan.groups,
        "masked_paths": [] if unmasked or privileged else list(MASKED),
        "readonly_paths": [] if unmasked or privileged else list(READ_ONLY),
        # The kubelet says so where nothing is asked for, unless seccompDefault is set.
        "seccomp": seccomp or {"profile_type": PROFILES.index("Unconfined")},
    }
    apparmor = profile(spec, "apparmor")
    if spec.weakenings and confines():
        apparmor = {"profile_type": PROFILES.index("Unconfined")}
    return context if apparmor is None else context | {"apparmor": apparmor}


def _names(spec: BoxSpec, key: str) -> list[str]:
    return [name.removeprefix("CAP_") for name in texts(spec, key)]


def _resources(spec: BoxSpec) -> dict[str, Any]:
    limits = launcher.limits_of(spec)
    made: dict[str, Any] = {}
    if limits.memory is not None:
        made |= {"memory_limit_in_bytes": limits.memory, "memory_swap_limit_in_bytes": limits.memory}
    if limits.cpus is not None:
        made |= {"cpu_period": PERIOD_US, "cpu_quota": max(1000, int(limits.cpus * PERIOD_US))}
    if limits.pids is not None and cgroups.mode() == "v2":
        made["unified"] = {"pids.max": str(limits.pids)}
    return made


def bind(source: str, target: str, *, read_only: bool = False, propagation: int = 0) -> dict[str, Any]:
    """Mount.  `propagation`: MountPropagation, 0 is private, 2 goes both ways."""
    return {"host_path": source, "container_path": target, "readonly": read_only, "propagation": propagation}


def handler(spec: BoxSpec) -> str:
    """Of the RuntimeClass; empty: the runtime's default."""
    value = str(spec.option("runtime", ""))
    if value and not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", value):
        raise UsageError(f"cri: runtime={value}: expected the name of a handler, as runc, crun or runsc")
    return value
