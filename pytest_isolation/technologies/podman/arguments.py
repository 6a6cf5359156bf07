"""From a box spec to the arguments of podman-run(1): limits, holes, and the user's own options."""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING

from pytest_isolation.errors import UsageError
from pytest_isolation.technologies import launcher, neighbours
from pytest_isolation.technologies.apparmor import confines
from pytest_isolation.technologies.base import texts
from pytest_isolation.technologies.docker.limits import swap_of
from pytest_isolation.technologies.lacking import in_vain
from pytest_isolation.technologies.limiting import limits_asked
from pytest_isolation.technologies.opens import folded
from pytest_isolation.technologies.podman import lacking
from pytest_isolation.technologies.podman.engine import LABEL, Engine
from pytest_isolation.technologies.podman.holes import OPENS, Plan
from pytest_isolation.technologies.ports import podmans_at_any_port
from pytest_isolation.technologies.wording import BY_OPTION, worded_lines

if TYPE_CHECKING:
    from pytest_isolation.boxes.spec import BoxSpec

CHOOSING = frozenset({"container", "rootless", "user", "runtime"})
"""Keywords that say which Podman, or which container, not what Podman is told."""

OURS = {
    "attach": "the agent's channel is attached",
    "detach": "the agent's channel is attached",
    "entrypoint": "the agent is the entry point",
    "interactive": "the agent is spoken to over it",
    "log_driver": "the agent's traffic is never logged",
    "name": "the name says which run it belongs to; put the box's own before the = of --box",
    "pull": "nothing is ever pulled",
    "replace": "no container of somebody else's is taken away",
    "restart": "a box that ended stays ended",
    "rm": "every container is removed when its box ends",
    "rootfs": "give image=NAME, or leave it out for the image made by us",
    "tty": "a terminal would change the agent's bytes",
}
"""Options that are not the user's, and why."""

ID_MAPS = ("uidmap", "gidmap", "userns", "subuidname", "subgidname")

COMMON = {
    "cpus": "cpus",
    "env": "env",
    "hostname": "hostname",
    "memory": "memory",
    "network": "network",
    "pids_limit": "pids",
    "read_only": "read_only",
    "workdir": "workdir",
}
"""Options that have a word every technology knows: that one is to be used."""


def check(spec: BoxSpec, engine: Engine) -> None:
    """Raises UsageError for an option that podman run has not, or that is ours."""
    known = None
    for key, value in spec.options:
        if spec.attached and key not in ("container", "rootless", "user"):
            raise UsageError(f"podman: {key}={value}: a running container is as it is; leave it out with container=")
        if key in CHOOSING:
            continue
        if key in OURS:
            raise UsageError(f"podman: {key} cannot be set: {OURS[key]}; leave it out")
        if key in COMMON:
            raise UsageError(f"podman: write {COMMON[key]}=... for {key}: every technology knows that word")
        known = known or _options(engine)
        if key not in known:
            near = difflib.get_close_matches(key, sorted({*known, *CHOOSING}), 1)
            hint = (f"did you mean {near[0]!r}? " if near else "") + "expected an option of podman-run(1), with _ for -"
            raise UsageError(f"podman run has no option --{key.replace('_', '-')}; {hint}")


def _options(engine: Engine) -> dict[str, bool]:
    """Option of podman run, with _ for -, -> whether it takes a value."""
    found = re.findall(r"^ +(?:-\w, )?--([a-z0-9-]+)(?: ([a-z]\S*))?", engine.command("run", "--help"), re.MULTILINE)
    return {name.replace("-", "_"): bool(value) for name, value in found}


def arguments(spec: BoxSpec, *, name: str, agent: str, run_id: str) -> list[str]:
    """Of `podman run`, before the image; without mounts of directories, which the start makes."""
    found = ["--interactive", "--pull", "never", "--log-driver", "none", "--name", name]
    found += ["--stop-signal", spec.stop_signal] if spec.stop_signal else ["--rm"]
    found += ["--label", f"{LABEL}={run_id}", "--entrypoint", json.dumps([agent])]
    plan = folded(OPENS, Plan(), spec)
    found += _identity(spec) + _limits(spec) + _file_systems(spec, plan) + _namespaces(spec, plan)
    for one in (*spec.publish, *plan.published):
        found += ["--publish", f"{one.address if plan.binds_addresses else '0.0.0.0'}::{one.inside}/tcp"]
    found += plan.options + own(spec)
    if spec.weakenings and confines():
        found += ["--security-opt", "apparmor=unconfined"]
    # After the user's own: of two that say the same the last is taken, and a box has what a check asks for.
    for limit in limits_asked(spec):
        found += ["--ulimit", f"{limit.resource}={limit.soft}:{limit.hard}"]
    return found + worded_lines(spec, BY_OPTION) + (in_vain(spec, lacking.WORDS) or [])


def opted(spec: BoxSpec, engine: Engine | None = None) -> dict[str, bool]:
    """What the user's own options take away, or bring: facts that claims rest on.

    `own_users`: an id map of the box's own.  That of rootless boxes is this user's: what goes beyond is refused.
    `host_loopback`: the user mode network hands on to the host's loopback (loopback.py).  Source: podman-run(1).
    """
    users = [str(spec.option(key)) for key in ID_MAPS if spec.option(key) is not None]
    return {
        "own_users": any(text != "host" for text in users),
        "host_loopback": (engine or Engine()).opens_loopback(spec.network),
    }


def own(spec: BoxSpec) -> list[str]:
    """The user's options; `true` is for those that take no value."""
    found = []
    for key, _ in spec.options:
        if key not in CHOOSING and key != "memory_swap":
            free = key == "publish" and spec.any_port
            words = [podmans_at_any_port(text) if free else text for text in texts(spec, key)]
            found += [f"--{key.replace('_', '-')}={text}" for text in words]
    return found


def _identity(spec: BoxSpec) -> list[str]:
    """An image of ours gets what every box has; the user's own keeps what it says unless told otherwise."""
    spec = spec.delivered
    mine = not isinstance(spec.image, str)
    environment = launcher.environment(spec) if mine else [f"{key}={value}" for key, value in spec.env]
    found = [word for text in environment for word in ("--env", text)]
    if mine or spec.uid or spec.gid:
        found += ["--user", f"{spec.uid}:{spec.gid}"]
    if mine or spec.workdir != "/":
        found += ["--workdir", spec.workdir]
    return found


def _limits(spec: BoxSpec) -> list[str]:
    limits = launcher.limits_of(spec)
    found: list[str] = []
    if limits.memory is not None:
        found += ["--memory", str(limits.memory)]
        found += ["--memory-swap", str(swap_of(limits.memory, spec.option("memory_swap")))]
    if limits.cpus is not None:
        found += ["--cpus", str(limits.cpus)]
    # Podman has a limit of its own, 2048, that would stand in for the one that was weakened away.
    return [*found, "--pids-limit", str(limits.pids)] if limits.pids is not None else found


def _file_systems(spec: BoxSpec, plan: Plan) -> list[str]:
    found: list[str] = []
    if spec.read_only:
        if plan.read_only:
            found += ["--read-only", "--read-only-tmpfs=false"]
        for path, options in (("/tmp", "size=16m,mode=1777"), ("/run", "size=16m")):
            if path in plan.fresh:
                found += ["--tmpfs", f"{path}:{options}"]
    return found


def _namespaces(spec: BoxSpec, plan: Plan) -> list[str]:
    options = {"pid": "--pid", "net": "--network", "ipc": "--ipc", "uts": "--uts", "cgroup": "--cgroupns"}
    sibling = spec.started_beside
    modes = {"--network": spec.network} if spec.network is not None else {}
    if (around := neighbours.beside(spec)) is not None:
        modes |= {options[kind]: mode for kind, mode in around.modes.items()}
        words = {"UsernsMode": "--userns", "CgroupMode": "--cgroupns"}
        modes |= {words[key]: value for key, value in around.other.items() if key in words}
        if around.networks:
            modes["--network"] = ",".join(around.networks)
    for kind, option in options.items():
        if kind in plan.shared:
            modes[option] = "host"
        elif kind in plan.joined:
            if sibling is not None:
                modes[option] = f"container:{sibling.parts.id}"
            elif kind == "ipc":
                modes[option] = "shareable"
    found = [word for option, mode in modes.items() for word in (option, mode)]
    joined = str(modes.get("--network", "")).startswith("container:")
    if not joined and modes.get("--uts") != "host":
        found += ["--hostname", spec.delivered.hostname]
    return found
