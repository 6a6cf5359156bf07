"""A bundle: config.json as the runtime's own `spec` command writes it, changed by a box spec.

Source: OCI runtime-spec 1.0, config.md and config-linux.md.
"""

from __future__ import annotations

import copy
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes import cgroups
from pytest_isolation.errors import NO_CONTROL_GROUPS, Unavailable, Unsupported, unless_root
from pytest_isolation.technologies import launcher
from pytest_isolation.technologies.base import texts
from pytest_isolation.technologies.capabilities import number_of
from pytest_isolation.technologies.container import ContainerPlan
from pytest_isolation.technologies.lacking import in_vain
from pytest_isolation.technologies.limiting import limits_asked
from pytest_isolation.technologies.oci import lacking
from pytest_isolation.technologies.oci.wording import WORDING
from pytest_isolation.technologies.program import ended
from pytest_isolation.technologies.wording import limits_a_group, worded

if TYPE_CHECKING:
    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.technologies.handed import Handed

NAMESPACES = {"pid": "pid", "net": "network", "ipc": "ipc", "uts": "uts", "user": "user", "cgroup": "cgroup"}
"""Our word -> the specification's."""
PERIOD_US = 100_000
FEW_FILES = 256

Config = dict[str, Any]


def defaults(program: str, *, rootless: bool) -> Config:
    """What `program spec` writes; raises Unavailable when it writes nothing."""
    with tempfile.TemporaryDirectory(prefix="pytest-isolation-spec-") as place:
        argv = [program, "spec", *(["--rootless"] if rootless else [])]
        done = ended(argv, timeout=60, cwd=place)
        try:
            found: Config = json.loads(Path(place, "config.json").read_bytes())
        except (OSError, ValueError):
            said = " ".join(done.stderr.split())[:300]
            raise Unavailable(f"`{' '.join(argv)}` wrote no config.json: {said}", "reinstall it") from None
    return found


@dataclass(slots=True)
class Plan(ContainerPlan):
    """How a sound container is made."""

    granted: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    """Further ones of its first process."""
    masks: bool = True
    closes: bool = True
    """Nothing that the runtime's caller has open is left open."""
    no_new_privs: bool = True
    own_keyring: bool = True
    pauses_whole: bool = True
    """All its processes stop when it is paused."""
    leaves_group: bool = False
    enters_as_user: bool = True
    """Of the box's spec."""
    enters_unprivileged: bool = True
    enters_with_no_new_privs: bool = True
    enters_with_limits: bool = True
    """Those of the first process."""
    host_sockets: bool = False
    """gVisor's alone: sockets of the host's that lie in the box can be used."""


def configure(
    base: Config, spec: BoxSpec, plan: Plan, *, root: Path, agent: str, group: str | None, handed: Sequence[Handed]
) -> Config:
    """The bundle's config for a box: `root` is its root directory, `group` its control group below each hierarchy's
    root; None: the runtime may make none.  `handed`: what its holes give it of the host.
    """
    config = copy.deepcopy(base)
    linux = config.setdefault("linux", {})
    config["root"] = {"path": os.fspath(root), "readonly": spec.read_only and plan.read_only}
    _process(config["process"], spec, plan, agent)
    _namespaces(config, spec, plan)
    config["mounts"] = _mounts(config["mounts"], spec, plan, handed)
    if not plan.masks:
        linux["maskedPaths"], linux["readonlyPaths"] = [], []
    if group is not None:
        linux["cgroupsPath"] = f"/{group}"
        linux.setdefault("resources", {}).update(_limits(spec))
    elif launcher.limits_of(spec) != cgroups.Limits() or limits_a_group(spec):
        raise Unsupported(
            "a runtime without control groups of its own sets no limits",
            "run it without rootless=true",
            cause=unless_root(NO_CONTROL_GROUPS),
        )
    for words in worded(spec, WORDING):
        lacking.change(config, words)
    if (changes := in_vain(spec, lacking.WORDS)) is not None:
        lacking.change(config, changes)
    return config


def entering(process: Config, plan: Plan) -> Config:
    """The process of an `exec`: the first one's, less what the holes leave out."""
    made = copy.deepcopy(process)
    if not plan.enters_as_user:
        made["user"] = {"uid": 0, "gid": 0}
    if not plan.enters_unprivileged:
        for kind in ("bounding", "effective", "permitted"):
            made["capabilities"][kind] = sorted({*made["capabilities"].get(kind, ()), "CAP_SYS_ADMIN"})
    if not plan.enters_with_no_new_privs:
        made["noNewPrivileges"] = False
    if not plan.enters_with_limits:
        made["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": FEW_FILES, "hard": FEW_FILES}]
    return made


def bind(config: Config, source: Path | str, target: str, *options: str) -> None:
    """One more bind mount."""
    config["mounts"].append(_bind(source, target, *options))


def _bind(source: Path | str, target: str, *options: str) -> Config:
    return {
        "destination": target,
        "type": "bind",
        "source": os.fspath(source),
        "options": ["rbind", *(options or ("rw", "rprivate"))],
    }


def _process(process: Config, spec: BoxSpec, plan: Plan, agent: str) -> None:
    delivered = spec.delivered
    # A limit above the caller's own needs CAP_SYS_RESOURCE: the box has whatever we have, but for the soft limit of
    # open files, which runc 1.1.5 raises to the hard one (findings/runtimes-open-file-limit.sh).
    process.pop("rlimits", None)
    if asked := limits_asked(spec):
        process["rlimits"] = [
            {"type": f"RLIMIT_{one.resource.upper()}", "soft": one.soft, "hard": one.hard} for one in asked
        ]
    process["terminal"] = False
    if not plan.no_new_privs:
        process["noNewPrivileges"] = False
    process["args"] = [agent]
    process["env"] = launcher.environment(spec)
    process["cwd"] = delivered.workdir
    process["user"] = {"uid": delivered.uid, "gid": delivered.gid}
    if plan.groups:
        process["user"]["additionalGids"] = plan.groups
    added = {*texts(spec, "cap_add"), *plan.granted}
    for name in added:
        number_of(name)
    for kind in ("bounding", "effective", "permitted", "ambient"):
        if kind in process["capabilities"]:
            kept = {*process["capabilities"][kind], *(f"CAP_{name.removeprefix('CAP_')}" for name in added)}
            process["capabilities"][kind] = sorted(kept)


def _namespaces(config: Config, spec: BoxSpec, plan: Plan) -> None:
    listed = {one["type"]: one for one in config["linux"]["namespaces"]}
    sibling = spec.started_beside
    if spec.option("cgroupns") == "private":
        listed["cgroup"] = {"type": "cgroup"}
    elif spec.option("cgroupns") == "host":
        listed.pop("cgroup", None)
    if spec.network == "none":
        listed.setdefault("network", {"type": "network"})  # `spec --rootless` lists none
    for ours, theirs in NAMESPACES.items():
        if ours in plan.shared or (ours == "net" and spec.network == "host"):
            listed.pop(theirs, None)
        elif ours in plan.joined and sibling is not None:
            listed[theirs] = {"type": theirs, "path": f"/proc/{sibling.parts.init_pid}/ns/{ours}"}
    config["linux"]["namespaces"] = list(listed.values())
    # A name in somebody else's UTS namespace is not ours to set, and runtimes refuse it.
    config["hostname"] = spec.delivered.hostname
    if "path" in listed.get("uts", {"path": ""}):
        del config["hostname"]


def _mounts(listed: list[Config], spec: BoxSpec, plan: Plan, handed: Sequence[Handed]) -> list[Config]:
    found = [dict(one) for one in listed]
    for path in ("/tmp", "/run"):
        if spec.read_only and not any(one.target == path for one in handed):
            options = ["nosuid", "nodev", "mode=1777", "size=16m"]
            found.append({"destination": path, "type": "tmpfs", "source": "tmpfs", "options": options})
    if not plan.cgroup_read_only:
        for one in found:
            if one["type"] == "cgroup":
                one["options"] = [option for option in one["options"] if option != "ro"]
    for given in handed:
        found = [one for one in found if one["destination"] != given.target]
        if given.target == "/dev":
            found = [one for one in found if not one["destination"].startswith("/dev/")]
        found.append(_bind(given.host, given.target))
    return found


def _limits(spec: BoxSpec) -> Config:
    limits, found = launcher.limits_of(spec), Config()
    if limits.memory is not None:
        found["memory"] = {"limit": limits.memory}
        tree = cgroups.hierarchies().get("memory")
        if tree is None or (tree / "memory.memsw.limit_in_bytes").exists():
            found["memory"]["swap"] = limits.memory
    if limits.pids is not None:
        found["pids"] = {"limit": limits.pids}
    if limits.cpus is not None:
        found["cpu"] = {"quota": max(1000, int(limits.cpus * PERIOD_US)), "period": PERIOD_US}
    return found
